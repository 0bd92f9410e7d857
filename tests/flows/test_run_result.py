"""What a run prints at its end: what ran, and what that measured."""

import json

import pytest

from flows.commands.run import report_result
from flows.pipeline.run import PipelineResult
from tasks.stage.outcome import Outcome
from tests.toy import Toy


def write_metrics(toy: Toy, stage: str, **values: float) -> None:
    path = toy.project.metrics_file(stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def test_a_run_of_one_stage_shows_its_own_numbers(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    write_metrics(toy, "features", score=0.25)
    write_metrics(toy, "evaluate", **{"text_to_motion/LaMP-T2M/FID": 0.5})
    report = toy.project.output("report") / "report.html"
    report.parent.mkdir()
    report.touch()
    outcomes = {"features": Outcome("done", 2.0)}
    report_result(toy.project, PipelineResult({"features": "done"}, outcomes, 3.0, "run"))
    said = capsys.readouterr().out
    assert "features: score 0.25\n" in said
    assert "3.0 s in all; features 2.0 s" in said
    assert "FID" not in said
    assert "report:" not in said
    report_result(toy.project, PipelineResult({"evaluate": "done"}, {}, 3.0, "run"))
    assert "FID" in capsys.readouterr().out
