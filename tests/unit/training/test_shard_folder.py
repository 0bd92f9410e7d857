"""Checkpoints in folders of shards: a save that does not end, damage, and a full disk.

What several processes write and read together: tests/unit/large_motion/test_sharding.py.
"""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from lamp_core.errors import LampError
from lamp_core.training import shard_folder as module
from lamp_core.training.checkpoints import Checkpoint, Checkpoints, CheckpointWarning
from lamp_core.training.shard_folder import ShardFolder


def _tensors(value: float) -> dict[str, Tensor]:
    """A weight of two names, one of no dimension, and one that says yes or no."""
    tied = nn.Parameter(torch.full((5, 3), value))
    return {
        "embedding": tied,
        "head": tied,
        "step": torch.tensor(value),
        "seen": torch.tensor([value > 4, True]),
    }


def _checkpoints(folder: Path) -> Checkpoints:
    return Checkpoints(folder, ShardFolder())


def _save(folder: Path, step: int) -> None:
    _checkpoints(folder).save(Checkpoint(step, _tensors(float(step)), None, {}))


def _require(folder: Path, step: int) -> None:
    """The newest checkpoint is of a step, and is read into the tensors that are held."""
    held = _tensors(0.0)
    found = _checkpoints(folder).newest(lambda: held)
    assert found is not None and found.step == step
    for name, expected in _tensors(float(step)).items():
        assert torch.equal(held[name], expected) and found.tensors[name] is held[name], name


def test_shards_come_back_as_they_were_and_the_last_two_are_kept(tmp_path: Path) -> None:
    assert _checkpoints(tmp_path).newest() is None
    for step in (3, 5, 9):
        _save(tmp_path, step)
    _require(tmp_path, 9)
    folders = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert folders == ["step-000005.shards", "step-000009.shards"]
    (file,) = (tmp_path / folders[-1]).iterdir()
    with safetensors.safe_open(file, "pt") as stored:
        assert sorted(stored.keys()) == ["embedding", "seen", "step"]


@pytest.mark.parametrize("place", ["before the rename", "before the record"])
def test_a_save_that_is_killed_leaves_the_checkpoint_before(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path, 3)
    replace = os.replace

    def killed(source: Path, target: Path) -> None:
        if Path(target).suffix == (".shards" if place == "before the rename" else ".json"):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        _save(tmp_path, 5)
    monkeypatch.undo()
    assert len(list(tmp_path.glob("step-000005.*"))) > 0
    _require(tmp_path, 3)
    _save(tmp_path, 5)
    _require(tmp_path, 5)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("damage", ["a bit", "cut", "gone", "one more", "folder"])
def test_damaged_shards_are_passed_over(damage: str, tmp_path: Path) -> None:
    _save(tmp_path, 3)
    _save(tmp_path, 5)
    (file,) = (tmp_path / "step-000005.shards").iterdir()
    content = file.read_bytes()
    if damage == "one more":
        file.with_name("shard-00002-model-00001-of-00001.safetensors").write_bytes(content)
    else:
        file.unlink()
    if damage == "a bit":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "folder":
        file.mkdir()
    with pytest.warns(CheckpointWarning, match=r"step-000005 is damaged .*; going on from the one before"):
        _require(tmp_path, 3)


def test_shards_of_another_model_are_refused(tmp_path: Path) -> None:
    _save(tmp_path, 3)
    held = {**_tensors(0.0), "more": torch.zeros(2)}
    with pytest.raises(LampError, match=r"step-000003\.shards does not fit the model: .*more"):
        _checkpoints(tmp_path).newest(lambda: held)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path, 3)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save", full)
    with pytest.raises(LampError, match=r"no room for the checkpoint in .*what was there before is kept"):
        _save(tmp_path, 5)
    monkeypatch.undo()
    _require(tmp_path, 3)


def test_a_file_that_cannot_be_read_has_no_hash(tmp_path: Path) -> None:
    assert module._digest(tmp_path) == "" and module._digest(tmp_path / "none") == ""
