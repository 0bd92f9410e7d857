"""Where each block of numbers stands in a frame of features.

Shapes: J joints, D feature numbers a frame.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton

ROOT_BLOCKS = ("root_yaw_velocity", "root_planar_velocity", "root_height")
STANDS = 0.5
"""A contact above it is one."""
GROUPS = (*ROOT_BLOCKS, "positions", "rotations", "velocities", "contacts")


@dataclass(frozen=True)
class FeatureLayout:
    """Named slices of a frame of features (HumanML3D, appendix of Guo et al. 2022).

    The groups, in order: ``root_yaw_velocity`` 1 (half the turn about Y, radians a frame),
    ``root_planar_velocity`` 2 (x and z), ``root_height`` 1, ``positions`` 3(J-1), ``rotations`` 6(J-1),
    ``velocities`` 3J, ``contacts`` 4 (left ankle, left foot, right ankle, right foot). ``root`` is the first
    three together.
    """

    joint_count: int
    slices: Mapping[str, slice]

    @staticmethod
    def of(skeleton: Skeleton) -> "FeatureLayout":
        """The layout of a skeleton's features."""
        return _layout_of(skeleton.joint_count)

    @staticmethod
    def of_width(width: int) -> "FeatureLayout":
        """The layout of features with ``width`` = 12 J - 1 numbers a frame.

        Raises:
            LampError: no number of joints gives this width.
        """
        joint_count, rest = divmod(width + 1, 12)
        if rest or joint_count < 1:
            raise LampError(f"features of {width} numbers a frame belong to no skeleton; 263, 251 and 623 do")
        return _layout_of(joint_count)

    @property
    def width(self) -> int:
        """Numbers a frame, D."""
        return int(self.slices["contacts"].stop)

    def __getitem__(self, name: str) -> slice:
        """The slice of a group, or of ``root``.

        Raises:
            LampError: no group has this name.
        """
        if name not in self.slices:
            raise LampError(f"features have no group {name!r}; known: {', '.join(self.slices)}")
        return self.slices[name]

    def groups(self) -> Iterator[tuple[str, slice]]:
        """Names and slices of the groups, in order, without ``root``, which is three of them."""
        return ((name, self.slices[name]) for name in GROUPS)


@cache
def _layout_of(joint_count: int) -> FeatureLayout:
    widths = (1, 2, 1, 3 * (joint_count - 1), 6 * (joint_count - 1), 3 * joint_count, 4)
    slices: dict[str, slice] = {}
    start = 0
    for name, width in zip(GROUPS, widths, strict=True):
        slices[name] = slice(start, start + width)
        start += width
    slices["root"] = slice(0, slices[ROOT_BLOCKS[-1]].stop)
    return FeatureLayout(joint_count, MappingProxyType(slices))
