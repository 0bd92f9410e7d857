"""A map to start from, of files whose joints have any names, axes and unit."""

from pathlib import Path

import numpy as np
import pytest

from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.map_suggestion import suggest_map
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.skeleton.units import METRES
from tests.unit.datasets.conftest import moving_joints

SKELETON = load_skeleton("smpl22")


@pytest.mark.parametrize("unit", METRES)
@pytest.mark.parametrize("is_named", [True, False], ids=["by name", "by shape"])
def test_unit_and_joints_are_found(tmp_path: Path, unit: str, is_named: bool) -> None:
    path = tmp_path / "rig.bvh"
    write_bvh(path, np.asarray(moving_joints(SKELETON, 4)) / METRES[unit], SKELETON, 20.0)
    if not is_named:
        text = path.read_text()
        for place, joint in enumerate(SKELETON.joints):
            text = text.replace(f" {joint}\n", f" Bone{place}\n")
        path.write_text(text)
    suggested = suggest_map(read_bvh(path))
    names = SKELETON.joints if is_named else [f"Bone{place}" for place in range(len(SKELETON.joints))]
    assert suggested.metres_per_unit == METRES[unit] and suggested.up == "y"
    assert suggested.joints == dict(zip(SKELETON.joints, names, strict=True))
