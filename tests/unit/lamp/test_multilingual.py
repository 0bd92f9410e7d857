"""A multilingual text encoder is a parameter: any checkpoint, here one made in the test."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lamp_core.inference.models import say_what_is_lost
from lamp_core.lamp.text_encoder import TextEncoder
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.t2m.conditions import EncoderConditions
from lamp_core.t2m.generator import MotionGenerator
from tests.unit.t2m.conftest import make_generator, model, settings, space

__all__ = ["make_generator", "model", "settings", "space"]

SENTENCES = ["a person walks", "ein Mann läuft", "человек идёт", "一个人向前走", "एक आदमी चलता है"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("multilingual")
    text = "".join(SENTENCES).replace(" ", "")
    words = [f"▁{word}" for sentence in SENTENCES[:3] + SENTENCES[4:] for word in sentence.split()]
    known = [("<pad>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    known += [(word, -1.0) for word in dict.fromkeys(words) if len(word) > 2]
    known += [(letter, -5.0) for letter in dict.fromkeys(text)]
    pieces = Tokenizer(models.Unigram(known, unk_id=1))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>", unk_token="<unk>").save_pretrained(
        folder
    )
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=pieces.get_vocab_size(), max_position_embeddings=64, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


def test_every_script_gets_a_vector_of_its_own(folder: Path) -> None:
    encoder = TextEncoder.load(str(folder))
    embedded = encoder.embeddings(SENTENCES)
    assert embedded.shape == (len(SENTENCES), 16) and torch.isfinite(embedded).all()
    apart = torch.cdist(embedded, embedded) + torch.eye(len(SENTENCES))
    assert apart.min() > 1e-3


def test_words_in_every_script_are_known_and_others_are_named(folder: Path) -> None:
    encoder = TextEncoder.load(str(folder))
    for sentence in SENTENCES:
        assert encoder.losses(sentence) == []
    (line,) = encoder.losses("a person кинет عربي")
    assert line == "the text encoder does not know 2 of the prompt's 4 words: кинет, عربي"


@pytest.mark.parametrize("is_fast", [True, False])
def test_what_is_cut_is_named(folder: Path, is_fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = TextEncoder.load(str(folder))
    monkeypatch.setattr(type(encoder.tokenizer), "is_fast", is_fast)
    whole = " ".join(SENTENCES[:3])
    (line,) = [
        line for line in encoder.losses(" ".join([whole] * 12)) if line.startswith("the prompt is too long")
    ]
    assert line.endswith("идёт'") and line.count("человек") < 12
    assert encoder.losses(whole) == []


def test_prompts_are_said_to_the_encoder_that_reads_them(
    folder: Path, make_generator: Callable[[Skeleton], MotionGenerator]
) -> None:
    generator = replace(
        make_generator(load_skeleton("smpl22")), conditions=EncoderConditions(TextEncoder.load(str(folder)))
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(2):
            say_what_is_lost(generator, "человек танцует")
    assert [str(warning.message) for warning in said] == [
        "the text encoder does not know 1 of the prompt's 2 words: танцует"
    ]


def test_an_encoder_of_bytes_spells_what_it_does_not_know(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<pad>"])
    pieces.train_from_iterator(["a person walks to the left", "a person waves 12 times"] * 9, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>")
    encoder = TextEncoder(None, tokenizer, 32)
    assert encoder.losses("a person walks to the left 37 times") == []
    (line,) = encoder.losses("a человек walks 向 left")
    assert line == "the text encoder does not know 2 of the prompt's 5 words: человек, 向"
