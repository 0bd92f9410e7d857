"""A joint map to start from: which joints of a foreign rig are those of smpl22, by names and by the shape.

Names are compared as words without side and without what stands before all of them; what no name tells is
taken from the tree: the spine leads from the root to the highest end, the legs to the lowest ends, the arms
leave the spine.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import yaml

from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.folders import files_by_name
from lamp_core.skeleton.bvh import BvhMotion, read_bvh
from lamp_core.skeleton.posture import likely_unit
from lamp_core.skeleton.skeleton import ROOT, load_skeleton

SKELETON = "smpl22"
FILES_TRIED = 20
LIMBS = {
    "hip": ("upleg", "upperleg", "thigh", "thighstretch", "hip", "legupper"),
    "knee": ("leg", "lowerleg", "loleg", "shin", "calf", "knee", "legstretch", "leglower"),
    "ankle": ("ankle", "foot"),
    "foot": ("toe", "toes", "toebase", "ball", "toe0", "toes01", "foot"),
    "collar": ("clavicle", "collar", "shoulder", "scapula"),
    "shoulder": ("arm", "upperarm", "uarm", "uparm", "armstretch", "shoulder", "armupper"),
    "elbow": ("forearm", "lowerarm", "loarm", "elbow", "farm", "forearmstretch", "armlower"),
    "wrist": ("hand", "wrist", "palm"),
}
MIDDLE = {"pelvis": ("hips", "pelvis", "hip", "root"), "neck": ("neck", "neck1"), "head": ("head",)}
SPINE = re.compile(r"spine|chest|torso|abdomen|ab|lowerback|upperback|waist|belly")
SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")


@dataclass(frozen=True)
class SuggestedMap:
    """A map as far as it was found.

    Args:
        joints: the file's joint, or an empty text, of each joint of the skeleton.
        found: how many of them their names told.
        metres_per_unit: the unit in which the body is of human size.
        up: axis along which it stands.
    """

    joints: dict[str, str]
    found: int
    metres_per_unit: float
    up: str

    @property
    def missing(self) -> list[str]:
        """Joints of the skeleton for which nothing was found."""
        return [joint for joint, source in self.joints.items() if not source]

    @property
    def text(self) -> str:
        """The map's YAML, with what is missing as a comment."""
        head = {"name": "mine", "metres_per_unit": self.metres_per_unit, "up": self.up}
        named: dict[str, str | list[str]] = {joint: source or "?" for joint, source in self.joints.items()}
        lower, upper = self.joints["spine1"], self.joints["spine3"]
        if self.joints["spine2"] in (lower, upper) and lower != upper:
            named["spine2"] = [lower, upper]
        content = yaml.safe_dump(head | {"skeletons": {SKELETON: named}}, sort_keys=False, allow_unicode=True)
        return f"# A joint map to start from: look at every line; ? was not found.\n{content}"


def first_motion(place: Path) -> BvhMotion:
    """The BVH file, or the first readable one below a folder; LampError without one."""
    paths = [place] if place.is_file() else []
    if place.is_dir():
        paths = [place / path for path in islice(files_by_name(place, ".bvh").values(), FILES_TRIED)]
    fault = "there is none"
    for path in paths:
        try:
            return read_bvh(path)
        except RejectedClip as rejected:
            fault = str(rejected)
    raise LampError(f"no BVH file can be read in {place} ({fault})")


def suggest_map(motion: BvhMotion) -> SuggestedMap:
    """A map of a file's joints onto smpl22."""
    tree = Tree(motion.with_ends(motion.all_names))
    by_name = _by_names(tree.names)
    by_name |= _spine_by_names(tree.names, by_name)
    joints = {joint: by_name.get(joint) or tree.by_shape.get(joint, "") for joint in _joints()}
    return SuggestedMap(joints, len(by_name), likely_unit(tree.height), "xyz"[tree.up])


def _joints() -> tuple[str, ...]:
    return load_skeleton(SKELETON).joints


def _words(name: str) -> tuple[str, str]:
    """Side and the other words of a name, joined."""
    words = [word.lower() for word in WORDS.findall(name)]
    side = next((SIDES[word] for word in words if word in SIDES), "")
    return side, "".join(word for word in words if word not in SIDES)


