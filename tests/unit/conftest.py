"""Small models and data that several unit tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lamp_core.config.models import Optimisation
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from tests.small_project import make_small_project

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other make tiny models many times slower on busy cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def few_steps() -> Optimisation:
    """Twelve steps with a checkpoint every four."""
    return Optimisation(
        steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, checkpoint_every=4, schedule="cosine"
    )


@pytest.fixture(params=["smpl22", "kit21"])
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    """Both skeletons, one after the other."""
    return load_skeleton(request.param)


@pytest.fixture
def shared() -> Path:
    """The folder of golden files and real clips."""
    if not SHARED.is_dir():
        pytest.skip("the shared folder of golden files and real clips is not beside this repository")
    return SHARED


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder with features and an untrained model for every stage; who writes into it copies it."""
    data = tmp_path_factory.mktemp("project") / "data"
    make_small_project(data)
    return data
