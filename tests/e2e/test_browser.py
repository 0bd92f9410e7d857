"""What a person sees: MLflow's comparison of two runs and the report, in a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from lamp_core.evaluation.results import Result
from lamp_core.report.report import render_report
from lamp_core.report.report_data import ReportData
from lamp_core.report.result_tables import result_tables
from tasks.mlflow.store import PIPELINE, tracking_uri
from tasks.mlflow.tracking import Scalar, Tracking
from tests.e2e.browser import Browser, browser
from tests.toy import Toy

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
SECONDS = 120.0
FIDS = {"narrow": 0.4217, "wide": 0.3185}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert CHROMIUM is not None
    with browser(CHROMIUM, tmp_path_factory.mktemp("chromium")) as started:
        yield started


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
def mlflow_page(toy: Toy, runs: list[str]) -> Iterator[str]:
    """MLflow's server over the project's store."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--workers",
        "1",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with Path("server.log").open("w") as log:
        server = subprocess.Popen(
            command,
            env={**os.environ, "MLFLOW_BACKEND_STORE_URI": tracking_uri(toy.project)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_open(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


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


def _wait_until_open(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, Path("server.log").read_text()
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(f"{address} does not answer: {Path('server.log').read_text()}")
