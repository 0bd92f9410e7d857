"""Small made-up motions that the tests of the pictures share."""

from collections.abc import Callable

import numpy as np
import pytest

from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.viz.player import PlayerMotion

MotionOf = Callable[..., PlayerMotion]


@pytest.fixture(scope="session")
def hostile() -> str:
    """A caption that breaks out of HTML, of a script and of a formula where it is not escaped."""
    return "<script>alert('x')</script> & \"walks\" $5 </script>"


@pytest.fixture(scope="session")
def motion_of() -> MotionOf:
    """Makes a motion: the rest pose moving forward with trembling joints."""

    def make(frames: int = 24, skeleton: str = "smpl22", title: str = "", caption: str = "") -> PlayerMotion:
        table = load_skeleton(skeleton)
        joints_TJ3 = np.repeat(np.array(table.rest, dtype=np.float32)[None], frames, axis=0)
        time_T1 = np.arange(frames)[:, None] / table.frames_per_second
        joints_TJ3[..., 2] += time_T1 / table.metres_per_unit
        tremble_TJ = np.abs(np.sin(3 * time_T1 + np.arange(table.joint_count)))
        joints_TJ3[..., 1] += 0.02 * tremble_TJ / table.metres_per_unit
        return PlayerMotion(joints_TJ3, table, table.frames_per_second, title, caption)

    return make
