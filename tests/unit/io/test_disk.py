"""Files that are replaced whole or not at all, and what a full disk says."""

import contextlib
import errno
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from safetensors import SafetensorError

from lamp_core.errors import LampError
from lamp_core.io.disk import is_full, no_room, sync_tree, write_text

REPOSITORY = Path(__file__).parents[3]
IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")

# Fills a disk of 256 kB, then writes more than it holds: a text, a model, a checkpoint.
ON_A_FULL_DISK = """\
import subprocess, sys
from pathlib import Path
import torch
from lamp_core.io.disk import write_text
from lamp_core.errors import LampError
from lamp_core.training.model_files import save_model
from lamp_core.training.checkpoints import Checkpoint, Checkpoints

disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=True)
write_text(disk / "text", "old", "a text")
save_model(disk / "model", torch.nn.Linear(10, 10), {})
Checkpoints(disk / "run").save(Checkpoint(1, {"weight": torch.zeros(10)}, None, {}))
before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
large = torch.nn.Linear(1000, 100)
for write in (
    lambda: write_text(disk / "text", "x" * 400_000, "a text"),
    lambda: save_model(disk / "model", large, {}),
    lambda: Checkpoints(disk / "run").save(Checkpoint(2, {"weight": large.weight}, None, {})),
):
    try:
        write()
    except LampError as error:
        print(error)
assert {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()} == before
"""


def test_a_text_is_replaced(tmp_path: Path) -> None:
    for text in ("old", "new"):
        write_text(tmp_path / "folder" / "file", text, "a text")
        sync_tree(tmp_path)
        assert (tmp_path / "folder" / "file").read_text() == text
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_at_any_step_leaves_the_old_file(
    step: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(number, "full")

    write_text(tmp_path / "file", "old", "a text")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(
        LampError, match=rf"no room for a text in {tmp_path}: it needs 4 bytes, [\d,]+ are free"
    ):
        write_text(tmp_path / "file", "näw", "a text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.slow
def test_a_real_disk_that_is_full_says_how_much_is_needed(tmp_path: Path) -> None:
    try:
        able = subprocess.run(
            [*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("unshare is not here")
    if able.returncode != 0:
        pytest.skip("this system lets no test mount a disk of its own")
    ended = subprocess.run(
        [*IN_A_NAMESPACE, sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    needed = [line.partition("it needs ")[2].partition(" bytes")[0] for line in ended.stdout.splitlines()]
    assert needed == ["400,000", "400,400", "400,000"]


@pytest.mark.parametrize(("number", "raises"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_a_folder_is_no_fault(
    number: int, raises: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no") if raises else contextlib.nullcontext():
        write_text(tmp_path / "file", "text", "a text")


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EFBIG, "File too large"), True),
        (OSError("400 requested and 112 written"), True),  # NumPy's word
        (SafetensorError("I/O error: No space left on device (os error 28)"), True),
        (SafetensorError("I/O error: Permission denied (os error 13)"), False),
        (OSError(errno.EACCES, "denied"), False),
        (OSError("something else"), False),
        (ValueError("No space left on device"), False),
    ],
)
def test_a_full_disk_is_told_from_other_faults(error: Exception, full: bool) -> None:
    assert is_full(error) == full


def test_a_folder_that_could_not_be_made_is_no_hindrance_to_say_so(tmp_path: Path) -> None:
    error = no_room(tmp_path / "a" / "b", "a thing", 5_000, is_least=True)
    assert f"a thing in {tmp_path}: it needs at least 5,000 bytes" in str(error)
    unknown = no_room(tmp_path, "a thing", 0, is_least=True)
    assert re.search(r"it needs more than the [\d,]+ bytes that are free; make room", str(unknown))


def test_threads_may_write_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    texts = [str(number) * 1000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda number: write_text(path, texts[number % 8], "the runs"), range(200)):
            assert path.read_text() in texts
    assert [each.name for each in tmp_path.iterdir()] == ["runs.json"]
