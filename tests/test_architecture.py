"""The shape of the project: one direction of imports, one list of stages, nothing that needs scrolling."""

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest
import yaml

from tasks.dvc.graph import Graph, read_graph
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.declaration import STORE
from tasks.stages.generate import generated

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("flows", "tasks", "lamp_core", "benchmarks", "tests")
WHERE = REPOSITORY / "docs" / "where-is-what.md"
LINES_A_FILE, LINES_A_FUNCTION = 400, 60


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


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """Imports inside functions are among them, those for types alone are not."""
    return grimp.build_graph(
        "flows", "tasks", "lamp_core", exclude_type_checking_imports=True, cache_dir=None
    )


def test_metrics_are_functions_of_what_they_are_given_and_know_no_model(imports: grimp.ImportGraph) -> None:
    known = tuple(f"lamp_core.{name}" for name in ("metrics", "features", "skeleton", "errors"))
    metrics = imports.find_descendants("lamp_core.metrics")
    found = {other for module in metrics for other in imports.find_modules_directly_imported_by(module)}
    assert metrics and [module for module in sorted(found) if not module.startswith(known)] == []


def test_no_module_imports_itself_over_others(imports: grimp.ImportGraph) -> None:
    """Imports inside functions count: they hide a cycle, and do not open it."""
    before = {module: imports.find_modules_directly_imported_by(module) for module in imports.modules}
    assert len(before) > 500
    assert cycle_in(before) == []


@pytest.mark.parametrize(
    ("before", "cycle"),
    [({"a": {"b"}, "b": {"c"}, "c": set()}, []), ({"a": {"b"}, "b": {"a"}}, ["a", "b", "a"])],
)
def test_a_cycle_of_imports_is_found(before: dict[str, set[str]], cycle: list[str]) -> None:
    assert sorted(cycle_in(before)) == sorted(cycle)


def cycle_in(before: Mapping[str, Collection[str]]) -> list[str]:
    """Modules of which each imports the next, the first and the last the same; empty where there is none."""
    try:
        tuple(TopologicalSorter(before).static_order())
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_the_stages_have_one_order_everywhere(graph: Graph) -> None:
    assert list(graph) == list(CATALOGUE.stages)
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    for name, stage in CATALOGUE.stages.items():
        chosen = {params[section][key] for section, key in (each.split(".") for each in stage.chooses)}
        assert set(graph[name].upstream) == {*stage.reads, *stage.shows, *chosen}
        assert set(graph[name].needs) == {*stage.reads, *chosen}


@pytest.mark.parametrize("name", ["dvc.yaml", "flows/prefect.yaml", "README.md"])
def test_what_follows_from_the_catalogue_is_up_to_date(name: str) -> None:
    """Write it again by `python -m tasks.stages.generate`."""
    assert (REPOSITORY / name).read_text() == generated(REPOSITORY, CATALOGUE)[name]


def test_every_stage_is_a_module_with_a_section_of_parameters(graph: Graph) -> None:
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    for name, stage in CATALOGUE.stages.items():
        assert (REPOSITORY / "tasks" / "stages" / f"{stage.module}.py").is_file()
        assert stage.section in graph[name].params
        assert all(param.partition(".")[0] in values for param in graph[name].params)


def test_every_stage_belongs_to_a_system_or_is_chosen_by_a_parameter(graph: Graph) -> None:
    alone = [name for name in CATALOGUE.stages if not CATALOGUE.systems_of(name)]
    assert alone == [stage.name for stage in graph.values() if stage.is_chosen] == ["residual"]
    assert [key for stage in CATALOGUE.stages.values() for key in stage.chooses if "filled_by" in key] != []


def test_every_stage_depends_on_the_code_and_data_it_names(graph: Graph) -> None:
    missing = [
        dep
        for stage in graph.values()
        for dep in stage.deps
        if not dep.startswith("data/") and not (REPOSITORY / dep).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", CATALOGUE.stages)
def test_a_stage_depends_on_the_outputs_and_parameters_it_reads(name: str, graph: Graph) -> None:
    stage = CATALOGUE.stages[name]
    text = (REPOSITORY / "tasks" / "stages" / f"{stage.module}.py").read_text()
    read = {CATALOGUE.input_of(name, kind) for kind in re.findall(r'stage\.input\("(\w+)"\)', text)}
    same = [other for other in CATALOGUE.stages.values() if other.module == stage.module]
    assert read <= {before for other in same for before in other.reads}  # each reads a part, by its section
    tracked = {param.partition(".")[0] for before in graph.until(name) for param in graph[before].params}
    assert set(re.findall(r"stage\.config\.(\w+)\b(?!\()", text)) - {"profile", "model_dump"} <= tracked


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


def test_every_file_that_a_newcomer_is_sent_to_is_there() -> None:
    links = re.findall(r"\[(.+?)\]\((.+?)\)", WHERE.read_text())
    assert len(links) >= 25
    assert [
        shown for shown, target in links if target != f"../{shown}" or not (REPOSITORY / shown).exists()
    ] == []


def test_as_many_concepts_are_found_by_their_words_as_the_list_says() -> None:
    """By words that begin with the same four letters as those of the file's name."""
    page = WHERE.read_text()
    rows = re.findall(r"(?m)^\| (?!concept|---)(.+?) \| \[.*?(\w+)(?:\.\w+)?\]\(", page)
    guessed = [
        concept
        for concept, name in rows
        if all(re.search(rf"\b{part[:4]}", concept.lower()) for part in name.split("_"))
    ]
    assert f"{len(guessed)} of these {len(rows)} concepts" in page


def test_the_page_of_the_data_names_the_folder_of_every_stage() -> None:
    page = (REPOSITORY / "data" / "README.md").read_text()
    folders = [stage.folder for stage in CATALOGUE.stages.values()]
    plain = [folder for folder in folders if "/" not in folder]
    assert [folder for folder in plain if f" {folder}/" not in page] == []
    systems = [folder.removeprefix(f"{STORE}/") for folder in folders if "/" in folder]
    assert f"({', '.join(systems)})" in page