def _by_names(names: tuple[str, ...]) -> dict[str, str]:
    """Joints that their names tell; without the words that stand before nearly all names."""
    split = {name: _words(name) for name in names}
    prefix = _common_prefix([rest for _, rest in split.values()])
    bare = {name: (side, rest.removeprefix(prefix)) for name, (side, rest) in split.items()}
    found: dict[str, str] = {}
    taken: set[str] = set()
    for part, words in [*MIDDLE.items(), *LIMBS.items()]:
        for side in ("left", "right") if part in LIMBS else ("",):
            joint = f"{side}_{part}" if side else part
            candidates = [name for word in words for name in names if bare[name] == (side, word)]
            name = next((name for name in candidates if name not in taken), None)
            if name is not None:
                found[joint] = name
                taken.add(name)
    return found


def _common_prefix(rests: list[str]) -> str:
    """What most of the names begin with, such as ``mixamorig``."""
    starts = Counter(rest[:length] for rest in rests for length in range(3, len(rest) + 1))
    common = [start for start, count in starts.items() if count > 0.8 * len(rests)]
    return max(common, key=len, default="")


def _spine_by_names(names: tuple[str, ...], found: dict[str, str]) -> dict[str, str]:
    """Three of the joints of the spine, spread evenly over those there are."""
    taken = set(found.values())
    spine = [
        name for name in names if name not in taken and not _words(name)[0] and SPINE.search(_words(name)[1])
    ]
    spine = [name for name in spine if not name.endswith("_End")]
    if not spine:
        return {}
    places = np.linspace(0, len(spine) - 1, 3).round().astype(int)
    return {f"spine{number}": spine[place] for number, place in enumerate(places, start=1)}


class Tree:
    """The joints of a file as a tree in its first frame."""

    def __init__(self, motion: BvhMotion) -> None:
        self.names, self.parents = motion.joint_names, motion.parents
        self.places_J3 = motion.joint_positions()[0]

    @cached_property
    def up(self) -> int:
        """The axis along which the body is longest."""
        return int(np.ptp(self.places_J3, axis=0).argmax())

    @cached_property
    def height(self) -> float:
        """Length along that axis."""
        return float(np.ptp(self.places_J3[:, self.up]))

    def way(self, joint: int) -> list[int]:
        """Joints from below the root to the joint."""
        way = []
        while self.parents[joint] != ROOT:
            way.append(joint)
            joint = self.parents[joint]
        return way[::-1]

    @cached_property
    def by_shape(self) -> dict[str, str]:
        """Joints that the shape tells; nothing for a tree without two legs and two arms."""
        ends = [joint for joint in range(len(self.names)) if joint not in self.parents]
        heights_J = self.places_J3[:, self.up]
        ways = {end: self.way(end) for end in ends}
        head = max(ends, key=lambda end: heights_J[end], default=-1)
        below = {
            way[0]: end for end, way in sorted(ways.items(), key=lambda item: -heights_J[item[0]]) if way
        }
        legs = [end for end in sorted(below.values(), key=lambda end: heights_J[end]) if end != head][:2]
        if head < 0 or len(legs) < 2:
            return {}
        spine = ways[head]
        arms = [end for end in ends if end != head and set(ways[end]) & set(spine)]
        arms.sort(key=lambda end: -float(np.abs(self.places_J3[end] - self.places_J3[0]).max()))
        found = {"pelvis": self.names[0], **self._spine(spine, arms)}
        for end in legs:
            found |= self._limb(ways[end], ("hip", "knee", "ankle", "foot"))
        sides: set[str] = set()
        for end in arms:
            limb = self._limb(
                [j for j in ways[end] if j not in spine], ("collar", "shoulder", "elbow", "wrist")
            )
            side = self._side(end)
            if side not in sides and len(limb) == 4:
                sides.add(side)
                found |= limb
        return found

    def _spine(self, spine: list[int], arms: list[int]) -> dict[str, str]:
        """Three joints below the arms, the neck after them and the head, of the way to the highest end."""
        shared = [joint for joint in spine if any(joint in self.way(end) for end in arms)] or spine[:1]
        after = [joint for joint in spine if joint not in shared] or spine[-1:]
        places = np.linspace(0, len(shared) - 1, 3).round().astype(int)
        found = {f"spine{number}": self.names[shared[place]] for number, place in enumerate(places, start=1)}
        return found | {"neck": self.names[after[0]], "head": self.names[after[min(1, len(after) - 1)]]}

    def _limb(self, way: list[int], parts: tuple[str, ...]) -> dict[str, str]:
        if not way:
            return {}
        side = self._side(way[-1])
        return {f"{side}_{part}": self.names[joint] for part, joint in zip(parts, way, strict=False)}

    def _side(self, joint: int) -> str:
        """By the name; else by the place: left is +X for a body that faces +Z."""
        named = _words(self.names[joint])[0]
        across = 0 if self.up != 0 else 1
        return named or ("left" if self.places_J3[joint, across] >= self.places_J3[0, across] else "right")
