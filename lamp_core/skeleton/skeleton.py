"""Skeletons: joint tables read from ``tables/NAME.json``.

Axes: Y up, left is +X when facing +Z. Shapes: J joints.

A table holds, for every joint, its parent, the direction that its bone has when it is not rotated (one of the
six axis directions; they are those of HumanML3D and KIT-ML, since the published rotations are measured from
them) and its place in a rest pose. A chain is a row of bones whose rotations are expressed one after the
other, starting from the root's facing; a chain that starts at the chest starts from the root's facing all the
same.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamp_core.errors import LampError
from lamp_core.io.named_files import built_in_names

Vector = tuple[float, float, float]
ROOT = -1
TABLES = ("lamp_core.skeleton", "tables")


@dataclass(frozen=True)
class Skeleton:
    """A named set of joints and what the features need to know of them.

    Args:
        name: ``smpl22``, ``kit21`` or ``smplx52``.
        joints: names; the first is the root.
        parents: index of each joint's parent, ``ROOT`` (-1) for the root; a parent stands before its
            children.
        chains: joint indexes of each chain.
        directions: unit direction of each bone when not rotated; zero for the root.
        rest: place of each joint in the rest pose, in the skeleton's unit.
        frames_per_second: rate at which features of this skeleton are made.
        metres_per_unit: 1.0 when joints are in metres, 0.001 when in millimetres.
        contact_threshold: a foot joint that moves less than this, squared unit a frame, is in contact.
        feet: left ankle, left foot, right ankle, right foot, the joints of the four contacts.
        face: right hip, left hip, right shoulder, left shoulder, the joints that tell where the body faces.
        leg: the joints whose two bones (upper and lower leg) tell the size of the body.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    chains: tuple[tuple[int, ...], ...]
    directions: tuple[Vector, ...]
    rest: tuple[Vector, ...]
    frames_per_second: float
    metres_per_unit: float
    contact_threshold: float
    feet: tuple[int, int, int, int]
    face: tuple[int, int, int, int]
    leg: tuple[int, int]

    @property
    def joint_count(self) -> int:
        """Number of joints J."""
        return len(self.joints)

    @property
    def feature_count(self) -> int:
        """Numbers a frame of features: 4 + 3(J-1) + 6(J-1) + 3J + 4."""
        return 12 * self.joint_count - 1

    @property
    def directions_J3(self) -> NDArray[np.float32]:
        """Unit direction of each bone when not rotated; zero for the root."""
        return np.array(self.directions, dtype=np.float32)

    @property
    def bones(self) -> list[tuple[int, int]]:
        """Pairs (child, parent), in the order of the children."""
        return [(child, parent) for child, parent in enumerate(self.parents) if parent != ROOT]

    @cached_property
    def bone_ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Children and parents of the bones."""
        children, parents = np.array(self.bones).T
        return children, parents

    @property
    def mirror_pairs(self) -> list[tuple[int, int]]:
        """Pairs (left, right) of joints that change places in a mirror."""
        left_joints = [joint for joint in self.joints if joint.startswith("left_")]
        return [(self.index(left), self.index(left.replace("left_", "right_", 1))) for left in left_joints]

    @cached_property
    def chain_parents(self) -> tuple[int, ...]:
        """The joint whose rotation each joint's rotation is measured from.

        It is the joint before it in its chain; the first bone of every chain is measured from the root's
        facing, so its chain parent is joint 0 even when the bone hangs on the chest.
        """
        parents = [0] * self.joint_count
        for chain in self.chains:
            for before, joint in pairwise(chain[1:]):
                parents[joint] = before
        return tuple(parents)

    @cached_property
    def fingers(self) -> dict[int, int]:
        """The joints behind the wrists, and the wrist of each; none where there are no hands."""
        wrists: dict[int, int] = {}
        for joint, parent in self.bones:
            if parent in wrists:
                wrists[joint] = wrists[parent]
            elif self.joints[parent].endswith("wrist"):
                wrists[joint] = parent
        return wrists

    def index(self, joint_name: str) -> int:
        """Index of a joint.

        Raises:
            LampError: the skeleton has no such joint.
        """
        if joint_name not in self.joints:
            raise LampError(
                f"skeleton {self.name} has no joint {joint_name!r}; it has {', '.join(self.joints)}"
            )
        return self.joints.index(joint_name)


def skeleton_names() -> tuple[str, ...]:
    """Names of the known skeletons, sorted."""
    return built_in_names(*TABLES, ".json")


@cache
def skeleton_with_features(count: int) -> Skeleton:
    """The known skeleton whose features have so many numbers a frame; LampError where there is none."""
    for skeleton in map(load_skeleton, skeleton_names()):
        if skeleton.feature_count == count:
            return skeleton
    raise LampError(f"features of {count} numbers a frame belong to no skeleton")


@cache
def load_skeleton(name: str) -> Skeleton:
    """Read a skeleton's joint table.

    Raises:
        LampError: no table has this name; the message lists the known ones.
    """
    if name not in skeleton_names():
        raise LampError(f"unknown skeleton {name!r}; known: {', '.join(skeleton_names())}")
    table = resources.files("lamp_core.skeleton") / "tables" / f"{name}.json"
    return _skeleton_of(json.loads(table.read_text(encoding="utf-8")))


def _skeleton_of(table: dict[str, Any]) -> Skeleton:
    joints = tuple(joint["name"] for joint in table["joints"])

    def indexes(names: list[str]) -> tuple[int, ...]:
        return tuple(joints.index(name) for name in names)

    left_ankle, left_foot, right_ankle, right_foot = indexes(table["feet"])
    right_hip, left_hip, right_shoulder, left_shoulder = indexes(table["face"])
    upper_leg, lower_leg = indexes(table["leg"])
    return Skeleton(
        name=table["name"],
        joints=joints,
        parents=tuple(
            ROOT if row["parent"] is None else joints.index(row["parent"]) for row in table["joints"]
        ),
        chains=tuple(indexes(chain) for chain in table["chains"]),
        directions=tuple(_vector(joint["direction"]) for joint in table["joints"]),
        rest=tuple(_vector(joint["rest"]) for joint in table["joints"]),
        frames_per_second=table["frames_per_second"],
        metres_per_unit=table["metres_per_unit"],
        contact_threshold=table["contact_threshold"],
        feet=(left_ankle, left_foot, right_ankle, right_foot),
        face=(right_hip, left_hip, right_shoulder, left_shoulder),
        leg=(upper_leg, lower_leg),
    )


def _vector(numbers: list[float]) -> Vector:
    x, y, z = numbers
    return float(x), float(y), float(z)
