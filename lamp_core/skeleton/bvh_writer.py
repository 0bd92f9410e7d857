"""Joint positions of a skeleton to a BVH file.

Shapes: T frames, J joints, C channels of the file.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lamp_core.skeleton.fitting import FittedMotion, fit_motion
from lamp_core.skeleton.skeleton import Skeleton

Array = NDArray[np.float64]

POSITION_CHANNELS = "Xposition Yposition Zposition"
ROTATION_CHANNELS = "Zrotation Xrotation Yrotation"


def write_bvh(
    path: str | Path, joints_TJ3: NDArray[np.floating], skeleton: Skeleton, frames_per_second: float
) -> None:
    """Write a motion as BVH, in the skeleton's unit of length; reading it gives the same positions again.

    Rotations are fitted to the positions: a joint with one child turns as little as the child asks for; one
    with several takes the best fit. What rotations cannot say (bones that change their length, as generated
    ones may, or children that move against each other) goes into position channels of just those joints.

    Args:
        path: file to write.
        joints_TJ3: in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: rate of the joints.

    Raises:
        RejectedClip: ``joint-count``, ``empty`` or ``not-finite``.
    """
    fitted = fit_motion(joints_TJ3, skeleton)
    local_JT33 = fitted.local_JT33
    text = io.StringIO()
    text.write("HIERARCHY\n")
    columns: list[Array] = []
    for joint in _write_hierarchy(text, fitted):
        if not fitted.is_rigid_J[joint]:
            columns.append(fitted.places_JT3[joint])
        columns.append(_euler_zxy(local_JT33[joint]))
    text.write(f"MOTION\nFrames: {len(joints_TJ3)}\nFrame Time: {1 / frames_per_second:.8f}\n")
    np.savetxt(text, np.concatenate(columns, axis=1), fmt="%.6f")
    Path(path).write_text(text.getvalue(), encoding="utf-8")


def _euler_zxy(rotations_T33: Array) -> Array:
    """Degrees about Z, then the turned X, then the turned Y."""
    x_T = np.arcsin(np.clip(rotations_T33[:, 2, 1], -1, 1))
    z_T = np.arctan2(-rotations_T33[:, 0, 1], rotations_T33[:, 1, 1])
    y_T = np.arctan2(-rotations_T33[:, 2, 0], rotations_T33[:, 2, 2])
    degrees_T3: Array = np.degrees(np.stack((z_T, x_T, y_T), axis=1))
    return degrees_T3


def _write_hierarchy(text: io.StringIO, fitted: FittedMotion) -> list[int]:
    """Write the joints depth first, as the format asks; returns that order, the one of the channels."""
    order: list[int] = []
    skeleton = fitted.skeleton

    def write(joint: int, depth: int) -> None:
        order.append(joint)
        tabs = "\t" * depth
        children = [child for child, parent in skeleton.bones if parent == joint]
        x, y, z = fitted.offsets_J3[joint]
        channels = (
            ROTATION_CHANNELS if fitted.is_rigid_J[joint] else f"{POSITION_CHANNELS} {ROTATION_CHANNELS}"
        )
        text.write(f"{tabs}{'JOINT' if joint else 'ROOT'} {skeleton.joints[joint]}\n{tabs}{{\n")
        text.write(f"{tabs}\tOFFSET {x:.6f} {y:.6f} {z:.6f}\n")
        text.write(f"{tabs}\tCHANNELS {len(channels.split())} {channels}\n")
        for child in children:
            write(child, depth + 1)
        if not children:
            text.write(f"{tabs}\tEnd Site\n{tabs}\t{{\n{tabs}\t\tOFFSET 0.0 0.0 0.0\n{tabs}\t}}\n")
        text.write(f"{tabs}}}\n")

    write(0, 0)
    return order
