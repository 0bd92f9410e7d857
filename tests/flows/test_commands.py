"""The commands of ``lamp``: one catalogue, imported as far as they are called, and named in the guide."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.commands.catalogue import COMMANDS, Command
from flows.lazy_commands import loaded
from lamp_core.evaluation.families.catalogue import PROTOCOLS
from lamp_core.systems.catalogue import MODELS

REPOSITORY = Path(__file__).parents[2]
NO_COMMAND = {"__init__", "catalogue", "model_options", "motion_options"}


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_a_command_is_there_and_says_what_it_does(command: Command) -> None:
    made = loaded(command)
    assert made.name == command.name
    assert made.help


def test_the_help_has_every_command_under_its_heading_in_the_catalogues_order() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    places = [told.index(f"│ {command.name} ") for command in COMMANDS]
    assert places == sorted(places)
    assert all(command.section in told and command.help in told for command in COMMANDS)


def test_the_help_imports_no_command() -> None:
    code = (
        "import sys; from flows.cli import app; app(['--help'], standalone_mode=False);"
        "sys.exit(any(name.startswith('flows.commands.') and name != 'flows.commands.catalogue'"
        " or name in ('torch', 'prefect', 'mlflow', 'dvc') for name in sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_help_of_evaluate_names_all_that_can_be_measured_and_waits_for_no_torch() -> None:
    code = (
        "import sys; from flows.cli import app; app(['evaluate', '--help'], standalone_mode=False);"
        "sys.exit('torch' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = " ".join(ended.stdout.replace("│", " ").split())
    known = [*(model.stage for model in MODELS), *(name for names in PROTOCOLS.values() for name in names)]
    assert [name for name in known if not re.search(rf"(: |, ){name}[,.;]", told)] == []


def test_every_module_of_commands_is_in_the_catalogue() -> None:
    modules = {path.stem for path in (REPOSITORY / "flows" / "commands").glob("*.py")} - NO_COMMAND
    assert modules == {command.path.rpartition(".")[2] for command in COMMANDS}


def test_the_guide_names_every_command() -> None:
    guide = (REPOSITORY / "docs" / "commands.md").read_text()
    assert [command.name for command in COMMANDS if f"`lamp {command.name}" not in guide] == []
