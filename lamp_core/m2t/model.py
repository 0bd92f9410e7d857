"""LaMP-M2T: queries as soft tokens before the prompt of a frozen language model with LoRA (section 3.4).

The tokenizer's latents may stand behind the queries (``m2t.reads``).
Shapes: B batch, S motion tokens, C code width, Q queries, H width of LaMP, N soft tokens of all motions, E
width of the language model's word embeddings, X soft tokens, prompt and caption, L word pieces of a caption,
V vocabulary.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lamp_core.config.base import FROM_SCRATCH
from lamp_core.config.captioning import MotionToText
from lamp_core.errors import LampError
from lamp_core.lamp.model import LaMP
from lamp_core.m2t.language_model import STAGE, CausalModel
from lamp_core.m2t.soft_tokens import (
    LatentProjection,
    MotionStates,
    linear_among_words,
    one_after_the_other,
    reads_latents,
    soft_latents,
)
from lamp_core.m2t.words import PromptedWords
from lamp_core.segments import SegmentBatch, Side, embed, next_token_logits
from lamp_core.training.optimiser import RateShares
from lamp_core.training.partly_trained import PartlyTrained

MOTION_SIDE = ("queries_QH", "query_norm", "latent_norm", "latent_position")
MOTION_LAYERS = ("attention", "attention_norm", "cross", "cross_norm", "query_feed_forward", "query_norm")
"""Parts of LaMP, and of each of its blocks, that a motion passes on its way to the query states."""
PROJECTIONS = (
    ("q_proj", "k_proj", "v_proj", "out_proj"),
    ("q_proj", "k_proj", "v_proj", "o_proj"),
    ("c_attn",),
    ("query_key_value",),
    ("qkv_proj", "o_proj"),
)
"""Attention projections as OPT names them; LLaMA, Mistral, Qwen; GPT-2; NeoX, BLOOM, Falcon; Phi-3."""


class MotionCaptioner(PartlyTrained):
    """Motion transformer, projections, and language model with LoRA.

    Its state is what is trained, and nothing else: LoRA, the projections, and the motion transformer when it
    is trained along. Checkpoints are small whatever the language model is.

    Args:
        language: model with LoRA (`with_lora`).
        lamp: pretrained.
        words: prompt and captions as word pieces of that model.
        settings: section ``m2t``.
    """

    def __init__(self, language: nn.Module, lamp: LaMP, words: PromptedWords, settings: MotionToText) -> None:
        super().__init__()
        self.settings, self.words = settings, words
        self.language = language
        self.lamp = lamp.requires_grad_(False)
        for parameter in motion_parameters(lamp).values() if settings.train_motion_transformer else ():
            parameter.requires_grad_(True)
        self.projection = linear_among_words(lamp.shape.hidden_dim, self.word_embedding)
        self.latent_projection = (
            LatentProjection(lamp.shape.code_dim, settings.latents_together, self.word_embedding)
            if reads_latents(settings)
            else None
        )
        self.note_trained()

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.projection.weight.device

    @property
    def rate_shares(self) -> RateShares:
        """Share of the learning rate at which the motion transformer is trained along."""
        names = motion_parameters(self.lamp)
        return {f"lamp.{name}": self.settings.motion_learning_rate for name in names}

    @property
    def word_embedding(self) -> nn.Embedding:
        """The language model's own."""
        embedding: nn.Embedding = self.language.get_input_embeddings()  # type: ignore[operator]
        return embedding

    def train(self, mode: bool = True) -> "MotionCaptioner":
        """Dropout in what is trained, and in the language model around LoRA; none in a frozen LaMP."""
        super().train(mode)
        if not self.settings.train_motion_transformer:
            self.lamp.eval()
        return self

    def query_states(self, latents_BSC: Tensor, tokens_mask_BS: Tensor) -> Tensor:
        """Return the states of the queries that read the motion, (B, Q, H)."""
        return self.lamp.encode_motion(latents_BSC, tokens_mask_BS)

    def soft_counts(self, states: MotionStates) -> list[int]:
        """How many soft tokens each motion is."""
        queries = self.lamp.shape.queries
        if self.latent_projection is None:
            return [queries] * len(states)
        lengths = states.mask_BS.sum(dim=1).tolist()
        return [queries + soft_latents(length, self.settings) for length in lengths]

    def soft_tokens(self, states: MotionStates) -> Tensor:
        """Return the soft tokens of the motions one after the other, (N, E)."""
        queries_BQE: Tensor = self.projection(states.queries_BQH)
        if self.latent_projection is None:
            return queries_BQE.flatten(0, 1)
        latents_BGE, mask_BG = self.latent_projection(states.latents_BSC, states.mask_BS)
        return one_after_the_other(queries_BQE, latents_BGE, mask_BG)

    def sequences(
        self, states: MotionStates, pieces: Sequence[Sequence[int]], side: Side = "right"
    ) -> SegmentBatch:
        """Return [soft tokens | begin, prompt | caption, end] of captions as word pieces, on the device.

        Args:
            states: of the motions.
            pieces: of their captions.
            side: where the shorter ones are padded.
        """
        return self.words.sequences(pieces, self.soft_counts(states), side).to(self.device)

    def prefix(self, states: MotionStates) -> tuple[Tensor, Tensor]:
        """Return [soft tokens | begin, prompt] as embeddings (B, X, E): what a caption continues.

        Shorter ones are padded in front, so that all end together; (B, X) says where something stands.
        """
        batch = self.sequences(states, [()] * len(states), side="left")
        return self.embedded(states, batch), batch.seen_BX

    def embedded(self, states: MotionStates, batch: SegmentBatch) -> Tensor:
        """Return sequences as embeddings (B, X, E), the motions as soft tokens."""
        return embed(batch, self.word_embedding, self.soft_tokens(states))

    def forward(self, states: MotionStates, batch: SegmentBatch) -> Tensor:
        """Return logits (B, L, V) of each word piece of the captions, given what stands before it.

        Args:
            states: of the motions.
            batch: their captions (`sequences`).
        """
        return next_token_logits(self.language, batch, self.soft_tokens(states))


