"""DVC as the project runs it writes what DVC writes, and never a part of it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tasks.dvc.process import dvc_command, dvc_environment
from tasks.project import LOCK_FILE
from tests.toy import REPOSITORY

GRAPH = """\
# a remark of the user's
stages:
  first:
    cmd: echo of a length at which the lines of a YAML file are broken by those who write it > first.txt
    params: [a.list, a.nothing, b]
    outs: [first.txt]
  second:
    cmd: cat first.txt > second.txt
    deps: [first.txt]
    outs: [second.txt]
"""
PARAMS = "a: {list: [1, 2.5, x y, 'yes', []], nothing: null}\nb: {c: {d: true}, e: '0:10'}\n"
PLAIN = [sys.executable, "-m", "dvc"]


def make(folder: Path) -> Path:
    folder.mkdir()
    subprocess.run([*PLAIN, "init", "--quiet", "--no-scm"], cwd=folder, check=True)
    (folder / "dvc.yaml").write_text(GRAPH)
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def run(folder: Path, command: list[str]) -> None:
    environment = {**dvc_environment(), "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.timeout(120)
def test_the_lock_is_what_dvc_writes_and_is_replaced_whole(tmp_path: Path) -> None:
    own, plain = make(tmp_path / "own"), make(tmp_path / "plain")
    for stage in ("first", "second"):
        run(own, dvc_command("repro", "--single-item", stage))
        run(plain, [*PLAIN, "repro", "--single-item", stage])
    locks = [yaml.safe_load((folder / LOCK_FILE).read_text()) for folder in (own, plain)]
    assert locks[0] == locks[1] and list(locks[0]["stages"]) == ["first", "second"]
    assert (own / "dvc.yaml").read_text() == GRAPH

    with (own / LOCK_FILE).open() as being_read:
        before = (own / LOCK_FILE).read_text()
        (own / "params.yaml").write_text(PARAMS.replace("true", "false"))
        run(own, dvc_command("repro", "--single-item", "first"))
        assert being_read.read() == before  # in the file of before, which nobody has written into
    assert (own / LOCK_FILE).read_text() != before
    run(own, [*PLAIN, "status"])


@pytest.mark.timeout(60)
def test_the_exit_status_is_dvcs(tmp_path: Path) -> None:
    folder = make(tmp_path / "own")
    environment = {**dvc_environment(), "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(
        dvc_command("repro", "nothing"),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0 and "nothing" in ended.stderr
