"""The registry on a real store: what becomes a version, which aliases move, and what comes back."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from flows.pipeline.mlflow_run import Opening, PipelineRun
from flows.pipeline.run_records import Asked
from flows.pipeline.standing_run import StandingRun
from lamp_core.errors import LampError
from tasks.mlflow.registry import Registered, Registry, best_of, keep_model, lineage_of
from tasks.mlflow.tracking import Tracking
from tasks.stage.process import StageContext, main
from tasks.stage.progress import read_progress
from tests.toy import Toy

METRIC = "val_r_precision_3"


@pytest.fixture
def registry(toy: Toy) -> Registry:
    return Registry(Tracking(toy.project))


def train(toy: Toy, weights: str, score: float | None, *, features: str = "f1", data: str = "walks") -> str:
    """Let ``evaluator`` end with these weights, and return its run."""
    tracking = Tracking(toy.project)
    folder = toy.project.output("evaluator")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"config.json": "{}", "model.safetensors": weights, "curves.csv": "step"}.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(text)
    run = tracking.start("evaluator", {"kind": "stage", "stage": "evaluator", "data": data}, {})
    keep_model(tracking, run, folder)
    hashes = {"ingest": "i1", "features": features, "evaluator": weights}
    stages = {name: {"outs": [{"path": f"data/{name}", "md5": md5}]} for name, md5 in hashes.items()}
    toy.project.lock_file.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    metrics = {} if score is None else {METRIC: score}
    tracking.register(run, "evaluator", lineage_of(toy.versions, "evaluator", metrics))
    return run


def aliases(registry: Registry) -> dict[str, int]:
    return {alias: found.version for found in registry.versions("evaluator") for alias in found.aliases}


def test_latest_and_best_follow_the_runs(toy: Toy, registry: Registry) -> None:
    train(toy, "w1", 0.5)
    assert aliases(registry) == {"latest": 1, "best": 1, "best-walks": 1}
    train(toy, "w2", 0.75)
    assert aliases(registry) == {"latest": 2, "best": 2, "best-walks": 2}
    train(toy, "w3", 0.625)
    assert aliases(registry) == {"latest": 3, "best": 2, "best-walks": 2}


def test_weights_that_are_known_become_no_second_version(toy: Toy, registry: Registry) -> None:
    train(toy, "w1", 0.5)
    train(toy, "w2", 0.75)
    train(toy, "w1", 0.5)
    assert [found.version for found in registry.versions("evaluator")] == [2, 1]
    assert aliases(registry) == {"latest": 2, "best": 2, "best-walks": 2}


def test_other_data_are_not_compared(toy: Toy, registry: Registry) -> None:
    train(toy, "w1", 0.75)
    train(toy, "w2", 0.25, features="f2", data="runs")
    assert aliases(registry) == {"best-walks": 1, "latest": 2, "best": 2, "best-runs": 2}
    train(toy, "w3", None, features="f2", data="runs")  # not measured: the best stays
    assert aliases(registry) == {"best-walks": 1, "latest": 3, "best": 2, "best-runs": 2}


def test_a_stage_without_weights_is_not_registered(toy: Toy, registry: Registry) -> None:
    run = registry.tracking.start("features", {"kind": "stage"}, {})
    registry.make_version("features", run, {})
    assert registry.stages() == []


def test_an_alias_of_the_user_is_moved_by_version_alias_or_run(toy: Toy, registry: Registry) -> None:
    first = train(toy, "w1", 0.75)
    train(toy, "w2", 0.5)
    for wanted, version in (("2", 2), ("best", 1), ("latest", 2), (first[:8], 1)):
        assert registry.promote("evaluator", wanted).version == version
        assert aliases(registry)["production"] == version
    assert registry.promote("evaluator", "2", "staging").version == 2
    assert (aliases(registry)["production"], aliases(registry)["staging"]) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("t2m", "1"), "no registered model 't2m'; known: evaluator"),
        (("evaluator", "7"), "no version '7' of model 'evaluator'; known: 1 (run "),
        (("evaluator", "1", "best"), "alias 'best' follows the runs by itself"),
        (("evaluator", "1", "my alias!"), "'my alias!' is no alias: letters, digits, '-' and '_'"),
        (("evaluator", "1", "v2"), "'v2' is no alias"),
        (("evaluator", "1", "best-walks"), "alias 'best-walks' follows the runs by itself"),
    ],
)
def test_what_cannot_be_promoted_is_named(
    arguments: tuple[str, ...], words: str, toy: Toy, registry: Registry
) -> None:
    train(toy, "w1", 0.5)
    with pytest.raises(LampError) as refused:
        registry.promote(*arguments)
    assert words in str(refused.value)


def test_a_version_comes_back_as_it_was_trained(toy: Toy, registry: Registry, tmp_path: Path) -> None:
    train(toy, "w1", 0.75)
    train(toy, "w2", 0.5)
    (found,) = registry.fetch("evaluator", "best", tmp_path / "models")
    folder = tmp_path / "models" / "evaluator"
    assert found.version == 1
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "registered.json",
    }
    assert (folder / "model.safetensors").read_text() == "w1"
    assert json.loads((folder / "registered.json").read_text())["version"] == 1
    registry.fetch("evaluator", "1", tmp_path / "models")  # there already
    with pytest.raises(LampError, match="holds something else already"):
        registry.fetch("evaluator", "2", tmp_path / "models")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["evaluator"]


def test_weights_are_stored_once_where_the_store_is_a_folder(toy: Toy) -> None:
    run = train(toy, "w1", 0.75)
    folder = urlsplit(Tracking(toy.project).client.get_run(run).info.artifact_uri).path
    stored = Path(folder) / "model" / "model.safetensors"
    assert stored.samefile(toy.project.output("evaluator") / "model.safetensors")


def test_the_best_is_the_oldest_of_equal_ones_and_the_lowest_of_a_loss() -> None:
    def version(number: int, value: float | None, comparable: str = "a") -> Registered:
        return Registered("t2m", number, "", "", "walks", "", comparable, value, {}, (), 0)

    known = [version(4, 0.5), version(3, None), version(2, 0.25, "b"), version(1, 0.5)]
    best = best_of("t2m", known, "a")
    assert best is not None
    assert best.version == 1
    assert best_of("t2m", known, "c") is None
    assert best_of("t2m", [version(1, 0.5, "")], "") is None
    assert best_of("unknown", known, "a") is None


def test_decoded_motions_are_better_where_they_are_worth_more() -> None:
    def version(number: int, value: float, metric: str, comparable: str) -> Registered:
        return Registered("t2m", number, "", "", "walks", "", comparable, value, {}, (), 0, metric)

    known = [
        *(version(number, value, "val_decoded", "a") for number, value in ((1, 0.5), (2, 0.7))),
        *(version(number, value, "val_loss", "b") for number, value in ((3, 2.5), (4, 2.7))),
    ]
    assert [best.version for each in "ab" if (best := best_of("t2m", known, each))] == [2, 3]


def test_what_a_stage_writes_is_kept_by_its_process_and_registered_by_the_flow(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMP_KEEP_CHECKPOINTS", "1")  # as the flow does

    def work(stage: StageContext) -> dict[str, float]:
        (stage.output / "config.json").write_text("{}")
        (stage.output / "model.safetensors").write_text("weights")
        (stage.output / "predictions.npy").write_text("no part of the model")
        return {"score": 1.0}

    with pytest.raises(SystemExit):
        main("features", work)
    progress = read_progress(toy.project.progress_file("features"))
    assert progress is not None
    assert progress.run_id is not None
    tracking = Tracking(toy.project)
    assert tracking.flush()
    client, stage_run = tracking.client, tracking.id_of(progress.run_id)
    stored = {file.path for file in client.list_artifacts(stage_run, "model")}
    assert stored == {"model/config.json", "model/model.safetensors"}
    names = ("ingest", "features", "evaluator")
    stages = {name: {"outs": [{"path": f"data/{name}", "md5": name}]} for name in names}
    toy.project.lock_file.write_text(yaml.safe_dump({"stages": stages}))
    standing = StandingRun(toy.project, toy.config, Asked())
    record = PipelineRun(Opening(toy.project, standing), toy.project, toy.versions, toy.config, ["features"])
    record.up_to_date = lambda: ["features"]
    with record:
        record.stage_ended("features", progress.run_id)
    (found,) = Registry(Tracking(toy.project)).versions("features")
    assert (found.run_id, found.weights, found.data) == (stage_run, "features", "procedural")
    assert found.made_with == {"ingest": "ingest"}
    stage, whole = client.get_run(stage_run), client.get_run(record.run_id)
    assert stage.data.tags["data_version"] == "ingest"
    assert (whole.data.tags["data_version"], whole.data.tags["evaluator_version"]) == ("ingest", "evaluator")
    for run in (stage, whole):  # MLflow's own columns
        (model,) = run.outputs.model_outputs
        assert client.get_logged_model(model.model_id).name == "lamp-features"
        (data,) = run.inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest) == ("procedural", "ingest")
        assert run.data.tags["mlflow.source.name"] and run.data.tags["mlflow.user"]
