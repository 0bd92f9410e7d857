"""What all tests share: no network, stores in temporary folders, one Prefect server a session."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.left_behind import pytest_sessionfinish as pytest_sessionfinish
from tests.left_behind import pytest_sessionstart as pytest_sessionstart
from tests.toy import Toy, make_toy

SETTINGS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
OF_THE_USER = (
    "MLFLOW_TRACKING_URI",
    "PREFECT_API_URL",
    "LAMP_DEVICE",
    "LAMP_PRECISION",
    "LAMP_COMPILE",
    "LAMP_CLUSTER",
    "LAMP_STAGES_AT_ONCE",
    "LAMP_PARENT_RUN",
    "LAMP_CHECKPOINT_SECONDS",
    "LAMP_KEEP_CHECKPOINTS",
    "LAMP_STAGE_TIMEOUT",
    "LAMP_FLOW_PID",
)

os.environ.update(SETTINGS)
for variable in OF_THE_USER:
    os.environ.pop(variable, None)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One Prefect server for all tests that run a flow; it starts when the first of them asks for it."""
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with its tables and the experiment, made once: making the tables takes seconds."""
    from tasks.mlflow.tracking import Tracking
    from tasks.project import Project

    project = Project(tmp_path_factory.mktemp("store"))
    assert Tracking(project).experiment_id
    return project.root / "mlflow.db"


@pytest.fixture
def toy(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A small project with four quick stages, the present folder of the test."""
    toy = make_toy(tmp_path / "toy", empty_store)
    monkeypatch.chdir(toy.project.root)
    monkeypatch.setenv("TOY_FOLDER", str(toy.folder))
    return toy
