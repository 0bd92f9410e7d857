"""Tiny language models, a tokenizer of each layout, and eight motions with captions."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM

from lamp_core.config.base import FROM_SCRATCH, Optimisation
from lamp_core.config.captioning import LanguageModel
from lamp_core.config.models import Tokenizer
from lamp_core.config.motion_language import Alignment, Instruction
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.own_language_model import own_tokenizer
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.vocabulary import MotionVocabulary, extend
from lamp_core.motion_language.words import MotionWords
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer

VERBS = ("walks", "runs", "jumps", "kicks", "turns", "waves", "bows", "sits")
CAPTIONS = tuple(f"a person {verb} {'slowly ' * (index % 3)}to the left" for index, verb in enumerate(VERBS))
CODES = 6
MAX_TOKENS = 8
POSITIONS = 96
QUICK = Optimisation(
    steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, checkpoint_every=4, validate_every=4
)
ALIGNMENT = Alignment(
    lora_rank=4,
    lora_alpha=8,
    max_frames=4 * MAX_TOKENS,
    max_text_tokens=24,
    decoded=2,
    bucket_batches=2,
    training=QUICK,
)
INSTRUCTION = Instruction(
    lora_rank=4, lora_alpha=8, prompts="short", decoded=2, bucket_batches=2, training=QUICK
)


@dataclass(frozen=True)
class Described:
    """What a vocabulary asks of a tokenizer."""

    channels: tuple[Channel, ...]
    downsampling: int = 4

    def identity(self) -> str:
        return "d" * 64


ONE = Described((Channel("motion", "codebook", CODES),))
LAYERS = Described(tuple(Channel(f"layer {place}", "residual layer", CODES - place) for place in range(3)))
BODY = Described((Channel("body", "body part", CODES), Channel("hands", "body part", 4)))
KINDS: dict[str, Any] = {"one": ONE, "layers": LAYERS, "body": BODY}


def _gpt2(words: int) -> Any:
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}
    return GPT2LMHeadModel(GPT2Config(vocab_size=words, **sizes))


def _llama(words: int) -> Any:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    return LlamaForCausalLM(LlamaConfig(vocab_size=words, **sizes, max_position_embeddings=POSITIONS))


def _opt(words: int) -> Any:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 64}
    return OPTForCausalLM(
        OPTConfig(vocab_size=words, **sizes, max_position_embeddings=POSITIONS, dropout=0.0)
    )


MODELS: dict[str, Callable[[int], Any]] = {"opt": _opt, "gpt2": _gpt2, "llama": _llama}


def text_tokenizer() -> Any:
    """Word pieces of the captions."""
    settings = LanguageModel(checkpoint=FROM_SCRATCH, vocabulary_size=200, max_positions=POSITIONS)
    return own_tokenizer(CAPTIONS, "move from to over say go on fill : =", settings)


def causal(kind: str = "opt", seed: int = 0) -> CausalModel:
    """An untrained language model of a kind, as stages load it."""
    torch.manual_seed(seed)
    text = text_tokenizer()
    model = MODELS[kind](len(text)).eval().requires_grad_(False)
    return CausalModel(model, text, FROM_SCRATCH, "base")


def learnt(base: CausalModel, tokenizer: Any, seed: int = 0, length_every: int = 0) -> MotionVocabulary:
    """The words of a tokenizer, appended to a language model."""
    vocabulary = MotionVocabulary.of(tokenizer, MAX_TOKENS, len(base.tokenizer), length_every=length_every)
    extend(base.model, base.tokenizer, vocabulary, seed)
    return vocabulary


def spoken(tokenizer: Any = ONE) -> list[SpokenMotion]:
    """Eight motions of two to eight tokens, each with one caption."""
    draws = np.random.default_rng(0)
    sizes = [channel.codebook_size for channel in tokenizer.channels]
    return [
        SpokenMotion(draws.integers(0, sizes, (2 + index % 7, len(sizes))), (caption,))
        for index, caption in enumerate(CAPTIONS)
    ]


def extended(
    kind: str = "opt", tokenizer: Any = ONE, prompts: str = "short", length_every: int = 0
) -> tuple[Any, MotionWords]:
    """An extended language model whose weights are far from zero, and its words."""
    base = causal(kind)
    vocabulary = learnt(base, tokenizer, 1, length_every)
    torch.manual_seed(2)
    for name, parameter in base.model.named_parameters():
        if parameter.ndim > 1 and "embed" not in name:
            parameter.data.normal_(std=0.2)
    return base.model, MotionWords(base.tokenizer, vocabulary, prompts, 24)


@pytest.fixture(params=list(MODELS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(KINDS))
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture(scope="session")
def vqvae() -> MotionTokenizer:
    """A real tokenizer of as many codes, untrained."""
    settings = Tokenizer(hidden_dim=8, code_dim=8, codebook_size=CODES, residual_depth=1)
    made = new_tokenizer(263, settings).eval()
    made.start_at_random()
    return made.requires_grad_(False)


def copied(model: Any) -> Any:
    return deepcopy(model)
