"""Runs side by side: what differs between them comes first, and both forms of file hold it."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from flows.commands.compare import compare
from lamp_core.config.experiment import TEXT_TO_MOTION, ResultTable
from lamp_core.errors import LampError
from lamp_core.evaluation.results import Origin, Result, write_results
from lamp_core.report.experiment_results import (
    ExperimentRecord,
    ExperimentResults,
    RowRecord,
    write_experiment,
)
from lamp_core.report.experiments import in_full
from tasks.mlflow.store import PIPELINE
from tasks.mlflow.tracking import Scalar, Tracking
from tests.toy import Toy


@pytest.fixture
def two_runs(toy: Toy) -> Toy:
    """Two runs that differ in one parameter."""
    tracking = Tracking(toy.project)
    for width, score in ((3, 0.5), (4, 0.25)):
        tags = {"kind": PIPELINE, "data": "procedural"}
        run = tracking.start(f"width-{width}", tags, {"t2m.hidden_dim": width, "t2m.layers": 2})
        tracking.log(run, [Scalar.now("evaluate/score", score)])
        tracking.finish(run, "FINISHED")
    return toy


@pytest.fixture
def one_row(toy: Toy) -> Toy:
    """An experiment of one row and one number."""
    row = RowRecord(label="a", state="finished", key="1", data="procedural", run="0123456789")
    table = in_full(ResultTable(title="Text to motion", protocol="text to motion", columns=TEXT_TO_MOTION))
    record = ExperimentRecord(name="trial", title="A <trial>", until="evaluate", tables=(table,), rows=(row,))
    number = Result("LaMP-T2M", "FID", 0.25, 0.01, "text to motion", "guo-own", 20, 7)
    write_experiment(toy.project.experiments / "trial", ExperimentResults(record, {"a": [number]}))
    return toy


def test_differences_come_before_metrics(two_runs: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    compare(["width-3", "width-4"], None, Path("out/runs.csv"))
    lines = list(csv.reader(Path("out/runs.csv").read_text().splitlines()))
    assert [line[0] for line in lines[1:]] == ["Differences of parameters and data", "Metrics"]
    assert lines[1][1:] == ["t2m.hidden_dim", "3", "4", ""]
    assert lines[2][1:] == ["evaluate/score", "0.5", "0.25", ""]
    shown = capsys.readouterr().out
    assert shown.index("t2m.hidden_dim") < shown.index("evaluate/score")
    assert "t2m.layers" not in shown


def test_runs_are_written_as_a_page(two_runs: Toy) -> None:
    compare(None, None, Path("runs.html"))
    page = Path("runs.html").read_text()
    assert page.startswith("<!doctype html>") and "t2m.hidden_dim" in page and "http:" not in page


def test_an_experiment_is_shown_and_written(one_row: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    compare(None, "trial", Path("trial.csv"))
    compare(None, "trial", Path("trial.html"))
    line = next(csv.DictReader(Path("trial.csv").read_text().splitlines()))
    assert (line["row"], line["metric"], line["value"], line["source"]) == ("a", "FID", "0.25", "measured")
    assert "0.250 ± 0.010" in capsys.readouterr().out
    page = Path("trial.html").read_text()
    assert "<h1>A &lt;trial&gt;</h1>" in page and "0.250 ± 0.010" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None, "nope", None), "no experiment 'nope'; known: trial"),
        ((["x"], "trial", None), "give runs, or --experiment NAME"),
        ((None, "trial", Path("trial.pdf")), "unknown ending '.pdf'; known: .csv, .html"),
        ((["nope"], None, None), "unknown run 'nope'; the last ones: none"),
    ],
)
def test_what_cannot_be_compared_is_named(
    arguments: tuple[list[str] | None, str | None, Path | None], words: str, one_row: Toy
) -> None:
    with pytest.raises(LampError) as refused:
        compare(*arguments)
    assert words in str(refused.value)


def test_tables_of_nothing_say_what_measures(one_row: Toy) -> None:
    with pytest.raises(LampError, match="nothing is measured yet; `lamp run` measures"):
        compare(as_latex=True)


@pytest.mark.parametrize(
    ("runs", "output", "forms", "words"),
    [
        (["x"], None, {"as_latex": True}, "--latex and --markdown take no runs"),
        (None, Path("x.html"), {"as_markdown": True}, "--latex and --markdown print"),
        (None, None, {"as_latex": True, "as_markdown": True}, "--latex or --markdown, not both"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    runs: list[str] | None, output: Path | None, forms: dict[str, bool], words: str, one_row: Toy
) -> None:
    with pytest.raises(LampError, match=words):
        compare(runs, None, output, **forms)


def test_unfinished_runs_are_left_out_unless_asked_for(
    two_runs: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    Tracking(two_runs.project).start("half", {"kind": PIPELINE, "data": "procedural"}, {"t2m.width": 5})
    compare(None, None, None)
    assert "half" not in capsys.readouterr().out
    compare(None, None, None, unfinished=True)
    assert "half" in capsys.readouterr().out


def test_tables_for_papers_are_those_of_the_evaluation_or_of_an_experiment(
    one_row: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = one_row.project.output("evaluate")
    folder.mkdir(parents=True, exist_ok=True)
    number = Result("one", "FID", 1.25, 0.1, "text to motion, 32 candidates", "guo-own", 20, 7)
    write_results(folder / "results.parquet", [number], Origin("walks", "d1e2", "r"))
    compare(as_markdown=True)
    told = capsys.readouterr().out
    assert "| one | 1.250 ± 0.100 |" in told and "FID ↓" in told
    assert "text to motion, 32 candidates" in told and "data set walks, version d1e2" in told
    for name, version in (("lexical", "d1e2"), ("tokenizers", "older")):
        (folder.parent / name).mkdir()
        row = replace(number, system=f"of {name}")
        write_results(folder.parent / name / "results.parquet", [row], Origin("walks", version, "r"))
    compare(as_markdown=True)
    told = capsys.readouterr().out
    assert "| one |" in told and "| of lexical |" in told and "| of tokenizers" not in told
    assert "Measured on another version, and left out: tokenizers." in told
    compare(experiment="trial", as_latex=True)
    assert "\\begin{tabular}" in capsys.readouterr().out
