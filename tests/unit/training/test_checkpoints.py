"""Checkpoints: what is kept, what is passed over, and a full disk."""

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from lamp_core.errors import LampError
from lamp_core.training import tensor_files as module
from lamp_core.training.checkpoints import Best, Checkpoint, Checkpoints, CheckpointWarning
from lamp_core.training.model_files import load_weights, save_model


def _save(folder: Path, step: int, best: Best | None = None) -> None:
    tensors = {"weight": torch.full((1000,), float(step))}
    Checkpoints(folder).save(Checkpoint(step, tensors, best, {"window": [step]}))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".safetensors")


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    best = Checkpoints(tmp_path).save_best(3, 0.1 + 0.2, {"weight": torch.ones(2)})
    _save(tmp_path, 7, best)
    found = Checkpoints(tmp_path).newest()
    assert (found.step, found.best, found.record) == (7, best, {"window": [7]})
    assert torch.equal(found.tensors["weight"], torch.full((1000,), 7.0))
    assert torch.equal(Checkpoints(tmp_path).read_best(best)["weight"], torch.ones(2))
    assert Checkpoints(tmp_path / "none").newest() is None


def test_the_last_two_and_the_best_that_they_name_are_kept(tmp_path: Path) -> None:
    (tmp_path / "step-000003.safetensors.tmp").touch()  # of a process that was killed
    best = None
    for step in range(1, 9):
        if step in (1, 3, 5, 7):
            best = Checkpoints(tmp_path).save_best(step, float(step), {"weight": torch.ones(2)})
        if step in (2, 4, 6, 8):
            _save(tmp_path, step, best)
    assert _names(tmp_path) == [
        *("best-000005.safetensors", "best-000007.safetensors"),
        *("step-000006.safetensors", "step-000008.safetensors"),
    ]
    assert not list(tmp_path.glob("*.tmp"))


def test_long_runs_are_in_order(tmp_path: Path) -> None:
    for step in (900_000, 999_999, 1_000_000, 10_000_000):
        _save(tmp_path, step)
    assert Checkpoints(tmp_path).newest().step == 10_000_000
    assert _names(tmp_path) == ["step-1000000.safetensors", "step-10000000.safetensors"]


@pytest.mark.parametrize("kind", ["step", "best"])
@pytest.mark.parametrize("damage", ["cut", "gone", "changed", "empty", "a-bit", "folder"])
def test_a_damaged_checkpoint_is_passed_over(kind: str, damage: str, tmp_path: Path) -> None:
    bests = []
    for step in (4, 8):
        bests.append(Checkpoints(tmp_path).save_best(step - 1, 0.0, {"weight": torch.ones(9)}))
        _save(tmp_path, step, bests[-1])
    newest = sorted(tmp_path.glob(f"{kind}-*.safetensors"))[-1]
    _damage(newest, damage)
    with pytest.warns(CheckpointWarning, match=r"step-000008 is damaged .*; going on from the one before"):
        found = Checkpoints(tmp_path).newest()
    assert (found.step, found.best) == (4, bests[0])


def _damage(file: Path, damage: str) -> None:
    content = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage != "gone":
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        file.write_bytes(
            {"cut": content[:-7], "changed": content[:-7] + b"damaged", "empty": b"", "a-bit": flipped}[
                damage
            ]
        )


@pytest.mark.parametrize(
    "text", ["", '{"step": 8', "[]", "7", "{}", '{"content": {}, "sha256": 0}', "\udcff"]
)
def test_a_record_that_cannot_be_read_is_passed_over(text: str, tmp_path: Path) -> None:
    _save(tmp_path, 4)
    _save(tmp_path, 8)
    (tmp_path / "step-000008.json").write_text(text, errors="surrogateescape")
    with pytest.warns(CheckpointWarning, match="step-000008 is damaged"):
        assert Checkpoints(tmp_path).newest().step == 4
    _save(tmp_path, 8)
    assert Checkpoints(tmp_path).newest().step == 8


def test_a_record_is_damaged_by_any_changed_digit(tmp_path: Path) -> None:
    _save(tmp_path, 4)
    _save(tmp_path, 8)
    record = tmp_path / "step-000008.json"
    text = record.read_text()
    for place in [place for place, letter in enumerate(text) if letter.isdigit()]:
        record.write_text(f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}")
        with pytest.warns(CheckpointWarning, match="is damaged"):
            assert Checkpoints(tmp_path).newest().step == 4


def test_when_all_are_damaged_it_is_said_that_training_starts_anew(tmp_path: Path) -> None:
    for step in (4, 8):
        _save(tmp_path, step)
        (tmp_path / f"step-{step:06d}.safetensors").write_bytes(b"")
    with pytest.warns(CheckpointWarning) as warned:
        assert Checkpoints(tmp_path).newest() is None
    assert [str(warning.message).rpartition("; ")[2] for warning in warned] == [
        "going on from the one before",
        "starting anew",
    ]


def test_a_damaged_checkpoint_does_not_count_among_the_last_two(tmp_path: Path) -> None:
    for step in (10, 20):
        _save(tmp_path, step)
    (tmp_path / "step-000020.safetensors").write_bytes(b"")
    checkpoints = Checkpoints(tmp_path)
    with pytest.warns(CheckpointWarning):
        assert checkpoints.newest().step == 10
    checkpoints.save(Checkpoint(13, {"weight": torch.ones(2)}, None, {}))
    assert _names(tmp_path) == ["step-000010.safetensors", "step-000013.safetensors"]
    checkpoints.save(Checkpoint(20, {"weight": torch.ones(2)}, None, {}))
    assert _names(tmp_path) == ["step-000013.safetensors", "step-000020.safetensors"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_said_and_leaves_the_checkpoints_of_before(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path, 4)
    before = _names(tmp_path)

    def fail(tensors: dict[str, torch.Tensor], path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(module, "save_file", fail)
    with pytest.raises(LampError, match=rf"{tmp_path}: it needs 4,000 bytes, [\d,]+ are free"):
        _save(tmp_path, 8)
    assert _names(tmp_path) == before
    assert not list(tmp_path.glob("*.tmp"))
    assert Checkpoints(tmp_path).newest().step == 4


def test_another_error_of_the_disk_is_not_a_full_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(tensors: dict[str, torch.Tensor], path: Path) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(module, "save_file", fail)
    with pytest.raises(PermissionError):
        _save(tmp_path, 8)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path, nn.Linear(2, 3), {})
    with pytest.raises(LampError, match="does not fit"):
        load_weights(tmp_path, nn.Linear(2, 4))
    with pytest.raises(LampError, match="no trained model"):
        load_weights(tmp_path / "nowhere", nn.Linear(2, 4))
