"""What reaches a shell, and what is unpacked where: read off the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flows.commands.run import run
from lamp_core.errors import LampError
from tests.toy import Toy

REPOSITORY = Path(__file__).parent.parent
SOURCES = [
    path
    for folder in ("flows", "tasks", "lamp_core", "benchmarks")
    for path in (REPOSITORY / folder).rglob("*.py")
]
STARTS = {"run", "Popen", "call", "check_call", "check_output"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
UNPACKS = {"extract", "extractall", "unpack_archive"}
"""Archives are read member by member into memory; nothing is unpacked, so no name in one becomes a path."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Dotted name and call, of every call in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_is_started_by_a_shell_and_no_archive_is_unpacked() -> None:
    faults = []
    for path in SOURCES:
        for name, call in calls(path):
            last = name.rpartition(".")[2]
            starts = last in STARTS and name.startswith("subprocess")
            by_shell = starts and (
                any(word.arg == "shell" for word in call.keywords)
                or isinstance(call.args[0], ast.JoinedStr | ast.Constant | ast.BinOp)
            )
            if name in SHELLS or last in UNPACKS or by_shell:
                faults.append(f"{path.relative_to(REPOSITORY)}:{call.lineno} {name}")
    assert len(SOURCES) > 50
    assert faults == []


def test_a_stage_s_command_holds_no_value_of_the_parameters() -> None:
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        assert re.fullmatch(rf"python -m tasks\.stages\.\w+(?: --stage {name})?", stage["cmd"]), name


def test_a_data_set_whose_name_is_a_command_is_refused_before_anything_runs(toy: Toy) -> None:
    before = toy.project.params_file.read_text()
    with pytest.raises(LampError, match="unknown data set"):
        run(data="a; touch harmed; #")
    assert toy.project.params_file.read_text() == before
    values = yaml.safe_load(before)
    values["ingest"]["data"] = "a; touch harmed; #"  # as if by an editor
    toy.project.params_file.write_text(yaml.safe_dump(values))
    with pytest.raises(LampError, match=r"ingest\.data"):
        run()
    assert not (toy.project.root / "harmed").exists()
    assert toy.ran() == []
