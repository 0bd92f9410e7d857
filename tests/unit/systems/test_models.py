"""A second model with a capability is measured, chosen and shown without a line of its name anywhere else."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grimp
import numpy as np
import pytest
import torch

from lamp_core.config import override
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.evaluation.families.catalogue import FAMILIES, PROTOCOLS, protocols_of_stages
from lamp_core.evaluation.families.family import measure
from lamp_core.evaluation.results import metric_key
from lamp_core.evaluation.trained import Trained
from lamp_core.inference import generate as api
from lamp_core.inference import models as chosen
from lamp_core.report.highlights import highlights
from lamp_core.report.main_metrics import main_metrics
from lamp_core.report.result_tables import result_tables
from lamp_core.systems.capabilities import CAPABILITIES, CAPTION, GENERATE
from lamp_core.systems.catalogue import MODELS, SYSTEMS
from lamp_core.systems.lamp import MODELS as LAMP
from lamp_core.systems.model import Model, chosen_model, trained_models
from tests.small_project import make_small_project, small_config
from tests.unit.systems.nearest_text import NEAREST, train_nearest

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has trained both."""
    data = tmp_path_factory.mktemp("two") / "data"
    make_small_project(data)
    (data / NEAREST.stage).mkdir()
    train_nearest(FeatureSet.load(data / "features"), data / NEAREST.stage, 196)
    return data


@pytest.fixture(scope="module")
def rows(data: Path) -> list:
    config = override(small_config(), ["evaluate.protocols=[text-to-motion, plausibility]"])
    features = FeatureSet.load(data / "features")
    trained = Trained(data, config, features, torch.device("cpu"), (*LAMP, NEAREST))
    return [(family, row) for family, rows in measure(trained, FAMILIES).items() for row in rows]


@pytest.mark.slow
def test_both_are_measured_by_every_protocol_of_their_capability(rows: list) -> None:
    for family in ("text_to_motion", "plausibility"):
        systems = list(dict.fromkeys(row.system for of, row in rows if of == family))
        assert systems[-3:] == ["untrained", "LaMP-T2M", "Nearest text"], family
    by_system = {
        system: {(row.metric, row.protocol) for _, row in rows if row.system == system}
        for system in ("LaMP-T2M", "Nearest text")
    }
    assert by_system["LaMP-T2M"] == by_system["Nearest text"]
    assert all(row.measured for _, row in rows if row.system == "Nearest text")


def test_true_motions_found_by_their_words_are_plausible_and_near_to_the_truth(rows: list) -> None:
    found = {row.system: row.value for of, row in rows if of == "text_to_motion" and row.metric == "FID"}
    assert found["Nearest text"] < found["LaMP-T2M"]


def test_both_stand_in_the_tables_the_highlights_and_the_terminal(rows: list) -> None:
    (table, *_) = result_tables([row for _, row in rows])
    assert [row.system for row in table.rows if not row.baseline] == ["LaMP-T2M", "Nearest text"]
    assert highlights([row for _, row in rows])[0].label.startswith("Text to motion")
    printed = main_metrics({f"{of}/{metric_key(row)}": row.value for of, row in rows})
    named = [row[0] for row in printed if row[0].startswith("Text to motion, FID")]
    assert named == ["Text to motion, FID, LaMP-T2M", "Text to motion, FID, Nearest_text"]


def test_a_command_takes_the_first_or_the_one_that_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "MODELS", (*MODELS, NEAREST))
    made = {
        name: api.generate(data, "a person walks forward", 1, 2.0, model=name).joints[0]
        for name in (None, "lamp-t2m", "Nearest text")
    }
    assert np.array_equal(made[None], made["lamp-t2m"])
    assert made["Nearest text"].shape == made[None].shape
    assert not np.allclose(made["Nearest text"], made[None], atol=1e-3)
    with pytest.raises(LampError, match=r"no trained model 'other' can generate; .*LaMP-T2M, Nearest text"):
        api.generate(data, "a person walks", model="other")


