"""A saved model: in the numbers of its weights, of its own base, with the ids that its tokenizer has."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer

from lamp_core.errors import LampError
from lamp_core.m2t import language_model
from lamp_core.m2t.language_model import identity_of, record_base
from lamp_core.motion_language import folder as place
from lamp_core.motion_language.folder import load_speaker, save_speaker
from lamp_core.motion_language.model import MotionLanguageModel
from tests.unit.motion_language.conftest import INSTRUCTION, copied, extended
from tests.unit.motion_language.test_training import origin

CPU = torch.device("cpu")


@pytest.mark.parametrize("stored", ["float32", "bfloat16"])
def test_a_model_is_loaded_in_the_numbers_that_it_was_saved_in(
    stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, words = extended()
    save_speaker(tmp_path, model.to(getattr(torch, stored)), words, origin("short"))
    asked: list[bool] = []

    def load(*arguments: Any, is_from_scratch: bool) -> Any:
        asked.append(not is_from_scratch)
        return language_model.load_checkpoint(*arguments, is_from_scratch=is_from_scratch)

    monkeypatch.setattr(place, "load_checkpoint", load)
    loaded = load_speaker(tmp_path, CPU)
    assert asked == [stored == "bfloat16"]
    assert next(loaded.base.model.parameters()).dtype == torch.float32  # no card here


def test_small_updates_of_frozen_weights_in_bfloat16_are_merged(kind: str) -> None:
    model, words = extended(kind)
    half = MotionLanguageModel(model.to(torch.bfloat16), words.vocabulary, INSTRUCTION)
    with torch.no_grad():
        for name, parameter in half.named_parameters():
            if "lora_" in name:
                parameter.fill_(1e-3)
    adapted = [layer.base_layer for layer in half.modules() if isinstance(layer, LoraLayer)]
    before = [copied(layer.weight).float() for layer in adapted]
    merged = half.merged()
    assert all(parameter.dtype == torch.float32 for parameter in merged.parameters())
    kept = set(merged.modules())
    assert adapted and all(layer in kept for layer in adapted)
    for layer, weights in zip(adapted, before, strict=True):
        change = (layer.weight - weights).abs()
        assert change.min() > 0 and change.max() < 1e-4


def saved(data: Path, base: str = "base", stage: str = "instruction") -> Path:
    model, words = extended()
    save_speaker(data / stage, model, words, replace(origin("short"), base_identity=base))
    return data / stage


def test_a_model_of_another_base_is_refused(tmp_path: Path) -> None:
    record_base(tmp_path / "language_model", "from-scratch", "base")
    for stage in ("alignment", "instruction"):
        load_speaker(saved(tmp_path, stage=stage), CPU)
    other = saved(tmp_path, "other", "instruction")
    with pytest.raises(LampError, match=r"another language model .*`lamp run --force instruction`"):
        load_speaker(other, CPU)
    load_speaker(saved(tmp_path, identity_of(str(tmp_path / "alignment"))), CPU)  # as it was written before


def test_words_of_motion_that_the_text_tokenizer_has_elsewhere_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    path = folder / "motion_vocabulary.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps({**described, "first": described["first"] - 1}))
    with pytest.raises(LampError, match=r"other ids than the text tokenizer .*`lamp run --force instr"):
        load_speaker(folder, CPU)