def with_lora(base: CausalModel, settings: MotionToText) -> nn.Module:
    """Return the frozen language model with LoRA on its attention projections, by peft.

    Raises:
        LampError: the model has no attention projections of a known name, or none of the given names.
    """
    from peft import LoraConfig, get_peft_model

    targets = list(settings.target_modules or attention_projections(base.model))
    how = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets,
    )
    try:
        with quiet_peft():
            adapted: nn.Module = get_peft_model(prepare_base(base, settings), how)
            return adapted
    except ValueError as error:
        raise LampError(f"m2t.target_modules {targets}: {str(error).splitlines()[0]}") from error


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Without what peft makes transformers say about names that will change: nobody here can act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def prepare_base(base: CausalModel, settings: MotionToText) -> Any:
    """Return the language model as LoRA is put into it: named, and with the memory it is allowed."""
    named = f"data/{STAGE}" if base.checkpoint == FROM_SCRATCH else base.checkpoint
    base.model.name_or_path = named  # stands in the adapter's file
    if settings.gradient_checkpointing:
        base.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return base.model


def attention_projections(model: nn.Module) -> tuple[str, ...]:
    """Return the names of a model's attention projections.

    Raises:
        LampError: none of the known names is there.
    """
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    for known in PROJECTIONS:
        if names.issuperset(known):
            return known
    raise LampError(
        f"the attention projections of {type(model).__name__} have unknown names; give m2t.target_modules"
    )


def motion_parameters(lamp: LaMP) -> dict[str, nn.Parameter]:
    """Return the parameters of LaMP's motion transformer by name."""
    return {
        name: parameter
        for name, parameter in lamp.named_parameters()
        if name.split(".")[0] in MOTION_SIDE
        or (name.startswith("transformer.blocks.") and name.split(".")[3] in MOTION_LAYERS)
    }
