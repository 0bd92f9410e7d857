"""A motion as parameters of an SMPL+H body, in a file as AMASS publishes them (``.npz``).

The pose at rest is that of the body model that is named (Loper et al. 2015; Romero et al. 2017), else the
reference skeleton with its arms to the sides: bodies of the SMPL family are licensed and are not part of this
project, so that without one limbs may be some degrees off on the real body.

Shapes: T frames, J joints of the skeleton, K joints of the body model.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lamp_core.datasets.sources.amass import SKELETONS, UP
from lamp_core.errors import LampError
from lamp_core.remarks import remark
from lamp_core.skeleton.fitting import Array, check_joints, fit_rotations
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.skeleton.units import turn_back

JOINTS = 52
"""Of SMPL+H, the body of most of AMASS: those of smpl22, then the fingers in the order of smplx52."""
PELVIS = (0.0, -0.22, 0.03)
"""Where the pelvis of SMPL's mean body stands in its own axes, to a centimetre, metres."""
BETAS = 16
GENDER = "neutral"
SAID_MILLIMETRES = 1.0


def save_amass(
    path: Path,
    joints_TJ3: NDArray[np.floating],
    skeleton: Skeleton,
    frames_per_second: float,
    body_model: Path | None = None,
) -> None:
    """Write a motion as poses (T, 3 K), translation, zero betas, gender and rate: metres, radians, Z up.

    The root's way is scaled by the lengths of the legs, so that the feet of the body touch the floor where
    those of the motion did. A remark says how far joints are from there when the body cannot reach them.

    Args:
        path: file to write.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: smpl22, or smplx52 with fingers.
        frames_per_second: of the motion.
        body_model: file or folder of one, as `lamp_core.skeleton.smplx.body_model_file` takes it.

    Raises:
        LampError: another skeleton, or a body model that cannot be read.
        RejectedClip: ``joint-count``, ``empty`` or ``not-finite``.
    """
    if skeleton.name not in SKELETONS:
        raise LampError(
            f"SMPL bodies have the joints of {' or '.join(SKELETONS)}, not those of {skeleton.name}"
        )
    joints = check_joints(joints_TJ3, skeleton)
    rest_J3, order, joint_count = _body_at_rest(skeleton, body_model)
    scaled_TJ3 = joints * (_leg_length(rest_J3[None], skeleton) / _leg_length(joints, skeleton))
    world_JT33, placed_TJ3 = fit_rotations(scaled_TJ3, rest_J3, skeleton, rigid=True)
    _say_distance(path, placed_TJ3 - scaled_TJ3, skeleton)
    poses_TK3 = np.zeros((len(joints), joint_count, 3))
    poses_TK3[:, order] = _axis_angles(world_JT33, skeleton)
    np.savez(
        path,
        poses=poses_TK3.reshape(len(joints), -1).astype(np.float32),
        trans=turn_back(scaled_TJ3[:, 0], UP) - rest_J3[0],
        betas=np.zeros(BETAS),
        gender=np.array(GENDER),
        mocap_framerate=np.array(frames_per_second),
        mocap_frame_rate=np.array(frames_per_second),
    )


def rest_pose(skeleton: Skeleton) -> Array:
    """The reference skeleton with straight arms to the sides, its pelvis where SMPL's is; metres."""
    rest_J3: Array = np.array(skeleton.rest) * skeleton.metres_per_unit
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        shoulder, wrist = skeleton.index(f"{side}_shoulder"), skeleton.index(f"{side}_wrist")
        turn, _ = Rotation.align_vectors([[outwards, 0.0, 0.0]], [rest_J3[wrist] - rest_J3[shoulder]])
        arm = _below(shoulder, skeleton)
        rest_J3[arm] = rest_J3[shoulder] + turn.apply(rest_J3[arm] - rest_J3[shoulder])
    moved_J3: Array = rest_J3 - rest_J3[0] + np.array(PELVIS)
    return moved_J3


def _below(joint: int, skeleton: Skeleton) -> list[int]:
    """The joints that hang on a joint, directly or not."""
    below: list[int] = []
    for child, parent in skeleton.bones:
        if parent == joint or parent in below:
            below.append(child)
    return below


def _body_at_rest(skeleton: Skeleton, body_model: Path | None) -> tuple[Array, list[int], int]:
    """Joints of the skeleton at rest, which joints of the body they are, and how many the body has."""
    if body_model is None:
        return rest_pose(skeleton), list(range(skeleton.joint_count)), JOINTS
    # Imported here: who names no body model does not wait for torch.
    from lamp_core.skeleton.smplx import body_model_file, joint_order, load_body_model

    template_K3 = load_body_model(body_model_file(body_model, GENDER)).template_K3.double().numpy()
    order = joint_order(skeleton, len(template_K3))
    return template_K3[order], order, len(template_K3)


def _leg_length(joints_TJ3: Array, skeleton: Skeleton) -> float:
    """Mean length of thigh and shin over both legs and all frames."""
    bones = [
        (skeleton.index(f"{side}_{upper}"), skeleton.index(f"{side}_{lower}"))
        for side in ("left", "right")
        for upper, lower in (("hip", "knee"), ("knee", "ankle"))
    ]
    starts, ends = np.array(bones).T
    length = float(np.linalg.norm(joints_TJ3[:, ends] - joints_TJ3[:, starts], axis=-1).mean())
    if length == 0:
        raise LampError("the legs have no length, and the body cannot be measured by them")
    return length


def _axis_angles(world_JT33: Array, skeleton: Skeleton) -> Array:
    """Rotations (T, J, 3) as their parents see them; the root's in a world with Z up."""
    local_JT33 = world_JT33.copy()
    for child, parent in skeleton.bones:
        local_JT33[child] = world_JT33[parent].transpose(0, 2, 1) @ world_JT33[child]
    local_JT33[0] = turn_back(np.eye(3), UP).T @ local_JT33[0]
    joints, frames = local_JT33.shape[:2]
    vectors_N3 = Rotation.from_matrix(local_JT33.reshape(-1, 3, 3)).as_rotvec()
    return np.asarray(vectors_N3, dtype=np.float64).reshape(joints, frames, 3).transpose(1, 0, 2)


def _say_distance(path: Path, away_TJ3: Array, skeleton: Skeleton) -> None:
    millimetres_TJ = 1000 * np.linalg.norm(away_TJ3, axis=-1)
    worst = int(millimetres_TJ.max(0).argmax())
    if millimetres_TJ.max() > SAID_MILLIMETRES:
        remark(
            f"{path.name}: the body's joints are {millimetres_TJ.mean():.1f} mm from the motion's in the mean"
            f" and {millimetres_TJ.max():.0f} mm at most ({skeleton.joints[worst]})"
        )
