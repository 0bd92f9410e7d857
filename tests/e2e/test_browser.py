"""What a person sees: MLflow's comparison of two runs and the report, in a real browser."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from lamp_core.evaluation.results import Result
from lamp_core.report.report import render_report
from lamp_core.report.report_data import ReportData
from lamp_core.report.result_tables import result_tables
from tasks.mlflow.store import PIPELINE, STORE_FILE
from tasks.mlflow.tracking import Scalar, Tracking
from tests.e2e.browser import Browser
from tests.servers import LOCALHOST, mlflow_server
from tests.toy import Toy

SECONDS = 120.0
FIDS = {"narrow": 0.4217, "wide": 0.3185}


@pytest.fixture
def runs(toy: Toy) -> list[str]:
    """Two runs of a pipeline that differ in a parameter and a metric."""
    tracking = Tracking(toy.project)
    made = []
    for width, (name, fid) in enumerate(FIDS.items(), start=64):
        made.append(tracking.start(name, {"kind": PIPELINE}, {"t2m.hidden_dim": width}))
        tracking.log(made[-1], [Scalar.now("evaluate/text_to_motion/LaMP-T2M/FID", fid)])
        tracking.finish(made[-1], "FINISHED")
    return made


@pytest.fixture
def mlflow_page(toy: Toy, runs: list[str], tmp_path: Path) -> Iterator[str]:
    """MLflow's server over the project's store."""
    with mlflow_server(tmp_path, toy.project.root / STORE_FILE) as port:
        yield f"http://{LOCALHOST}:{port}"


def test_mlflow_shows_the_numbers_of_two_runs_side_by_side(
    chromium: Browser, mlflow_page: str, runs: list[str], toy: Toy
) -> None:
    experiment = Tracking(toy.project).experiment_id
    chosen = {"runs": runs, "experiments": [experiment]}
    query = "&".join(f"{key}={quote(json.dumps(ids))}" for key, ids in chosen.items())
    address = f"{mlflow_page}/#/compare-runs?{query}"
    with chromium.open(quote(address, safe="")) as page:
        numbers = [str(fid) for fid in FIDS.values()]
        text = page.text_with(*numbers, *FIDS, "t2m.hidden_dim", seconds=SECONDS)
    for shown in (*numbers, *FIDS, "t2m.hidden_dim", "evaluate/text_to_motion/LaMP-T2M/FID"):
        assert shown in text


def test_the_report_shows_its_numbers(chromium: Browser, tmp_path: Path) -> None:
    numbers = {"FID": 0.4217, "R-Precision top 3": 0.6135, "MM-Dist": 3.25}
    results = [
        Result(
            system="LaMP-T2M",
            metric=metric,
            value=value,
            interval=0.01,
            protocol="text to motion",
            evaluator="guo-own",
            repeats=20,
            items=460,
        )
        for metric, value in numbers.items()
    ]
    facts = {"data_set": "walks", "data_version": "3f9c2a", "profile": "quick", "commit": "a1b2c3d"}
    data = ReportData(
        title="LaMP on walks", machine="2 cores", created="now", tables=result_tables(results), **facts
    )
    (tmp_path / "report.html").write_text(render_report(data))
    with chromium.open(quote((tmp_path / "report.html").as_uri(), safe="")) as page:
        text = page.text_with("LaMP on walks", "61.4", "0.422", "3.250", seconds=SECONDS)
        loaded = page.evaluate("performance.getEntriesByType('resource').length")
    for shown in ("LaMP on walks", "61.4", "0.422", "3.250", "walks"):
        assert shown in text
    assert loaded == 0