def test_what_is_not_trained_is_not_chosen(data: Path, tmp_path: Path) -> None:
    assert chosen_model((NEAREST, *LAMP), data, GENERATE).name == "Nearest text"
    for stage in ("t2m", NEAREST.stage):  # the second one is empty: another stage shows it
        (tmp_path / stage).mkdir()
    (tmp_path / "t2m" / "model.safetensors").touch()
    assert [model.name for model in trained_models((NEAREST, *LAMP), tmp_path, GENERATE)] == ["LaMP-T2M"]
    with pytest.raises(LampError, match="`lamp run --until m2t` trains LaMP-M2T"):
        trained_models(LAMP, tmp_path, CAPTION)
    with pytest.raises(LampError, match="none can"):
        trained_models((replace(NEAREST),), tmp_path, CAPTION)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_of_the_catalogue_can_do_what_it_says(model: Model, data: Path) -> None:
    from lamp_core.systems import capabilities

    protocols = {
        "reconstruct": capabilities.Reconstructs,
        "generate": capabilities.Generates,
        "complete": capabilities.Completes,
        "control": capabilities.Controls,
        "caption": capabilities.Captions,
        "similarity": capabilities.Compares,
        "edit parts": capabilities.EditsParts,
        "say words": capabilities.SaysWords,
    }
    assert set(model.capabilities) <= set(CAPABILITIES) == set(protocols) == set(PROTOCOLS)
    if not model.is_trained(data):
        pytest.skip(f"the small project has no {model.name}")
    loaded = model.load(data, torch.device("cpu"))
    for capability in model.capabilities:
        members = [name for name in dir(protocols[capability]) if not name.startswith("_")]
        assert [name for name in members if not hasattr(loaded, name)] == []


def test_names_and_stages_of_the_catalogue_are_of_one_model_each() -> None:
    for of in (lambda model: model.name, lambda model: model.stage):
        assert len({of(model) for model in MODELS}) == len(MODELS)
    assert len(protocols_of_stages(MODELS)) == len(MODELS) == sum(map(len, SYSTEMS.values()))


def test_no_models_name_is_written_outside_of_its_system_and_the_catalogue() -> None:
    own = ("systems", "t2m", "m2t", "retrieval", "evaluators", *(name.replace("-", "_") for name in SYSTEMS))
    places = (*(f"lamp_core/{package}/" for package in own), "tasks/stages/catalogue.py")
    names = [model.name for model in MODELS if model.name != model.stage]
    written = [
        f"{path.relative_to(REPOSITORY)}: {text}"
        for package in ("flows", "tasks", "lamp_core")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        if not str(path.relative_to(REPOSITORY)).startswith(places)
        for text in strings(ast.parse(path.read_text()))
        if any(name in text for name in names)
    ]
    assert written == []


BESIDE_THE_FIRST = {
    # commands and the page's search of one system alone, the list of all tables
    "lamp_core.lexical": {
        *("flows.commands.index", "flows.commands.search", "lamp_core.page.search"),
        *("lamp_core.inference.indexed_files", "lamp_core.report.schema_page"),
    },
    # how an instruction is read, for whatever answers it
    "lamp_core.motion_language": {"flows.commands.ask", "lamp_core.inference.ask"},
    "lamp_core.large_motion": {"flows.commands.data"},
}
"""Who imports the package of a further system, beside itself, its stages and the catalogue of models."""


def test_what_serves_all_systems_imports_the_package_of_none() -> None:
    imports = grimp.build_graph(
        "flows", "tasks", "lamp_core", exclude_type_checking_imports=True, cache_dir=None
    )
    own = tuple(f"{package}." for package in (*BESIDE_THE_FIRST, "lamp_core.systems", "tasks.stages"))
    for package, known in BESIDE_THE_FIRST.items():
        of_package = {package, *imports.find_descendants(package)}
        who = {other for module in of_package for other in imports.find_modules_that_directly_import(module)}
        beside = {module for module in who if not f"{module}.".startswith(own)}
        assert beside == known, package


def strings(tree: ast.AST) -> Iterator[str]:
    """All strings of a module that are no docstrings."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value
