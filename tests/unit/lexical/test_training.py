"""Every phase learns eight clips by heart, and goes on from a checkpoint as if nothing had been."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lamp_core.config import LexicalBridge
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, LexicalItem, Motions
from lamp_core.lexical.bridge_training import BridgeModel, measured_bridge, train_bridge
from lamp_core.lexical.contrast_training import train_contrast
from lamp_core.lexical.folder import joined, load_lexical, represented, save_lexical, untrained
from lamp_core.lexical.masking import WordMasking
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.motion_folder import load_motion, save_motion
from lamp_core.lexical.motion_training import measured_motion, new_motion_model, train_motion
from lamp_core.lexical.probe import names_of, probed
from lamp_core.lexical.text_folder import load_text, save_text
from lamp_core.lexical.text_training import measured_text, new_text_model, train_text
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.lexical.conftest import (
    CAPTIONS,
    CPU,
    QUICK,
    contrast_settings,
    motion_settings,
    text_settings,
)

Train = Callable[[int, Path | None], nn.Module]
BRIDGE = LexicalBridge(training=QUICK)


def test_masked_words_are_learnt_through_the_bottleneck() -> None:
    settings = text_settings()
    settings = settings.model_copy(update={"training": QUICK.model_copy(update={"steps": 250})})
    model, tokenizer = new_text_model(settings, CAPTIONS, CPU)
    masking = WordMasking(tokenizer, settings.function_word_weight, CPU)
    table = CaptionTable(CAPTIONS, tokenizer, CPU)
    before = measured_text(model, masking, table, settings)
    train_text(model, tokenizer, CAPTIONS, settings)
    after = measured_text(model, masking, table, settings)
    assert after["val_content_accuracy"] > before["val_content_accuracy"] + 0.3
    assert after["val_bottleneck_accuracy"] > before["val_bottleneck_accuracy"] + 0.3
    assert after["val_lexical_entropy"] < before["val_lexical_entropy"] - 0.3


def test_masked_patches_and_views_are_learnt(items: list[LexicalItem]) -> None:
    settings = motion_settings()
    model = new_motion_model(settings, load_skeleton("smpl22"), CPU)
    motions = Motions([item.features_TD for item in items], CPU)
    before = measured_motion(model, motions, settings)
    train_motion(model, items, settings)
    after = measured_motion(model, motions, settings)
    assert after["val_reconstruction"] < 0.9 * before["val_reconstruction"]
    assert after["val_view_r1"] > 80 > before["val_view_r1"] - 20


def test_captions_are_filled_in_by_the_words_of_their_motion(items: list[LexicalItem]) -> None:
    verbs = ("walks", "runs", "jumps", "waves", "kicks", "bows", "sits", "dances")
    captions = [f"a person {verb}" for verb in verbs]  # only the motion knows which
    items = [replace(item, captions=(text,)) for item, text in zip(items, captions, strict=True)]
    of_text = text_settings().model_copy(update={"training": QUICK.model_copy(update={"steps": 300})})
    text, tokenizer = new_text_model(of_text, captions, CPU)
    train_text(text, tokenizer, captions, of_text)
    encoder = new_motion_model(motion_settings(), load_skeleton("smpl22"), CPU).encoder
    bridge = BridgeModel(joined(text.text, encoder, 0), text.decoder)
    kept = {name: value.clone() for name, value in text.text.state_dict().items()}
    train_bridge(bridge, tokenizer, items, BRIDGE, 0.2)
    masking = WordMasking(tokenizer, 0.2, CPU)
    found = measured_bridge(bridge, masking, tokenizer, items, BRIDGE)
    assert found["val_content_accuracy"] > found["val_content_accuracy_of_another"] + 0.5
    assert all(torch.equal(kept[name], value) for name, value in text.text.state_dict().items())


@pytest.mark.parametrize("representation", ["lexical", "dense"])
def test_eight_motions_and_their_captions_find_each_other(
    representation: str, lexical: tuple[LexicalModel, TextTokenizer], items: list[LexicalItem]
) -> None:
    settings = contrast_settings(representation=representation)
    model, tokenizer = represented(lexical[0], settings), lexical[1]
    train_contrast(model, tokenizer, items, settings)
    vectors = LexicalVectors(model, tokenizer)
    motions_NV = units(vectors.motion_weights([item.features_TD for item in items]))
    similarity_NN = units(vectors.text_weights(CAPTIONS)) @ motions_NV.T
    assert (similarity_NN.argmax(axis=1) == np.arange(8)).all()
    assert (similarity_NN.argmax(axis=0) == np.arange(8)).all()


def test_the_regulariser_makes_vectors_sparser(
    lexical: tuple[LexicalModel, TextTokenizer], items: list[LexicalItem]
) -> None:
    terms = {}
    for weight in (0.0, 0.5):
        settings = contrast_settings(
            flops_weight=weight, training=QUICK.model_copy(update={"steps": 25}), flops_warmup_steps=1
        )
        model = represented(untrained(lexical[0], 0), settings)
        train_contrast(model, lexical[1], items, settings)
        terms[weight] = (LexicalVectors(model, lexical[1]).text_weights(CAPTIONS) > 0).sum()
    assert terms[0.5] < 0.7 * terms[0.0]


def of_text(steps: int, checkpoints: Path | None) -> nn.Module:
    settings = text_settings().model_copy(update={"training": of_steps(steps), "dropout": 0.1})
    model, tokenizer = new_text_model(settings, CAPTIONS, CPU)
    train_text(model, tokenizer, CAPTIONS, settings, checkpoints=checkpoints)
    return model


def of_motion(steps: int, checkpoints: Path | None) -> nn.Module:
    settings = motion_settings(training=of_steps(steps), dropout=0.1)
    model = new_motion_model(settings, load_skeleton("smpl22"), CPU)
    train_motion(model, eight(), settings, checkpoints=checkpoints)
    return model


def of_bridge(steps: int, checkpoints: Path | None) -> nn.Module:
    model, decoder, tokenizer = start()
    bridge = BridgeModel(model, decoder)
    train_bridge(
        bridge, tokenizer, eight(), LexicalBridge(training=of_steps(steps)), 0.2, checkpoints=checkpoints
    )
    return bridge


def of_contrast(steps: int, checkpoints: Path | None) -> nn.Module:
    settings = contrast_settings(training=of_steps(steps))
    model, _, tokenizer = start()
    model = represented(model, settings)
    train_contrast(model, tokenizer, eight(), settings, checkpoints=checkpoints)
    return model


def of_steps(steps: int) -> object:
    """The first steps of a training of eight with a constant rate, a checkpoint every two."""
    return QUICK.model_copy(
        update={"steps": steps, "schedule": "constant", "checkpoint_every": 2, "batch_size": 4}
    )


def eight() -> list[LexicalItem]:
    from tests.unit.lexical.conftest import motion

    return [
        LexicalItem(f"clip{place}", motion(40 + 12 * place, place), (caption, "a person moves"))
        for place, caption in enumerate(CAPTIONS)
    ]


def start() -> tuple[LexicalModel, nn.Module, TextTokenizer]:
    text, tokenizer = new_text_model(text_settings(), CAPTIONS, CPU)
    encoder = new_motion_model(motion_settings(), load_skeleton("smpl22"), CPU).encoder
    return joined(text.text, encoder, 0), text.decoder, tokenizer


@pytest.mark.parametrize("train", [of_text, of_motion, of_bridge, of_contrast])
def test_a_resumed_phase_is_the_uninterrupted_one(train: Train, tmp_path: Path) -> None:
    whole = train(8, None).state_dict()
    train(6, tmp_path / "checkpoints")  # ends after its checkpoint of step 4
    resumed = train(8, tmp_path / "checkpoints").state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_models_of_every_phase_come_back_from_disk(
    lexical: tuple[LexicalModel, TextTokenizer], text: tuple, tmp_path: Path
) -> None:
    model, tokenizer = lexical
    save_text(tmp_path / "lexical_text", text[0], tokenizer)
    save_motion(tmp_path / "lexical_motion", model.motion)
    save_lexical(tmp_path / "lexical_bridge", model, tokenizer)
    for made, loaded in (
        (text[0], load_text(tmp_path / "lexical_text")[0]),
        (model.motion, load_motion(tmp_path / "lexical_motion")),
        (model, load_lexical(tmp_path / "lexical_bridge")[0]),
    ):
        state = loaded.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in made.state_dict().items())
    with pytest.raises(LampError, match=r"no trained model in .*; `lamp run --until nothing` makes it"):
        load_lexical(tmp_path / "nothing")


def test_what_cannot_be_trained_is_said(lexical: tuple[LexicalModel, TextTokenizer]) -> None:
    with pytest.raises(LampError, match=r"rejected\.parquet"):
        train_contrast(*lexical, [], contrast_settings())
    with pytest.raises(LampError, match=r"rejected\.parquet"):
        new_text_model(text_settings(), [], CPU)
    off = motion_settings(contrastive_weight=0, reconstruction_weight=0)
    with pytest.raises(LampError, match="both losses of lexical_motion are off"):
        train_motion(new_motion_model(off, load_skeleton("smpl22"), CPU), eight(), off)


def test_a_probe_reads_what_is_linearly_there() -> None:
    draws = np.random.default_rng(0)
    labels: list[str | None] = ["walk", "run", "jump"] * 20
    centres = {label: draws.normal(size=5) for label in labels}
    states = np.stack([centres[label] + 0.1 * draws.normal(size=5) for label in labels])
    labels[0] = labels[45] = None  # these two are left out
    found = probed("verb", states[:45], labels[:45], states[45:], labels[45:])
    assert found["val_probe_verb_accuracy"] == 1.0
    assert found["val_probe_verb_most_frequent"] == pytest.approx(5 / 14)
    assert probed("verb", states, labels, states[:0], []) == {}


def test_a_probe_takes_the_label_of_content_where_there_is_one() -> None:
    walks = Caption(
        "a man walks and hops", ("a", "man", "walk", "and", "hop"), ("DET", "NOUN", "VERB", "CCONJ", "VERB")
    )
    nothing_TD = np.zeros((4, 1))
    items = [
        Item("a", 0, nothing_TD, (walks,), {"content": "walk-hop", "style": "old"}),
        Item("b", 0, nothing_TD, (walks,)),
    ]
    assert names_of(items) == {"content": ["walk-hop", None], "verb": ["walk", "walk"]}
