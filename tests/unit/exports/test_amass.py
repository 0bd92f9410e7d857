"""Files in the form of AMASS, read by NumPy and by our own source of AMASS."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lamp_core.datasets.sources.amass import read_parameters
from lamp_core.errors import LampError
from lamp_core.exports.amass import PELVIS, rest_pose, save_amass
from lamp_core.remarks import Remark
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.skeleton.units import turn_to_y_up
from tests.unit.bodies import write_body
from tests.unit.exports.motions import MILLIMETRE, SMPL, forward, posed


def test_the_parameters_place_the_joints_of_the_reference_skeleton(tmp_path: Path) -> None:
    joints_TJ3 = posed(SMPL)
    save_amass(tmp_path / "clip.npz", joints_TJ3, SMPL, 20.0)
    with np.load(tmp_path / "clip.npz") as file:
        fields = {name: file[name] for name in file.files}
    assert fields["poses"].shape == (len(joints_TJ3), 156) and not fields["poses"][:, 66:].any()
    assert float(fields["mocap_framerate"]) == float(fields["mocap_frame_rate"]) == 20.0
    assert str(fields["gender"]) == "neutral" and not fields["betas"].any()
    rest_J3 = rest_pose(SMPL)
    assert rest_J3[0] == pytest.approx(np.array(PELVIS))
    offsets_J3 = rest_J3 - rest_J3[[max(parent, 0) for parent in SMPL.parents]]
    rotations = Rotation.from_rotvec(fields["poses"][:, :66].reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3)
    again = forward(rotations, offsets_J3, fields["trans"] + rest_J3[0], list(SMPL.parents))
    assert np.abs(turn_to_y_up(again, "z") - joints_TJ3).max() < 0.1 * MILLIMETRE


@pytest.mark.parametrize(("name", "joints"), [("smpl22", 52), ("smplx52", 52), ("smplx52", 55)])
def test_our_own_source_reads_them_with_the_body(tmp_path: Path, name: str, joints: int) -> None:
    skeleton = load_skeleton(name)
    body = write_body(tmp_path / "body.npz", joints)
    joints_TJ3 = posed(skeleton)
    save_amass(tmp_path / "clip.npz", joints_TJ3, skeleton, 20.0, body)
    parameters = read_parameters(tmp_path / "clip.npz")
    again = turn_to_y_up(parameters.joints(body, skeleton), "z")
    assert np.linalg.norm(again - joints_TJ3, axis=-1).max() < MILLIMETRE
    assert (parameters.rate, parameters.gender) == (20.0, "neutral")


def test_a_larger_body_walks_as_far_in_its_own_size(tmp_path: Path) -> None:
    joints_TJ3 = posed(SMPL)
    for name, size in (("one", 1.0), ("two", 1.25)):
        save_amass(tmp_path / f"{name}.npz", size * joints_TJ3, SMPL, 20.0)
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert two["trans"] == pytest.approx(one["trans"], abs=1e-6)
        assert two["poses"] == pytest.approx(one["poses"], abs=1e-4)


def test_elbows_and_knees_bend_as_hinges(tmp_path: Path) -> None:
    """A knee that turned about another axis than its own would twist the skin of a body."""
    bent = np.tile(np.array(SMPL.rest), (8, 1, 1))
    knee, ankle, foot = (SMPL.index(f"left_{name}") for name in ("knee", "ankle", "foot"))
    for frame, angle in enumerate(np.linspace(0.2, 1.5, 8)):
        turn = Rotation.from_rotvec([angle, 0, 0])
        bent[frame, [ankle, foot]] = bent[frame, knee] + turn.apply(
            bent[frame, [ankle, foot]] - bent[frame, knee]
        )
    save_amass(tmp_path / "clip.npz", bent, SMPL, 20.0)
    with np.load(tmp_path / "clip.npz") as file:
        turned = file["poses"].reshape(8, 52, 3)[:, knee]
    axes = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    assert (axes[:, 0] > 0.97).all()


def test_joints_that_the_body_cannot_reach_are_said(tmp_path: Path) -> None:
    stretched = posed(SMPL)
    wrist, elbow = SMPL.index("left_wrist"), SMPL.index("left_elbow")
    stretched[:, wrist] += 0.3 * (stretched[:, wrist] - stretched[:, elbow])
    with pytest.warns(Remark, match=r"mm at most \(left_wrist\)"):
        save_amass(tmp_path / "clip.npz", stretched, SMPL, 20.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_amass(tmp_path / "clip.npz", posed(SMPL), SMPL, 20.0)


def test_another_skeleton_and_a_body_without_size_are_refused(tmp_path: Path) -> None:
    kit = load_skeleton("kit21")
    with pytest.raises(LampError, match="smpl22 or smplx52, not those of kit21"):
        save_amass(tmp_path / "clip.npz", posed(kit), kit, 12.5)
    with pytest.raises(LampError, match="no length"):
        save_amass(tmp_path / "clip.npz", np.zeros((4, 22, 3)), SMPL, 20.0)
    with pytest.raises(LampError, match="no body model"):
        save_amass(tmp_path / "clip.npz", posed(SMPL), SMPL, 20.0, tmp_path)
    assert not list(tmp_path.iterdir())
