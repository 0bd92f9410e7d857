"""Training of LaMP-M2T: it learns, resumes, and keeps little."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lamp_core.config.base import Optimisation
from lamp_core.config.captioning import MotionToText
from lamp_core.errors import LampError
from lamp_core.m2t.decoding import Search, search_captions
from lamp_core.m2t.language_model import load_base
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.training import (
    CaptionTable,
    train_m2t,
    trained_parameters,
    validation_loss,
)
from lamp_core.training.seeds import seed_everything
from tests.unit.m2t.conftest import CAPTIONING, CPU, SENTENCES, captioned_motions, read_motions, tiny_lamp


def _train(
    base_folder: Path, settings: MotionToText, lamp_dropout: float = 0.1, **options: object
) -> MotionCaptioner:
    seed_everything(5)
    items, lamp = captioned_motions(), tiny_lamp(dropout=lamp_dropout)
    base = load_base(base_folder, CPU)
    return train_m2t(items, settings, base, lamp, device=CPU, validation=items[:3], **options)


@pytest.mark.parametrize(("along", "rate"), [(False, 1e-2), (True, 2e-3)])
@pytest.mark.slow
def test_training_overfits_eight_motions_and_captions_them_back(
    along: bool, rate: float, taught_folder: Path
) -> None:
    training = Optimisation(steps=300, batch_size=8, learning_rate=rate, warmup_steps=10, weight_decay=0.0)
    changes = {"train_motion_transformer": along, "training": training, "lora_rank": 16, "lora_alpha": 32.0}
    settings = CAPTIONING.model_copy(update={**changes, "lora_dropout": 0.0})
    model = _train(taught_folder, settings, lamp_dropout=0.0)
    assert search_captions(model, read_motions(model), Search()) == list(SENTENCES)
    found = validation_loss(model, CaptionTable(captioned_motions(), model))
    assert found["val_accuracy"] > 0.98 and found["val_loss"] < 0.15  # 0.23 without the motion


@pytest.mark.parametrize(("stop_at", "along"), [(1, True), (6, False), (9, True)])
@pytest.mark.slow
def test_resumed_training_equals_uninterrupted(
    stop_at: int, along: bool, base_folder: Path, tmp_path: Path
) -> None:
    training = CAPTIONING.training.model_copy(update={"ema_decay": 0.9, "accumulate": 2})
    changes = {"motion_learning_rate": 0.1, "reads": "queries_and_latents"} if along else {}
    settings = CAPTIONING.model_copy(
        update={"train_motion_transformer": along, "training": training, **changes}
    )
    whole_log, resumed_log = {}, {}
    whole = _train(
        base_folder, settings, on_log=lambda step, numbers: whole_log.update({step: dict(numbers)})
    )

    def stop(done: int, total: int, text: str) -> None:
        if done > stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(base_folder, settings, checkpoints=tmp_path / "kept", on_progress=stop)
    resumed = _train(
        base_folder,
        settings,
        checkpoints=tmp_path / "kept",
        on_log=lambda step, numbers: resumed_log.update({step: dict(numbers)}),
    )
    assert all(numbers == whole_log[step] for step, numbers in resumed_log.items()) and resumed_log
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_checkpoints_hold_what_is_trained_and_its_moments(base_folder: Path, tmp_path: Path) -> None:
    settings = CAPTIONING.model_copy(update={"train_motion_transformer": False})
    model = _train(base_folder, settings, checkpoints=tmp_path)
    saved = load_file(max(tmp_path.glob("step-*.safetensors")))
    held = sum(tensor.numel() for name, tensor in saved.items() if name.startswith("module."))
    assert held == trained_parameters(model)
    assert sum(tensor.numel() for tensor in saved.values()) < 3.1 * held


def test_nothing_but_what_is_trained_changes(base_folder: Path) -> None:
    model = _train(base_folder, CAPTIONING.model_copy(update={"train_motion_transformer": False}))
    before = load_base(base_folder, CPU).model.state_dict()
    after = model.language.unload().state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    seed_everything(5)
    lamp = tiny_lamp(dropout=0.1).state_dict()
    assert all(torch.equal(lamp[name], tensor) for name, tensor in model.lamp.state_dict().items())


def test_without_items_there_is_nothing_to_train(base_folder: Path) -> None:
    with pytest.raises(LampError, match="captioning has no item to train on"):
        train_m2t([], CAPTIONING, load_base(base_folder, CPU), tiny_lamp(), device=CPU)
