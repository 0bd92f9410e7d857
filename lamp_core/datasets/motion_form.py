"""How a motion stands in its file, as far as the file does not say it: one form for every command and source.

Shapes: T frames, J joints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.bvh import BvhMotion, read_bvh
from lamp_core.skeleton.mapping import JointMap, detect_map, load_map
from lamp_core.skeleton.resampling import resample
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.skeleton.units import METRES, Unit, UpAxis, mirror_x, turn_to_y_up

cached_map = lru_cache(maxsize=8)(load_map)


@dataclass(frozen=True)
class MotionForm:
    """How joints stand in a file; None is what the file, its joint map or the skeleton says.

    Args:
        map: joint map of BVH files, a built-in name or a YAML file; else told by the joints' names.
        unit: of lengths.
        up: axis that points up.
        frames_per_second: rate; also where a BVH file states a wrong ``Frame Time``.
        left_handed: whether the axes are left-handed, so that left and right are exchanged.
    """

    map: str | None = None
    unit: Unit | None = None
    up: UpAxis | None = None
    frames_per_second: float | None = None
    left_handed: bool = False

    @property
    def identity(self) -> str:
        """What a clip's version depends on besides its file."""
        stated = f"unit={self.unit!r}, up={self.up!r}, frames_per_second={self.frames_per_second!r}"
        return f"JointForm({stated})" + (" left-handed" if self.left_handed else "")

    @property
    def is_stated(self) -> bool:
        """Whether anything but the joint map is said."""
        stated = (self.unit, self.up, self.frames_per_second)
        return self.left_handed or any(value is not None for value in stated)

    def joints(self, array: np.ndarray, path: Path, skeleton: Skeleton) -> np.ndarray:
        """Joints (T, J, 3) of an array in the skeleton's unit and axes, at its rate.

        Raises:
            RejectedClip: ``joint-count`` or ``not-finite``.
        """
        joints_TJ3 = self.placed(array, path, skeleton)
        if self.frames_per_second is not None:
            joints_TJ3 = resample(joints_TJ3, self.frames_per_second, skeleton.frames_per_second)
        return joints_TJ3.astype(np.float32)

    def placed(self, array: np.ndarray, path: Path, skeleton: Skeleton) -> np.ndarray:
        """Joints (T, J, 3) of an array in the skeleton's unit and axes, at the file's rate; as `joints`."""
        if array.ndim != 3 or array.shape[1:] != (skeleton.joint_count, 3):
            wanted = f"(T, {skeleton.joint_count}, 3)"
            raise RejectedClip("joint-count", f"{path} has shape {array.shape}, {skeleton.name} has {wanted}")
        if not np.isfinite(array).all():
            faults = int((~np.isfinite(array)).sum())
            raise RejectedClip("not-finite", f"{path}: {faults} numbers are not finite")
        joints_TJ3 = np.asarray(array, dtype=np.float64)
        if self.unit is not None:
            joints_TJ3 = joints_TJ3 * (METRES[self.unit] / skeleton.metres_per_unit)
        if self.up is not None:
            joints_TJ3 = turn_to_y_up(joints_TJ3, self.up)
        return mirror_x(joints_TJ3) if self.left_handed else joints_TJ3

    def joint_map(self, names: Sequence[str]) -> JointMap:
        """The map of a file with these joints, for its unit and axes; LampError where none fits."""
        joint_map = cached_map(self.map) if self.map is not None else detect_map(names)
        return joint_map.measured(self.unit, self.up, self.left_handed)

    def bvh_joints(self, motion: BvhMotion, skeleton: Skeleton) -> np.ndarray:
        """Joints (T, J, 3) of a BVH motion in the skeleton's unit, at its rate, rotations in between.

        Raises:
            RejectedClip: as `JointMap.apply`.
        """
        joint_map = self.joint_map(motion.all_names)
        return joint_map.joints_of(motion, skeleton, skeleton.frames_per_second).astype(np.float32)

    def read_bvh(self, path: Path) -> BvhMotion:
        """A BVH file at the rate that is stated, or its own; RejectedClip as `read_bvh`."""
        return read_bvh(path, self.frames_per_second)


def require_unstated(form: MotionForm, where: str) -> None:
    """LampError where a form is stated of ready features: they stand as the skeleton says."""
    if form.is_stated:
        raise LampError(
            f"{where} holds ready features, whose unit, axes and rate are the skeleton's: leave --unit, --up,"
            " --fps and --left-handed out"
        )
