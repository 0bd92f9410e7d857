"""USD files as UsdSkel itself reads them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.exports.usd import save_usd
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.exports.motions import MILLIMETRE, SMPL, posed, stretching

pytest.importorskip("pxr", reason="usd-core (extra exports) is not installed")


@pytest.mark.parametrize("ending", [".usd", ".usda", ".usdc", ".usdz"])
@pytest.mark.parametrize("name", ["smpl22", "kit21"])
def test_the_skeleton_leads_to_the_joints(tmp_path: Path, ending: str, name: str) -> None:
    from pxr import Usd, UsdGeom, UsdSkel

    skeleton = load_skeleton(name)
    joints_TJ3 = stretching(skeleton, 12)
    path = tmp_path / f"clip{ending}"
    save_usd(path, joints_TJ3, skeleton, 12.5, "walks")
    stage = Usd.Stage.Open(str(path))
    rig = UsdSkel.Skeleton(stage.GetPrimAtPath("/Motion/Skeleton"))
    query = UsdSkel.Cache().GetSkelQuery(rig)
    again = [
        [matrix.ExtractTranslation() for matrix in query.ComputeJointSkelTransforms(frame)]
        for frame in range(len(joints_TJ3))
    ]
    assert np.abs(np.array(again) - joints_TJ3 * skeleton.metres_per_unit).max() < 0.2 * MILLIMETRE
    assert [joint.rpartition("/")[2] for joint in query.GetJointOrder()] == list(skeleton.joints)
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (12.5, len(joints_TJ3) - 1)
    assert (UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)) == ("Y", 1.0)
    assert stage.GetDefaultPrim().GetName() == "Motion"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name]


def test_the_body_is_skinned_to_the_skeleton(tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom, UsdShade, UsdSkel

    joints_TJ3 = posed(SMPL, 12)
    save_usd(tmp_path / "clip.usdc", joints_TJ3, SMPL, 20.0)
    stage = Usd.Stage.Open(str(tmp_path / "clip.usdc"))
    cache, root = UsdSkel.Cache(), UsdSkel.Root(stage.GetPrimAtPath("/Motion"))
    cache.Populate(root, Usd.PrimDefaultPredicate)
    skeletons = [
        binding.GetSkeleton() for binding in cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    ]
    assert len(skeletons) == 1
    matrices = cache.GetSkelQuery(skeletons[0]).ComputeSkinningTransforms(11)
    lowest = []
    for side in ("left", "right", "spine"):
        mesh = UsdGeom.Mesh(stage.GetPrimAtPath(f"/Motion/{side}"))
        skin = cache.GetSkinningQuery(mesh.GetPrim())
        points = mesh.GetPointsAttr().Get()
        assert skin.ComputeSkinnedPoints(matrices, points, 11)
        lowest.append(np.array(points)[:, 1].min())
        weights = np.array(skin.ComputeJointInfluences()[1]).reshape(len(points), -1)
        assert np.abs(weights.sum(1) - 1).max() < 1e-6
        material, _ = UsdShade.MaterialBindingAPI(mesh.GetPrim()).ComputeBoundMaterial()
        assert material.GetPrim().GetName() == side
    assert min(lowest) == pytest.approx(joints_TJ3[11, :, 1].min() - 0.044, abs=0.03)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(LampError, match=r"lamp-motion\[exports\]"):
        save_usd(tmp_path / "clip.usda", posed(SMPL, 4), SMPL, 20.0)
    assert not list(tmp_path.iterdir())
