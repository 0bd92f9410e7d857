"""Every command that the documentation shows is run, or read by the program that it names.

Run as written: those of the MLflow store, of a DVC remote and of PostgreSQL. Read by the program's own
parser, since they need trained models, servers or hours: every other one of lamp, dvc, mlflow, prefect,
torchrun, make and Python. Not tried: what git does with a history of the user's, and what only sets a
variable or a folder.
"""

import importlib.util
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from flows.cli import app
from lamp_core.config import override, profile_config
from tasks.mlflow.registry import Registry, keep_model
from tasks.mlflow.store import PIPELINE
from tasks.mlflow.tracking import Scalar, Tracking
from tests.docs_commands import Command, documented_commands
from tests.servers import free_port
from tests.shared_toy import COMMIT, git
from tests.toy import REPOSITORY, Toy

COMMANDS = documented_commands()
POSTGRES = Path("/usr/lib/postgresql/15/bin")
NOBODY = 65534


def of(page: str, *programs: str) -> list[Command]:
    return [
        command for command in COMMANDS if command.page == page and Path(command.words[0]).name in programs
    ]


def read_by_lamp(words: list[str]) -> None:
    """Parse the command down to its last option; a file that it reads is one of the project, or anybody's."""
    _parse(typer.main.get_command(app), "lamp", list(takewhile(lambda word: word != ">", words)))
    for before, word in pairwise(["lamp", *words]):
        if word.startswith("experiments/"):
            assert (REPOSITORY / word).is_file(), word
        if before == "--set" and not word.startswith("cluster."):
            override(profile_config("quick"), [word])


def read_by_mlflow(words: list[str]) -> None:
    from mlflow.cli import cli

    _parse(cli, "mlflow", words)


def read_by_dvc(words: list[str]) -> None:
    from dvc.cli import parse_args

    parse_args(words)


def read_by_prefect(words: list[str]) -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "prefect",
            *takewhile(lambda word: word.isalpha(), words),
            "--help",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        check=True,
    )
    for option in [word for word in words if word.startswith("--")]:
        assert option in ended.stdout


def read_by_make(words: list[str]) -> None:
    subprocess.run(["make", "--dry-run", *words], cwd=REPOSITORY, capture_output=True, check=True)


def read_by_python(words: list[str]) -> None:
    assert words[0] == "-m"
    assert importlib.util.find_spec(words[1]) is not None, words[1]


def read_by_torchrun(words: list[str]) -> None:
    from torch.distributed.run import get_args_parser

    parsed = get_args_parser().parse_args(words)
    assert importlib.util.find_spec(parsed.training_script) is not None


READERS: Mapping[str, Callable[[list[str]], None]] = {
    "lamp": read_by_lamp,
    "mlflow": read_by_mlflow,
    "dvc": read_by_dvc,
    "prefect": read_by_prefect,
    "make": read_by_make,
    "python": read_by_python,
    "torchrun": read_by_torchrun,
}
NOT_READ = {"git", "export", "cd", "initdb", "pg_ctl", "createdb", "sbatch"}
"""Beside the tests below."""


def program_of(command: Command) -> str:
    return Path(command.words[0]).name


def test_every_documented_command_is_of_a_known_program() -> None:
    assert {program_of(command) for command in COMMANDS} <= READERS.keys() | NOT_READ


def fault_of(program: str, words: list[str]) -> str:
    """What a program, or the file that the command names, has against it; empty where it is understood."""
    try:
        READERS[program](words)
    except (Exception, SystemExit) as fault:
        return f"{type(fault).__name__}: {fault}"
    return ""


@pytest.mark.parametrize("command", [one for one in COMMANDS if program_of(one) not in NOT_READ], ids=str)
def test_a_documented_command_is_understood_by_its_program(command: Command) -> None:
    assert fault_of(program_of(command), list(command.words[1:])) == ""


WRONG = {
    "lamp": "run --no-such-option",
    "mlflow": "server --no-such-option",
    "dvc": "repro --no-such-option",
    "prefect": "server start --no-such-option",
    "make": "no-such-target",
    "python": "-m no_such_module",
    "torchrun": "--no-such-option -m tasks.stages.pretrain",
}


@pytest.mark.parametrize("program", READERS)
def test_a_command_that_its_program_does_not_know_is_found(program: str) -> None:
    assert fault_of(program, WRONG[program].split()) != ""


