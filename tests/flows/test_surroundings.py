"""A home folder that takes nothing, and what `lamp doctor` says of a machine."""

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import surroundings
from flows.commands import doctor as command
from tasks.system import doctor, servers
from tests.toy import Toy

NOWHERE = "/proc/self/no-home"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for variable in surroundings.CACHES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    return monkeypatch


@pytest.mark.parametrize("home", [NOWHERE, ""])
def test_caches_go_below_the_project(
    toy: Toy, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
) -> None:
    environment.setenv("HOME", home)
    surroundings.settle()
    place = toy.project.state / "home"
    assert {os.environ[variable] for variable in surroundings.CACHES} == {
        str(place / name) for name in surroundings.CACHES.values()
    }
    assert os.environ["HOME"] == (home or str(place))
    assert capsys.readouterr().err.count("\n") == 1


def test_a_home_that_takes_files_is_left_alone(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    environment.setenv("HOME", str(tmp_path))
    surroundings.settle()
    assert not set(surroundings.CACHES) & set(os.environ) and capsys.readouterr().err == ""


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, which takes no more files."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs a disk of its own to fill, which this user may not mount")
    try:
        with pytest.raises(OSError, match="No space left"):
            (disk / "fills it").write_bytes(b"0" * 100_000)
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # a test may stand in it


def test_temporary_files_go_below_the_project_when_their_disk_is_full(
    toy: Toy, full_disk: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("TMPDIR", str(full_disk))
    environment.setattr(tempfile, "tempdir", None)
    environment.setenv("HOME", str(toy.project.root))
    surroundings.settle()
    place = toy.project.state / "tmp"
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(place)
    told = capsys.readouterr().err
    assert told == f"note: {full_disk} takes no more files; temporary ones go to {place}\n"
    with tempfile.TemporaryFile() as file:
        file.write(b"0" * 100_000)


def test_a_project_on_a_full_disk_is_said(
    toy: Toy, full_disk: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (full_disk / "dvc.yaml").symlink_to(toy.project.graph_file)
    environment.chdir(full_disk)
    environment.setenv("TMPDIR", str(full_disk))
    environment.setattr(tempfile, "tempdir", None)
    with pytest.raises(SystemExit) as ended:
        surroundings.settle()
    assert ended.value.code == 2
    assert f"error: neither {full_disk} nor {full_disk} takes more files" in capsys.readouterr().err


@pytest.mark.parametrize(("mode", "made"), [(0o2775, 0o664), (0o775, 0o644), (0o2755, 0o644)])
def test_what_is_made_in_a_common_project_belongs_to_the_group(
    toy: Toy, environment: pytest.MonkeyPatch, mode: int, made: int
) -> None:
    environment.setenv("HOME", str(toy.folder))
    before = os.umask(0o022)
    try:
        toy.project.root.chmod(mode)
        surroundings.settle()
        file = toy.project.root / "new"
        file.touch()
        assert stat.S_IMODE(file.stat().st_mode) == made
    finally:
        os.umask(before)


def found(name: str) -> list[doctor.Finding]:
    return list(doctor.LOOKS[name](name))


def test_every_finding_that_is_not_well_has_a_remedy(toy: Toy) -> None:
    for finding in doctor.examine():
        assert finding.found and "cannot be looked at" not in finding.found
        assert (finding.state == "ok") or finding.remedy, finding


@pytest.mark.parametrize(
    ("policy", "spins", "state"),
    [("", "", "ok"), ("PASSIVE", "", "ok"), ("active", "", "warn"), ("active", "1000", "ok")],
)
def test_threads_that_spin_long_are_told(
    policy: str, spins: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in (("OMP_WAIT_POLICY", policy), ("GOMP_SPINCOUNT", spins)):
        monkeypatch.setenv(variable, value) if value else monkeypatch.delenv(variable, raising=False)
    assert [finding.state for finding in found("threads")] == [state]


def test_the_list_for_a_report(toy: Toy) -> None:
    app = command.typer.Typer()
    app.command()(command.doctor)
    shown = CliRunner().invoke(app, ["--json"])
    names = [finding["name"] for finding in json.loads(shown.stdout)]
    assert {"interpreter", "device", "git", "fonts"} <= set(names)


def test_servers_that_do_not_answer_and_proxies(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:10")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    states = {finding.name: finding.state for finding in found("servers")}
    assert states == {"servers: tracking": "fail", "servers: Prefect": "ok", "servers: proxy": "warn"}
    monkeypatch.setenv("NO_PROXY", "localhost, 127.0.0.1")
    assert "servers: proxy" not in {finding.name for finding in found("servers")}


def test_a_server_that_takes_connections_and_says_nothing_is_no_server(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run asks the same, and would end with `does not answer`."""
    monkeypatch.setattr(doctor, "answers", partial(servers.answers, seconds=0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        states = {finding.name: finding.state for finding in found("servers")}
    assert states["servers: tracking"] == "fail"


def git(*words: str, folder: Path) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


NAMED = ("-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-qm", "a", "--allow-empty")


def test_states_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "origin"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(root)
    assert "no git repository" in found("git")[0].found
    git("init", "-q", folder=root)
    assert (found("git")[0].state, found("git")[0].found) == ("warn", "no commit")
    git("add", "-A", folder=root)
    git(*NAMED, folder=root)
    git(*NAMED, folder=root)
    assert found("git")[0].state == "ok"
    git("worktree", "add", "-q", str(tmp_path / "tree"), folder=root)
    git("clone", "-q", "--depth", "1", f"file://{root}", str(tmp_path / "shallow"), folder=root)
    below = tmp_path / "tree" / "below"
    below.mkdir()
    for folder, state in ((below, "ok"), (tmp_path / "shallow", "warn")):
        monkeypatch.chdir(folder)
        assert found("git")[0].state == state


@pytest.mark.parametrize("name", ["a b", "per%20cent", "hash#mark", "what?", "it's", 'say "x"', "Übung"])
def test_a_project_under_any_name_with_data_behind_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root, disk = tmp_path / name, tmp_path / "disk"
    (root / "below").mkdir(parents=True)
    (disk / "sources").mkdir(parents=True)
    (root / "data").symlink_to(disk)
    (root / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(root / "below")
    states = {finding.name: finding for finding in found("project")}
    assert states["project"].found == str(root)
    assert states["project: data"].state == "ok" and str(disk) in states["project: data"].found


def test_the_command_starts_without_a_home(toy: Toy) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    code = "from flows.entry_point import main; import sys; sys.argv = ['lamp', '--help']; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=toy.project.root,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "there is no home folder" in ended.stderr
