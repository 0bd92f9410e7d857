"""A second system in the graph: a few entries of the catalogue, and the first one stays as it was."""

from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from lamp_core.config import profile_config
from lamp_core.errors import LampError
from lamp_core.systems.catalogue import SYSTEMS
from tasks.dvc.graph import Graph, read_graph
from tasks.project import Project
from tasks.stage import process
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.closure import Closures
from tasks.stages.declaration import Catalogue, Stage, System
from tasks.stages.generate import graph_text
from tests.workspace import copy_with_outputs

REPOSITORY = Path(__file__).parents[3]
ADDED = (
    Stage("tokenizer_b", "VQ-VAE", module="tokenizer", section="tokenizer", reads=("features",), trains="B"),
    Stage("tokens_b", "its codes", module="tokens", section="tokens", reads=("features", "tokenizer_b")),
    Stage(
        *("evaluate_b", "its metrics", ("features", "tokenizer_b", "evaluator")),
        folder="evaluate/b",
        module="retrieval",
        section="evaluate",
    ),
)
OWN = {stage.name for stage in ADDED}
SECOND = System("b", "a second one", finals=("tokens_b", "evaluate_b", "report"))


def extended() -> Catalogue:
    *before, report = CATALOGUE.stages.values()
    shows = (*report.shows, "tokenizer_b", "evaluate_b")
    return Catalogue((*before, *ADDED, replace(report, shows=shows)), (*CATALOGUE.systems.values(), SECOND))


def stages_of(text: str) -> dict[str, dict[str, object]]:
    described: dict[str, dict[str, object]] = yaml.safe_load(text)["stages"]
    return {name: {**stage, "meta": None} for name, stage in described.items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project whose stages of the first system wrote one small file each."""
    root = tmp_path_factory.mktemp("second") / "project"
    project = copy_with_outputs(root)
    project.graph_file.write_text(graph_text(Closures(REPOSITORY), extended()))
    for name in OWN:  # what the report shows is an empty folder before it is made
        (project.data / extended().folder(name)).mkdir(parents=True)
    return project


@pytest.fixture(scope="module")
def graph(project: Project) -> Graph:
    return read_graph(project)


def test_no_stage_of_the_first_system_reads_anything_else_but_the_report() -> None:
    closures = Closures(REPOSITORY)
    before, after = stages_of(graph_text(closures, CATALOGUE)), stages_of(graph_text(closures, extended()))
    assert set(after) - set(before) == OWN
    assert [name for name in before if before[name] != after[name]] == ["report"]


def test_a_system_is_chosen_with_what_it_needs(graph: Graph) -> None:
    assert graph.systems == (*CATALOGUE.systems, "b")
    for system in CATALOGUE.systems:
        assert graph.of_system(system) == list(CATALOGUE.stages_of(system))
    assert graph.of_system("b") == ["ingest", "features", "evaluator", *OWN_IN_ORDER, "report"]
    assert set(graph.of_system("all")) == {*CATALOGUE.stages, *OWN} - {"residual"}  # a parameter chooses it
    with pytest.raises(LampError, match=f"unknown system 'c'; known: {', '.join(CATALOGUE.systems)}, b, all"):
        graph.of_system("c")


OWN_IN_ORDER = [stage.name for stage in ADDED]


def test_the_report_needs_no_model_of_another_system(graph: Graph) -> None:
    assert graph.until("report") == list(CATALOGUE.stages_of("lamp"))
    assert "evaluate_b" in graph["report"].upstream  # it waits for what it shows
    assert graph["report"].needs == ("ingest", "features")


def test_dvc_finds_only_the_second_systems_stages_stale(project: Project) -> None:
    from dvc.repo import Repo

    second = project.graph_file.read_text()
    project.graph_file.write_text(graph_text(Closures(REPOSITORY), CATALOGUE))
    with chdir(project.root), Repo() as repo:
        repo.commit(force=True)  # every stage of the first system has run
    project.graph_file.write_text(second)
    with chdir(project.root), Repo() as repo:
        assert set(repo.status()) == {*OWN, "report"}  # which shows more than it did
        repo.commit("report", force=True)
        assert set(repo.status()) == OWN
        (project.data / "evaluate" / "b" / "results").write_text("measured")
        assert set(repo.status()) == {*OWN, "report"}


def test_a_module_finds_the_inputs_of_the_stage_that_it_runs_as(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CATALOGUE", extended())
    config = profile_config("smoke")

    def context(name: str) -> process.StageContext:
        return process.StageContext(
            *(name, config, Path("data"), Path("out"), Path("checkpoints"), torch.device("cpu")),
            on_log=lambda step, scalars: None,
            on_progress=lambda done, total, text: None,
        )

    assert context("tokens_b").input("tokenizer") == Path("data/tokenizer_b")
    assert context("tokens").input("tokenizer") == Path("data/tokenizer")
    assert context("tokens_b").settings(type(config.tokens)) == config.tokens
    assert context("report").input("evaluate") == Path("data/evaluate/lamp")


def test_both_catalogues_name_the_same_systems_and_stages() -> None:
    assert list(SYSTEMS) == list(CATALOGUE.systems)
    for system, models in SYSTEMS.items():
        chosen = [name for name in CATALOGUE.stages if not CATALOGUE.systems_of(name)]  # by a parameter
        known = {*CATALOGUE.stages_of(system), *chosen}
        for model in models:
            assert {model.stage, *model.made_of} <= known


def test_every_evaluation_writes_to_one_store_and_the_report_shows_it() -> None:
    measured = CATALOGUE.evaluations()
    assert [CATALOGUE.folder(name) for name in measured] == [f"evaluate/{name}" for name in CATALOGUE.systems]
    assert {*measured, *CATALOGUE.trained()} <= set(CATALOGUE.stages["report"].shows)
