"""`lamp ui` with its real servers: one page shows runs while they happen, and later those of before."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

from flows.pipeline.prefect_server import open_page
from tests.flows.pipeline.test_faults import steps_done
from tests.servers import LOCALHOST, free_port
from tests.toy import REPOSITORY, Toy
from tests.waiting import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]
OWN = {name: value for name, value in os.environ.items() if name not in {"PREFECT_API_URL", "PREFECT_HOME"}}


def lamp(toy: Toy, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        cwd=toy.project.root,
        env={**OWN, "PYTHONPATH": str(REPOSITORY), "TOY_FOLDER": str(toy.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def page(toy: Toy) -> Iterator[str]:
    """The address of Prefect's server while `lamp ui` is open."""
    ports = {"--mlflow-port": free_port(), "--prefect-port": free_port()}
    ui = lamp(toy, "ui", *(str(part) for pair in ports.items() for part in pair))
    try:
        wait_until(lambda: open_page(toy.project) is not None or ui.poll() is not None)
        api = open_page(toy.project)
        assert api == f"http://{LOCALHOST}:{ports['--prefect-port']}/api"
        yield api
    finally:
        ui.terminate()
        ui.wait(60)


def shown(api: str) -> dict[str, str]:
    """State of every run of the pipeline that the page shows."""
    asked = Request(f"{api}/flow_runs/filter", b"{}", {"Content-Type": "application/json"})
    with urlopen(asked, timeout=60) as answer:
        return {run["name"]: run["state_name"] for run in json.load(answer)}


def test_one_page_shows_runs_as_they_happen_and_later(toy: Toy) -> None:
    toy.train_features()
    (toy.folder / "hold").touch()
    with page(toy) as api:
        run = lamp(toy, "run", "--until", "features")
        wait_until(lambda: steps_done(toy) >= 1 or run.poll() is not None)
        assert list(shown(api).values()) == ["Running"]
        (toy.folder / "hold").unlink()
        said = run.communicate(timeout=600)[0]
        assert run.returncode == 0, said
        assert list(shown(api).values()) == ["Completed"]
    assert open_page(toy.project) is None
    alone = lamp(toy, "run", "--until", "ingest", "--force", "ingest")
    said = alone.communicate(timeout=600)[0]
    assert alone.returncode == 0, said
    with page(toy) as api:
        assert list(shown(api).values()) == ["Completed", "Completed"]