def test_the_commands_of_the_store_run_as_written(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = _fill_store(toy)
    commands = [command for command in of("docs/tracking.md", "lamp") if "--experiment" not in command.words]
    assert len(commands) > 7
    for command in commands:
        words = [run_id[:8] if word == "3f9c2a1b" else word for word in command.words[1:]]
        ended = CliRunner().invoke(app, words)
        assert ended.exit_code == 0, (str(command), ended.output, ended.exception)
    assert (toy.project.root / "runs.html").exists()
    assert (toy.project.root / "models" / "length" / "model.safetensors").exists()


def test_the_commands_of_a_remote_run_as_written(toy: Toy, tmp_path: Path) -> None:
    toy.versions.reproduce("ingest")
    git(toy.project.root, *COMMIT, "--allow-empty")
    lines = [command for command in of("docs/data.md", "dvc", "git") if _is_of_the_remote(command)]
    assert [" ".join(line.words[:2]) for line in lines] == ["dvc remote", "git add", "git commit", "dvc push"]
    for line in lines:
        words = [str(tmp_path / "store") if word.startswith("/mnt") else word for word in line.words]
        user = ["-c", "user.name=toy", "-c", "user.email=toy@localhost"] if words[0] == "git" else []
        program = ["git", *user] if words[0] == "git" else [sys.executable, "-m", words[0]]
        subprocess.run([*program, *words[1:]], cwd=toy.project.root, capture_output=True, check=True)
    assert any((tmp_path / "store").rglob("*"))
    assert "dvc.lock" in git(toy.project.root, "show", "--name-only", "--format=")


@pytest.mark.skipif(not POSTGRES.is_dir(), reason="PostgreSQL 15 is not on this machine")
def test_the_commands_of_postgres_run_as_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, port = Path("/tmp") / f"lamp-postgres-{os.getpid()}", str(free_port())
    folder.mkdir()
    user = {"user": NOBODY, "group": NOBODY} if os.getuid() == 0 else {}  # it refuses to run as root
    (folder / "pw").write_text("a-password")
    (folder / "pgpass").write_text(f"127.0.0.1:{port}:*:prefect:a-password\n")
    (folder / "pgpass").chmod(0o600)
    if user:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)

    def run(words: list[str], variables: Mapping[str, str]) -> int:
        with (folder.with_suffix(".log")).open("ab") as log:
            return subprocess.run(
                words,
                cwd=folder,
                env={**os.environ, **variables},
                stdout=log,
                stderr=log,
                check=False,
                **user,
            ).returncode

    began = time.monotonic()
    try:
        for command in of("docs/cluster.md", "initdb", "pg_ctl", "createdb"):
            words = shlex.split(shlex.join(command.words).replace("55433", port))
            assert run(words, dict(each.split("=", 1) for each in command.variables)) == 0, str(command)
    finally:
        run([str(POSTGRES / "pg_ctl"), "--pgdata=postgres", "--mode=immediate", "stop"], {})
        subprocess.run(["rm", "-r", str(folder), str(folder.with_suffix(".log"))], check=True)
    assert time.monotonic() - began < 120  # none waits at a prompt


def _parse(command: Any, name: str, words: list[str], parent: Any = None) -> None:
    context = command.make_context(name, list(words), parent=parent)
    if hasattr(command, "resolve_command"):  # Typer brings a click of its own: no common class of groups
        rest = [*context._protected_args, *context.args]
        found, inner, arguments = command.resolve_command(context, rest)
        assert inner is not None
        _parse(inner, found or "", arguments, context)


def _is_of_the_remote(command: Command) -> bool:
    return (
        command.words[:2] in {("git", "add"), ("git", "commit"), ("dvc", "push")}
        or "/mnt" in command.words[-1]
    )


def _fill_store(toy: Toy) -> str:
    """Runs and models as the documentation names them; return the id of a run."""
    tracking, run = Tracking(toy.project), ""
    for stage in ("t2m", "length"):
        folder = toy.project.output(stage)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        for version in (1, 2, 3):
            (folder / "model.safetensors").unlink(missing_ok=True)
            (folder / "model.safetensors").write_text(f"weights {version}")
            run = tracking.start("procedural-quick", {"kind": PIPELINE, "data": "procedural"}, {})
            tracking.log(run, [Scalar.now(f"{stage}/val_loss", 1 / version)])
            tracking.finish(run, "FINISHED")
            keep_model(tracking, run, folder)
            lineage = {"weights": f"{stage}-{version}", "stage": stage, "data": "procedural"}
            lineage |= {"metric": "val_loss", "value": repr(1 / version), "comparable": "f1"}
            tracking.register(run, stage, lineage)
    Registry(tracking).promote("length", "1")
    return run
