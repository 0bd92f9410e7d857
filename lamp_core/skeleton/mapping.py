"""Joint maps: which joints of a source's hierarchy are the joints of a skeleton (``maps/NAME.yaml``), its
unit of length and up axis.

Shapes: T frames, J joints.
"""

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.named_files import built_in_names, read_named
from lamp_core.skeleton.bvh import BvhMotion
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.units import METRES, Unit, UpAxis, mirror_x, turn_to_y_up

SourceJoint = str | tuple[str, str]
Positions = NDArray[np.float64]
BUILT_IN = ("lamp_core.skeleton", "maps")
NAMESPACE = ":"
"""Ends what programs with several figures write before the names of one."""


class JointMap(BaseModel):
    """How a source's joints become a skeleton's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="name of the map")
    metres_per_unit: float = Field(
        gt=0, description="length of the source's unit in metres, 0.01 for centimetres"
    )
    up: UpAxis = Field("y", description="axis of the source that points up")
    left_handed: bool = Field(False, description="whether the source's axes are left-handed")
    prefix: str = Field("", description="regular expression of what stands before the names of all joints")
    reference_clip: str | None = Field(
        None, description="clip whose first frame gives the bone lengths of all clips"
    )
    labels: str | None = Field(
        None, description="regular expression of the clips' names with a named group a label"
    )
    skeletons: dict[str, dict[str, SourceJoint]] = Field(
        min_length=1, description="per skeleton, per joint: the source's joint, or two whose midpoint it is"
    )

    @field_validator("prefix")
    @classmethod
    def _compiles(cls, prefix: str) -> str:
        try:
            re.compile(prefix)
        except re.error as error:
            raise ValueError(f"prefix is no regular expression: {error}") from error
        return prefix

    @field_validator("skeletons")
    @classmethod
    def _names_every_joint(
        cls, skeletons: dict[str, dict[str, SourceJoint]]
    ) -> dict[str, dict[str, SourceJoint]]:
        for name, sources in skeletons.items():
            try:
                joints = set(load_skeleton(name).joints)
            except LampError as error:
                raise ValueError(str(error)) from error
            if missing := joints - set(sources):
                raise ValueError(f"{name} lacks {', '.join(sorted(missing))}")
            if unknown := set(sources) - joints:
                raise ValueError(f"{name} has no joints {', '.join(sorted(unknown))}")
        return skeletons

    def measured(
        self, unit: Unit | None = None, up: UpAxis | None = None, left_handed: bool = False
    ) -> "JointMap":
        """This map for files in another unit of length or other axes; None and False keep the map's own."""
        changes: dict[str, float | str] = {"left_handed": True} if left_handed else {}
        if unit is not None:
            changes["metres_per_unit"] = METRES[unit]
        if up is not None:
            changes["up"] = up
        return self.model_copy(update=changes)

    def own_names(self, joint_names: Sequence[str]) -> list[str]:
        """Names of a source's joints without what stands before all of them; a blank counts as ``_``.

        A namespace (``Actor:Hips``) is left out, too, where the map names none.
        """
        return list(_own_names(self.prefix, tuple(joint_names), self._names_namespaces))

    @cached_property
    def _names_namespaces(self) -> bool:
        """Whether its joints are named with their namespace."""
        named = (_pair(source) for sources in self.skeletons.values() for source in sources.values())
        return any(NAMESPACE in joint for pair in named for joint in pair)

    def source_joints(self, skeleton_name: str) -> set[str]:
        """Names of the source's joints that a skeleton needs.

        Raises:
            LampError: the map does not say how to make this skeleton.
        """
        if skeleton_name not in self.skeletons:
            raise LampError(
                f"map {self.name!r} has no skeleton {skeleton_name!r}; it has {', '.join(self.skeletons)}"
            )
        return {joint for source in self.skeletons[skeleton_name].values() for joint in _pair(source)}

    def joints_of(self, motion: BvhMotion, skeleton: Skeleton, rate: float | None = None) -> Positions:
        """Joints of a skeleton from a BVH file, whose end sites may stand in the map; as `apply`.

        At `rate` frames a second with rotations in between, see `BvhMotion.joint_positions`.
        """
        needed = self.source_joints(skeleton.name)
        ends = [end.name for end in motion.end_sites]
        named = [end for end, own in zip(ends, self.own_names(ends), strict=True) if own in needed]
        motion = motion.with_ends(named)
        return self.apply(motion.joint_positions(rate), motion.joint_names, skeleton)

    def apply(self, positions_TJ3: Positions, joint_names: Sequence[str], skeleton: Skeleton) -> Positions:
        """Joints of a skeleton from the joints of the source.

        Args:
            positions_TJ3: places of the source's joints, in the source's unit.
            joint_names: names of the source's joints.
            skeleton: the skeleton to make.

        Returns:
            joints_TJ3: in the skeleton's unit, Y up, at the source's rate.

        Raises:
            LampError: the map does not know this skeleton.
            RejectedClip: ``joint-count``, the source lacks joints.
        """
        names = self.own_names(joint_names)
        missing = self.source_joints(skeleton.name) - set(names)
        if missing:
            raise RejectedClip(
                "joint-count", f"map {self.name!r} needs the joints {', '.join(sorted(missing))}"
            )
        column = {name: index for index, name in enumerate(names)}
        sources = [_pair(self.skeletons[skeleton.name][joint]) for joint in skeleton.joints]
        first = positions_TJ3[:, [column[one] for one, _ in sources]]
        second = positions_TJ3[:, [column[two] for _, two in sources]]
        joints_TJ3 = (first + second) * (0.5 * self.metres_per_unit / skeleton.metres_per_unit)
        turned_TJ3 = turn_to_y_up(joints_TJ3, self.up)
        return mirror_x(turned_TJ3) if self.left_handed else turned_TJ3


