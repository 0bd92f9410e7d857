import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.dvc.dead_locks import clear_dead_locks
from tasks.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    return Project(tmp_path)


def rwlock(project: Project) -> Path:
    return project.root / ".dvc" / "tmp" / "rwlock"


def entry(pid: int) -> dict[str, object]:
    return {"pid": pid, "cmd": "dvc repro"}


def test_locks_of_a_number_that_another_program_has_by_now_are_removed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    other = os.getpid()  # alive, and no DVC: as after a reboot
    locks = {"write": {"/a": entry(other)}, "read": {"/b": [entry(other), entry(999999999)]}}
    rwlock(project).write_text(json.dumps(locks))
    clear_dead_locks(project)
    assert json.loads(rwlock(project).read_text()) == {"write": {}, "read": {}}
    assert f"process {other}, 999999999 is gone" in capsys.readouterr().err


def test_locks_of_a_dvc_process_that_began_after_them_are_removed(project: Project) -> None:
    process = _dvc_like()
    rwlock(project).write_text(json.dumps({"write": {"/a": entry(process.pid)}, "read": {}}))
    clear_dead_locks(project)
    assert "/a" in rwlock(project).read_text()  # it may well have written it
    os.utime(rwlock(project), (1e9, 1e9))
    clear_dead_locks(project)
    assert "/a" not in rwlock(project).read_text()
    process.kill()
    process.wait()


def test_a_lock_file_that_was_cut_off_is_removed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    rwlock(project).write_text('{"write": {"/a": {"pi')
    clear_dead_locks(project)
    assert not rwlock(project).exists()
    assert "cut off" in capsys.readouterr().err


def test_a_hard_link_lock_goes_when_no_dvc_works_in_the_project(project: Project) -> None:
    lock = rwlock(project).with_name("lock")
    lock.write_text("")
    clear_dead_locks(project)
    assert lock.exists()  # a lock of the system, which frees it
    os.link(lock, lock.with_name("claim"))
    process = _dvc_like(project.root)
    clear_dead_locks(project)
    assert lock.exists()
    process.kill()
    process.wait()
    clear_dead_locks(project)
    assert not lock.exists()


def _dvc_like(folder: Path | None = None) -> "subprocess.Popen[bytes]":
    """A process whose command names DVC, in a folder."""
    code = "import sys, time; sys.stdout.write('up\\n'); sys.stdout.flush(); time.sleep(60)"
    command = [sys.executable, "-c", code, "dvc"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process
