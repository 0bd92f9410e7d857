"""AMASS files that are dropped on the page: poses on the reference skeleton, so that no body model is needed.

The bones have the reference's lengths, as the features give every clip; arms at rest stand to the sides, as
those of SMPL do (`lamp_core.exports.amass.rest_pose`), which may be some degrees off the real body's.

Shapes: T frames, J joints of the skeleton.
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from lamp_core.datasets.motion_file import FileMotion
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.datasets.sources.amass import SKELETONS, UP, read_parameters, skeleton_rotations
from lamp_core.errors import LampError
from lamp_core.exports.amass import rest_pose
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.skeleton.units import turn_to_y_up

ENDING = ".npz"


def read_amass(path: Path, skeleton: Skeleton, form: MotionForm) -> FileMotion:
    """A motion's poses and translation, read as by `lamp import amass`; Z up unless the form says otherwise.

    Raises:
        LampError: the models' skeleton is none of SMPL's.
        RejectedClip: as `read_parameters`.
    """
    if skeleton.name not in SKELETONS:
        raise LampError(
            f"{path}: AMASS has the joints of {' or '.join(SKELETONS)}, the models {skeleton.name}"
        )
    parameters = read_parameters(path, form.frames_per_second)
    vectors_TJ3 = skeleton_rotations(parameters.rotations_TK3, skeleton.joint_count, skeleton)
    joints_TJ3 = _posed(vectors_TJ3, parameters.root_T3, skeleton)
    turned_TJ3 = turn_to_y_up(joints_TJ3, form.up or UP) / skeleton.metres_per_unit
    return FileMotion(turned_TJ3.astype(np.float32), skeleton, parameters.rate)


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
