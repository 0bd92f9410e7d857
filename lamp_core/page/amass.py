"""AMASS files that are dropped on the page: poses on the reference skeleton, so that no body model is needed.

The bones have the reference's lengths, as the features give every clip; arms at rest stand to the sides, as
those of SMPL do (`lamp_core.exports.amass.rest_pose`), which may be some degrees off the real body's.

Shapes: T frames, J joints of the skeleton, K joints of the body.
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from lamp_core.datasets.motion_file import FileMotion
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.errors import LampError, RejectedClip
from lamp_core.exports.amass import SKELETONS, UP, rest_pose
from lamp_core.io.arrays import read_npz
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.skeleton.units import turn_to_y_up

ENDING = ".npz"
RATES = ("mocap_framerate", "mocap_frame_rate")


def read_amass(path: Path, skeleton: Skeleton, form: MotionForm) -> FileMotion:
    """The motion of ``poses`` and ``trans``, metres and radians, Z up unless the form says otherwise.

    Raises:
        LampError: the models' skeleton is none of SMPL's.
        RejectedClip: arrays are missing, do not fit or are not finite, or no rate is stated.
    """
    if skeleton.name not in SKELETONS:
        raise LampError(
            f"{path}: AMASS has the joints of {' or '.join(SKELETONS)}, the models {skeleton.name}"
        )
    arrays = read_npz(path, ("poses", "trans", *RATES), RATES)
    poses, trans_T3 = arrays.get("poses"), arrays.get("trans")
    if poses is None or trans_T3 is None:
        raise RejectedClip("unreadable", f"{path} has no 'poses' and 'trans', as AMASS files have")
    wanted = 3 * skeleton.joint_count
    if poses.ndim != 2 or poses.shape[1] < wanted or trans_T3.shape != (len(poses), 3) or not len(poses):
        shapes = f"poses {poses.shape}, trans {trans_T3.shape}"
        raise RejectedClip("joint-count", f"{path} has {shapes}; {skeleton.name} takes (T, {wanted} or more)")
    if not (np.isfinite(poses).all() and np.isfinite(trans_T3).all()):
        raise RejectedClip("not-finite", f"{path} holds numbers that are not finite")
    rate = form.frames_per_second or _rate(path, arrays)
    joints_TJ3 = _posed(poses[:, :wanted].reshape(len(poses), -1, 3), np.asarray(trans_T3), skeleton)
    turned_TJ3 = turn_to_y_up(joints_TJ3, form.up or UP) / skeleton.metres_per_unit
    return FileMotion(turned_TJ3.astype(np.float32), skeleton, rate)


def _rate(path: Path, arrays: "dict[str, np.ndarray]") -> float:
    for name in RATES:
        if name in arrays:
            return float(arrays[name])
    raise RejectedClip("unreadable", f"{path} states no {RATES[0]}; give the frames a second")


def _posed(vectors_TJ3: np.ndarray, trans_T3: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Joints by forward kinematics from the pose at rest, metres, in the file's axes."""
    rest_J3 = rest_pose(skeleton)
    joints_TJ3 = np.empty((len(vectors_TJ3), skeleton.joint_count, 3))
    joints_TJ3[:, 0] = rest_J3[0] + trans_T3
    turns = {0: Rotation.from_rotvec(vectors_TJ3[:, 0])}
    for child, parent in skeleton.bones:
        joints_TJ3[:, child] = joints_TJ3[:, parent] + turns[parent].apply(rest_J3[child] - rest_J3[parent])
        turns[child] = turns[parent] * Rotation.from_rotvec(vectors_TJ3[:, child])
    return joints_TJ3
