from pathlib import Path

import pytest

from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

SHARED = Path(__file__).resolve().parents[4] / "shared"


@pytest.fixture(params=["smpl22", "kit21"])
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    return load_skeleton(request.param)


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared folder of golden files and real clips is not beside this repository")
    return SHARED
