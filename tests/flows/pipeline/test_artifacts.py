"""What a run leaves with MLflow and Prefect: real stores, one real Prefect server for all tests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from flows.pipeline.artifacts import keep_report, metric_rows
from flows.pipeline.run import run_pipeline
from flows.pipeline.run_records import Asked
from flows.pipeline.stage_metrics import read_intervals
from lamp_core.evaluation.results import Origin, Result, write_results
from tasks.mlflow.tracking import Tracking
from tests.toy import Toy


def artifacts_of(flow_run: str) -> Mapping[str, Any]:
    """The artifacts of a flow run by key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
        return {artifact.key: artifact for artifact in client.read_artifacts(artifact_filter=wanted)}


def test_a_flow_run_says_how_its_stages_ended_and_where_its_numbers_are(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "evaluate")
    report = toy.project.output("report") / "report.html"
    report.parent.mkdir()
    report.write_text("<!doctype html>")
    result = run_pipeline(toy.project, toy.config)
    tags = Tracking(toy.project).client.get_run(result.run_id).data.tags
    found = artifacts_of(tags["flow_run"])
    assert set(found) == {"lamp-stages", "lamp-report", "lamp-mlflow-run"}
    rows = {row["stage"]: row for row in json.loads(found["lamp-stages"].data)}
    assert {name: row["state"] for name, row in rows.items()} == result.states
    assert rows["evaluate"]["state"] == "failed"
    assert rows["evaluate"]["fault"] != ""
    assert report.as_uri() in found["lamp-report"].data
    assert result.run_id in found["lamp-mlflow-run"].data
    assert "lamp ui" in found["lamp-mlflow-run"].data


def test_the_numbers_of_every_system_that_is_up_to_date_are_shown(toy: Toy) -> None:
    values = {
        "evaluate": {"text_to_motion/LaMP-T2M/FID": 0.5},
        "evaluate_lexical": {"retrieval/LexCMLP/full_text_to_motion_R1": 40.0},
        "evaluate_large_motion": {"text_to_motion/Large-Motion/FID": 2.0},
    }
    for stage, metrics in values.items():
        file = toy.project.metrics_file(stage)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(metrics))
    rows = metric_rows(
        toy.project, {"evaluate": "fresh", "evaluate_lexical": "done", "evaluate_large_motion": "failed"}
    )
    assert [row["stage"] for row in rows] == ["evaluate", "evaluate_lexical"]
    assert (rows[0]["metric"], rows[0]["trained"]) == ("Text to motion, FID", "0.500")
    assert metric_rows(toy.project, {}) == []


def test_the_intervals_of_every_evaluation_are_found(toy: Toy) -> None:
    rows = [Result("a", "FID", 1.25, 0.1, "text to motion, 32 candidates", "guo-own", 20, 7)]
    folder = toy.project.output("evaluate_large_motion")
    folder.mkdir(parents=True)
    write_results(folder / "results.parquet", rows, Origin("walks", "d1", "r"))
    found = {"interval/evaluate_large_motion/text_to_motion/a/FID": 0.1}
    assert read_intervals(toy.project, "evaluate_large_motion") == found
    assert read_intervals(toy.project, "evaluate") == {}


def test_a_server_that_takes_no_artifacts_does_not_fail_the_run(
    toy: Toy, prefect_server: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise ConnectionError("no such server http://ann:hunter22@host")

    monkeypatch.setattr("prefect.artifacts.create_table_artifact", refuse)
    result = run_pipeline(toy.project, toy.config, Asked(until="ingest"))
    assert result.states == {"ingest": "done"}
    said = capsys.readouterr().err
    assert "warning: Prefect keeps no artifacts of this run: no such server http://ann:***@host" in said


def test_the_report_its_plots_and_samples_are_stored_with_the_run(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    run = tracking.start("whole", {}, {})
    files = ("report.html", "plots/similarity.svg", "samples/01-a.gif", "curves.csv")
    for name in files:
        path = toy.project.output("report") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    keep_report(tracking, toy.project, run)
    assert {file.path for file in tracking.client.list_artifacts(run)} == {"plots", "report.html", "samples"}
    (plot,) = tracking.client.list_artifacts(run, "plots")
    folder = url2pathname(urlsplit(tracking.client.get_run(run).info.artifact_uri).path)
    assert plot.path == "plots/similarity.svg"
    assert (Path(folder) / plot.path).read_text() == "plots/similarity.svg"