@lru_cache(maxsize=64)
def _own_names(prefix: str, joint_names: tuple[str, ...], with_namespace: bool) -> tuple[str, ...]:
    """The files of one rig have the same names, which are looked at once."""
    before = re.compile(prefix)

    def bare(name: str) -> str:
        rest = before.sub("", name, count=1) if before.match(name) else name
        if with_namespace or NAMESPACE not in rest:
            return rest
        rest = rest.rpartition(NAMESPACE)[2]
        return before.sub("", rest, count=1) if before.match(rest) else rest

    return tuple(_plain(bare(name)) for name in joint_names)


def _pair(source: SourceJoint) -> tuple[str, str]:
    """A joint of the source is its own midpoint."""
    first, second = (source, source) if isinstance(source, str) else source
    return _plain(first), _plain(second)


def _plain(name: str) -> str:
    """Programs write the blanks of a name as they are, or as ``_``."""
    return name.replace(" ", "_")


def map_names() -> tuple[str, ...]:
    """Names of the built-in maps, sorted."""
    return built_in_names(*BUILT_IN)


@lru_cache(maxsize=1)
def built_in_maps() -> tuple[JointMap, ...]:
    """All built-in maps, by name."""
    return tuple(load_map(name) for name in map_names())


def load_map(name_or_path: str | Path) -> JointMap:
    """A built-in map by its name, or any map by the path of its YAML file; LampError as `read_named`."""
    return read_named(JointMap, "joint map", *BUILT_IN, str(name_or_path))


def detect_map(joint_names: Sequence[str]) -> JointMap:
    """The built-in map all of whose source joints are among these names; the one that needs most of them.

    Raises:
        LampError: no built-in map fits; the message lists them.
    """
    fitting: list[tuple[int, JointMap]] = []
    for joint_map in built_in_maps():
        needed = set[str]().union(*(joint_map.source_joints(skeleton) for skeleton in joint_map.skeletons))
        if needed <= set(joint_map.own_names(joint_names)):
            fitting.append((len(needed), joint_map))
    if not fitting:
        shown = ", ".join(joint_names[:5])
        raise LampError(
            f"no joint map fits the joints {shown}, ...; known maps: {', '.join(map_names())}; "
            "write one as a YAML file; `lamp import bvh FILE.bvh --suggest-map MAP.yaml` begins one"
        )
    return max(fitting, key=lambda entry: entry[0])[1]
