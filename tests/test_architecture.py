"""The shape of the project: one direction of imports, one list of stages, nothing that needs scrolling."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tasks.dvc.graph import Graph, read_graph
from tasks.project import Project

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("flows", "tasks", "lamp_core", "benchmarks", "tests")
LINES_A_FILE, LINES_A_FUNCTION = 400, 60
STAGES = [
    *("ingest", "features", "tokenizer", "tokens", "evaluator", "pretrain"),
    *("length", "t2m", "language_model", "m2t", "retrieval", "evaluate", "report"),
]
# Parameters are tracked by themselves, and an error's text changes no output.
NO_INPUT = {
    *("lamp_core.config", "lamp_core.config.base", "lamp_core.config.captioning", "lamp_core.config.models"),
    "lamp_core.errors",
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return read_graph(Project(REPOSITORY))


def python_files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))


def test_the_library_imports_with_its_own_few_packages_alone() -> None:
    code = """
import importlib, pkgutil, sys
for name in ("prefect", "dvc", "mlflow", "typer", "rich", "matplotlib", "PIL", "bert_score"):
    sys.modules[name] = None
import lamp_core
for module in pkgutil.walk_packages(lamp_core.__path__, "lamp_core."):
    importlib.import_module(module.name)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_stages_have_one_order_everywhere(graph: Graph) -> None:
    assert list(graph) == STAGES
    table = re.findall(r"^\| *`(\w+)` *\|", (REPOSITORY / "README.md").read_text(), flags=re.MULTILINE)
    assert [name for name in table if name in STAGES] == STAGES


def test_every_stage_is_a_module_with_a_section_of_parameters(graph: Graph) -> None:
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    for stage in graph.values():
        assert stage.command == f"python -m tasks.stages.{stage.name}"
        assert (REPOSITORY / "tasks" / "stages" / f"{stage.name}.py").is_file()
        assert stage.name in stage.params
        assert all(param.partition(".")[0] in values for param in stage.params)


def test_every_stage_depends_on_the_code_and_data_it_names(graph: Graph) -> None:
    missing = [
        dep
        for stage in graph.values()
        for dep in stage.deps
        if not dep.startswith("data/") and not (REPOSITORY / dep).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_stale_when_the_code_it_imports_changes(name: str, graph: Graph) -> None:
    modules = {
        module
        for module in imported(REPOSITORY / "tasks" / "stages" / f"{name}.py")
        if module not in NO_INPUT
    }
    unseen = [module for module in sorted(modules) if not is_covered(module, graph[name].deps)]
    assert unseen == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_outputs_and_parameters_it_reads(name: str, graph: Graph) -> None:
    text = (REPOSITORY / "tasks" / "stages" / f"{name}.py").read_text()
    read = set(re.findall(r'stage\.input\("(\w+)"\)', text))
    assert read <= set(graph[name].upstream)
    tracked = {param.partition(".")[0] for before in graph.until(name) for param in graph[before].params}
    assert set(re.findall(r"stage\.config\.(\w+)\b(?!\()", text)) - {"profile", "model_dump"} <= tracked


def imported(path: Path) -> Iterator[str]:
    """Modules of the library and shared modules of the stages that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.startswith(("lamp_core.", "tasks.stages.")))


def is_covered(module: str, deps: tuple[str, ...]) -> bool:
    path = module.replace(".", "/")
    return any(f"{path}.py" == dep or path == dep or path.startswith(f"{dep}/") for dep in deps)


def test_no_file_needs_scrolling_for_long() -> None:
    lengths = {
        str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in python_files()
    }
    assert {name: lines for name, lines in lengths.items() if lines > LINES_A_FILE} == {}


def test_no_function_needs_scrolling() -> None:
    long = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > LINES_A_FUNCTION
    ]
    assert long == []


def test_the_pinned_environment_names_no_place_of_this_machine() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert [line for line in pinned if not re.fullmatch(r"[\w.-]+==[\w.!]+", line)] == []
