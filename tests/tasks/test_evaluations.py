"""Evaluation on demand: what it writes, what it records, what it refuses."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from flows.cli import app
from flows.commands.evaluate import text_table
from lamp_core.config import override, save_params
from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.families.family import measure
from lamp_core.evaluation.families.retrieval import RETRIEVAL
from lamp_core.evaluation.results import Result, read_origins, read_results
from lamp_core.evaluation.trained import Trained
from lamp_core.report.result_tables import result_tables
from lamp_core.systems.lamp import MODELS
from tasks.evaluations import Evaluation, Request, evaluate_on_demand, wanted
from tasks.mlflow.model_run import model_run
from tasks.mlflow.tracking import Tracking
from tasks.project import Project
from tasks.stage.process import StageContext
from tasks.stages import evaluator
from tests.small_project import make_small_project, small_config
from tests.unit.evaluators.published import make_networks, make_vectors, write

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    root = tmp_path_factory.mktemp("evaluated")
    make_small_project(root / "data")
    save_params(small_config(), root / "params.yaml")
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    shutil.copy(empty_store, root / "mlflow.db")
    return Project(root)


@pytest.fixture(scope="module")
def measured(project: Project) -> Evaluation:
    return evaluate_on_demand(project, Request(protocols=["text-to-motion", "full"], repeats=3))


def test_every_number_is_a_row_with_its_origin(measured: Evaluation, project: Project) -> None:
    assert measured.folder.parent == project.data / "evaluations"
    assert measured.folder.name.endswith("-text-to-motion-full")
    path = measured.folder / "results.parquet"
    assert list(map(repr, read_results(path))) == list(map(repr, measured.results))  # NaN equals NaN
    features = FeatureSet.load(project.output("features"))
    origin = read_origins(path)[0]
    assert (origin.data, origin.data_version) == ("procedural", features.version)
    assert set(read_origins(path)) == {measured.origin}
    with (measured.folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == pq.read_schema(path).names
    assert [row["metric"] for row in rows] == [row.metric for row in measured.results]
    truth = next(row for row in measured.results if row.metric == "R-Precision top 1")
    assert truth.repeats == 3
    metrics = json.loads((measured.folder / "metrics.json").read_text())
    assert metrics["text_to_motion/ground_truth/R-Precision_top_1"] == truth.value
    assert all(isinstance(value, float) for value in metrics.values())


def test_the_run_is_tracked(measured: Evaluation, project: Project) -> None:
    run = Tracking(project).client.get_run(measured.run_id)
    metrics = json.loads((measured.folder / "metrics.json").read_text())
    assert len(run.data.metrics) == len(metrics)
    assert run.info.status == "FINISHED"
    assert run.data.tags["kind"] == "evaluation"
    assert run.data.tags["data"] == "procedural"
    assert run.data.tags["model_run"] == measured.origin.model_run
    assert run.data.params["evaluate.repeats"] == "3"


def test_a_second_call_takes_the_embeddings_of_the_first(measured: Evaluation, project: Project) -> None:
    cache = project.state / "cache" / "embeddings"
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(before) == 2
    again = evaluate_on_demand(project, Request(stage="t2m", protocols=["text-to-motion"], repeats=3))
    assert set(cache.iterdir()) == set(before)
    of_family = [row for row in measured.results if not row.protocol.startswith("full")]
    assert list(map(repr, again.results)) == list(map(repr, of_family))


def test_other_motions_are_scored_and_what_is_left_out_is_named(project: Project, tmp_path: Path) -> None:
    features = FeatureSet.load(project.output("features"))
    folder = tmp_path / "peer"
    folder.mkdir()
    for place in features.of_split("test")[1:]:
        np.save(folder / f"{features.clips[place]}.npy", features.features[place])
    np.save(folder / "unknown.npy", np.zeros((40, 263)))
    found = evaluate_on_demand(project, Request(motions=folder, output=tmp_path / "out"))
    assert {"ground truth", "truth, other half", "chance", "peer"} == {row.system for row in found.results}
    with (tmp_path / "out" / "left-out.csv").open() as file:
        rows = [(row["file"], row["reason"]) for row in csv.DictReader(file)]
    assert ("unknown.npy", "not-in-the-split") in rows
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("left-out.csv", "metrics.json", "results.csv", "results.parquet")
    ]


def test_other_captions_are_scored_and_what_is_left_out_is_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lamp_core.evaluation.families.captioning.has_minilm", lambda: False)
    monkeypatch.chdir(project.root)
    features = FeatureSet.load(project.output("features"))
    captions = {features.clips[place]: "a person walks" for place in features.of_split("test")}
    (tmp_path / "peer.json").write_text(json.dumps({**captions, "nobody": "a person hops"}))
    options = ["--captions", str(tmp_path / "peer.json"), "-o", str(tmp_path / "out")]
    ended = CliRunner().invoke(app, ["evaluate", *options])
    assert ended.exit_code == 0, ended.output
    assert "captions scored, no item without a caption, 1 entries left out; " in ended.output
    rows = read_results(tmp_path / "out" / "results.parquet")
    systems = ("ground truth", "most frequent caption", "nearest caption", "LaMP-M2T", "peer")
    assert tuple(dict.fromkeys(row.system for row in rows)) == systems
    with (tmp_path / "out" / "left-out.csv").open() as file:
        left_out = [(row["file"], row["reason"]) for row in csv.DictReader(file)]
    assert left_out == [("nobody", "not-among-the-items")]


def test_all_clips_are_told_in_the_record(project: Project, tmp_path: Path) -> None:
    request = Request(protocols=["full"], split="all", output=tmp_path)
    rows = evaluate_on_demand(project, request).results
    assert {row.items for row in rows} == {len(FeatureSet.load(project.output("features")))}
    assert all(row.note.endswith("all clips of procedural") for row in rows)


@pytest.mark.parametrize(
    ("request_", "protocols"),
    [
        (Request(), Evaluate().protocols),
        (Request(stage="retrieval"), RETRIEVAL.protocols),
        (Request(stage="m2t"), ("captioning",)),
        (Request(stage="t2m", protocols=["completion"]), ("completion",)),
        (Request(motions=Path("x")), ("text-to-motion", "plausibility", "lamp-bert-score")),
        (Request(motions=Path("x"), protocols=["plausibility"]), ("plausibility",)),
        (Request(captions=Path("x.csv")), ("captioning",)),
        (Request(captions=Path("x.csv"), stage="m2t"), ("captioning",)),
    ],
)
def test_protocols_follow_from_the_request(request_: Request, protocols: tuple[str, ...]) -> None:
    settings = wanted(Evaluate(), request_)
    assert settings.protocols == protocols
    assert settings.repeats == settings.generations == 20


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            Request(stage="pretrain"),
            "stage 'pretrain' is not measured; those that are: tokenizer, t2m, m2t, ",
        ),
        (Request(protocols=["nope"]), "unknown protocol 'nope'; known: batches, captioning, completion"),
        (Request(stage="t2m", protocols=["full"]), "stage 't2m' is not measured by 'full'"),
        (Request(motions=Path("x"), protocols=["full"]), "a folder of motions is not measured by 'full'"),
        (Request(captions=Path("x.csv"), protocols=["full"]), "a file of captions is not measured by 'full'"),
        (Request(captions=Path("x.csv"), stage="t2m"), "a file of captions is not measured by stage 't2m'"),
        (Request(motions=Path("x"), captions=Path("y.csv")), "are measured one at a time"),
        (Request(captions=Path("nowhere.csv")), "there is no file nowhere.csv"),
        (Request(data="other"), "the models of the workspace were trained on procedural; `lamp run --data o"),
        (Request(on="other"), "unknown data set 'other'; known: procedural"),
        (Request(motions=Path("nowhere")), "there is no folder nowhere"),
    ],
)
def test_a_request_that_cannot_be_met_says_what_can(
    request_: Request, message: str, project: Project
) -> None:
    with pytest.raises(LampError, match=message):
        evaluate_on_demand(project, request_)


def test_a_store_that_fails_does_not_take_the_numbers(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **options: object) -> str:
        raise ConnectionError("the server is away")

    monkeypatch.setattr(Tracking, "start", broken)
    found = evaluate_on_demand(project, Request(protocols=["full"], output=tmp_path / "out"))
    assert found.run_id is None
    assert (tmp_path / "out" / "results.parquet").exists()
    assert "MLflow does not keep this evaluation: ConnectionError: the server" in capsys.readouterr().err


def test_the_command_prints_a_table_a_protocol(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    ended = CliRunner().invoke(app, ["evaluate", "--protocol", "batches", "-o", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    assert "Retrieval in batches" in ended.output
    assert "LaMP-Feat" in ended.output
    assert "models of" in ended.output


def test_a_table_of_text_says_what_is_absent_and_what_was_not_measured() -> None:
    first = Result("ground truth", "FID", 0.0, 0.0, "text to motion, 32 candidates", "guo", 1, 40)
    rows = [
        first,
        Result("peer", "FID", float("nan"), float("nan"), first.protocol, "guo", 0, 3, "not measured: why"),
        Result("peer", "MM-Dist", 2.5, 0.25, first.protocol, "guo", 5, 40),
    ]
    table = text_table(result_tables(rows)[0])
    assert list(table.header) == ["", "FID ↓", "MM-Dist ↓"]
    assert [list(row) for row in table.rows] == [
        ["ground truth", "0.000", "–"],
        ["peer", "not measured", "2.500 ± 0.250"],
    ]
    assert "evaluator guo" in table.notes[0]
    assert any("why" in note for note in table.notes)


def test_the_published_evaluator_takes_the_place_of_the_trained_one(project: Project, tmp_path: Path) -> None:
    statistics = FeatureSet.load(project.output("features")).statistics
    write(tmp_path / "published", make_networks(263), make_vectors(), statistics)
    config = override(small_config(), [f"evaluator.published={tmp_path / 'published'}"])
    for stage in ("features", "tokenizer", "pretrain"):
        (tmp_path / stage).symlink_to(project.output(stage))
    output = tmp_path / "evaluator"
    metrics = evaluator.run(
        StageContext(
            name="evaluator",
            config=config,
            data=tmp_path,
            output=output,
            checkpoints=tmp_path / "checkpoints",
            device=torch.device("cpu"),
            on_log=lambda step, scalars: None,
            on_progress=lambda done, total, text="": None,
        )
    )
    assert all(name.startswith(("val_", "test_", "minilm_")) for name in metrics)
    assert not (output / "curves.csv").exists()
    wanted_ = override(config, ["evaluate.protocols=[reconstruction]"])
    rows = measure(
        Trained(tmp_path, wanted_, FeatureSet.load(tmp_path / "features"), torch.device("cpu"), MODELS),
        FAMILIES,
    )
    assert {row.evaluator for row in rows["tokenizer"]} == {"guo"}


class Store:
    """Tells who made what."""

    def __init__(self, makers: dict[str, str]) -> None:
        self.makers = makers

    def maker(self, stage: str, lock_hash: str, output_hash: str) -> str | None:
        assert lock_hash
        return self.makers.get(stage)


class Refusing:
    """A store whose error names its address."""

    def maker(self, stage: str, lock_hash: str, output_hash: str) -> str | None:
        raise RuntimeError("no answer of https://ann:correct-horse@host/api")


def test_an_error_of_the_store_is_said_without_its_password(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.lock_file.write_text("schema: '2.0'\nstages:\n  t2m:\n    cmd: x\n")
    try:
        model_run(project, Refusing(), measured_by="evaluate")  # type: ignore[arg-type]
    finally:
        project.lock_file.unlink()
    said = capsys.readouterr().err
    assert "https://ann:***@host/api" in said and "correct-horse" not in said


def made_by(project: Project, store: Store, measured_by: str = "evaluate", first: str | None = None) -> str:
    return model_run(project, store, measured_by=measured_by, first=first)  # type: ignore[arg-type]


def test_the_models_are_those_of_the_system_that_is_measured(project: Project) -> None:
    names = ("t2m", "m2t", "instruction", "lexical_contrast", "lexical_dense")
    stages = "".join(f"  {name}:\n    cmd: x\n" for name in names)
    project.lock_file.write_text(f"schema: '2.0'\nstages:\n{stages}")
    store = Store({name: f"run of {name}" for name in names})
    try:
        assert made_by(project, store) == "run of m2t"
        assert made_by(project, store, first="t2m") == "run of t2m"
        assert made_by(project, store, first="retrieval") == "run of m2t"
        assert made_by(project, store, "evaluate_motion_language", "instruction") == "run of instruction"
        assert made_by(project, store, "evaluate_lexical", "lexical_contrast") == "run of lexical_contrast"
        assert made_by(project, store, "evaluate_lexical") == "run of lexical_dense"
    finally:
        project.lock_file.unlink()


def test_the_models_are_those_of_the_last_stage_that_is_tracked(project: Project) -> None:
    stages = "".join(f"  {name}:\n    cmd: x\n" for name in ("tokenizer", "pretrain", "t2m"))
    project.lock_file.write_text(f"schema: '2.0'\nstages:\n{stages}")
    try:
        assert made_by(project, Store({"t2m": "a", "pretrain": "b"})) == "a"
        assert made_by(project, Store({"pretrain": "b"})) == "b"
        assert made_by(project, Store({})) == "unknown"
    finally:
        project.lock_file.unlink()
