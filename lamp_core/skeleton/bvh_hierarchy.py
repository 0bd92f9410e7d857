"""The HIERARCHY part of a BVH file, in the dialects that programs write.

Keywords may stand in any case; a joint's name is the rest of its line, whatever stands in it; of several
roots the one with most joints is taken; the end of a bone (``End Site``) has the name of its joint and
``_End``.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from lamp_core.errors import RejectedClip
from lamp_core.io.text import composed
from lamp_core.skeleton.skeleton import ROOT, Vector

HIERARCHY = "HIERARCHY"
MOST_CHANNELS = 12  # three positions, three rotations, and room for files that repeat some
END = "_End"
KEYWORDS = {"ROOT", "JOINT", "OFFSET", "CHANNELS"}
CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}
_TOKEN = re.compile(
    r"(?P<joint>(?i:ROOT|JOINT))[ \t]+(?P<name>[^\r\n{}]*?)\s*\{"
    r"|(?P<end>(?i:End)\s+(?i:Site)[^\r\n{}]*\s*\{)|[{}]|[^\s{}]+"
)


@dataclass(frozen=True)
class EndSite:
    """Where the bone of a joint without children ends."""

    name: str
    parent: int
    offset: Vector


@dataclass(frozen=True)
class Hierarchy:
    """What the part says of the tree that is taken.

    Args:
        joint_names: in the order of the file; the first is the root.
        parents: index of each joint's parent, -1 for the root.
        offsets: place of each joint relative to its parent when nothing is rotated.
        channels: names of each joint's channels.
        end_sites: of this tree.
        channel_count: numbers a frame in the file, of all trees.
        columns: which of them are this tree's.
        remark: what was left out; empty when nothing was.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: tuple[Vector, ...]
    channels: tuple[tuple[str, ...], ...]
    end_sites: tuple[EndSite, ...]
    channel_count: int
    columns: slice
    remark: str = ""


@dataclass
class _Joint:
    """A joint while its lines are read."""

    name: str
    parent: int
    offset: Vector | None = None
    channels: tuple[str, ...] = ()
    ends: list[Vector] = field(default_factory=list)


@lru_cache(maxsize=32)
def parse_hierarchy(text: bytes) -> Hierarchy:
    """The tree of joints; the one with most of them where there are several.

    The files of one rig share this part, letter by letter, and it is read once for all of them.

    Raises:
        RejectedClip: ``truncated``, ``unreadable`` or ``not-finite``.
    """
    joints: list[_Joint] = []
    described = text.decode("utf-8", errors="backslashreplace").lstrip()
    tokens = _TOKEN.finditer(described, len(HIERARCHY))
    try:
        depth = _parse_joints(tokens, joints)
    except StopIteration:
        raise RejectedClip("truncated", "ends within its HIERARCHY part") from None
    except (ValueError, IndexError) as error:
        raise RejectedClip("unreadable", f"has a HIERARCHY part that cannot be read: {error}") from error
    if depth:
        raise RejectedClip("truncated", f"has {depth} braces that are not closed")
    return _hierarchy_of(joints)


def _parse_joints(tokens: Iterator[re.Match[str]], joints: list[_Joint]) -> int:
    """Append the joints that the tokens describe; returns how many braces stay open."""
    open_joints: list[int] = []
    at_end_site = False
    for token in tokens:
        word = token.group()
        keyword = word.upper()
        if at_end_site and keyword not in ("}", "OFFSET"):
            raise ValueError(f"{word.split()[0]!r} in an end site")
        if token["joint"]:
            open_joints.append(len(joints))
            joints.append(_Joint(_name_of(token["name"]), open_joints[-2] if len(open_joints) > 1 else ROOT))
        elif token["end"]:
            at_end_site = True
        elif word == "}" and at_end_site:
            at_end_site = False
        elif word == "}":
            open_joints.pop()
        elif keyword == "OFFSET":
            offset = (float(next(tokens)[0]), float(next(tokens)[0]), float(next(tokens)[0]))
            _place(joints[open_joints[-1]], offset, at_end_site)
        elif keyword == "CHANNELS":
            joints[open_joints[-1]].channels = tuple(_parse_channels(tokens))
        elif keyword in ("ROOT", "JOINT"):
            raise ValueError(f"joint {next(tokens).group()!r} has no brace")
        else:
            raise ValueError(f"unknown word {word!r}")
    return len(open_joints) + at_end_site


def _name_of(text: str) -> str:
    words = text.split()
    if not words:
        raise ValueError("a joint without a name")
    if KEYWORDS.intersection(words[1:]):
        raise ValueError(f"joint {words[0]!r} has no brace")
    return composed(" ".join(words))


def _place(joint: _Joint, offset: Vector, is_end: bool) -> None:
    if is_end:
        joint.ends.append(offset)
    else:
        joint.offset = offset


def _parse_channels(tokens: Iterator[re.Match[str]]) -> list[str]:
    count = int(next(tokens).group())
    if not 0 <= count <= MOST_CHANNELS:
        raise ValueError(f"a joint with {count} channels")
    channels = [next(tokens)[0].capitalize() for _ in range(count)]
    unknown = [channel for channel in channels if channel not in CHANNELS]
    if unknown:
        raise ValueError(f"unknown channels {', '.join(unknown)}")
    return channels


def _hierarchy_of(joints: list[_Joint]) -> Hierarchy:
    roots = [place for place, joint in enumerate(joints) if joint.parent == ROOT]
    if not roots:
        raise RejectedClip("unreadable", "has no root joint")
    trees = [slice(start, end) for start, end in zip(roots, [*roots[1:], len(joints)], strict=True)]
    taken = max(trees, key=lambda tree: tree.stop - tree.start)
    tree = joints[taken]
    _check_tree(tree)
    first = sum(len(joint.channels) for joint in joints[: taken.start])
    parents = [ROOT if joint.parent == ROOT else joint.parent - taken.start for joint in tree]
    names = ", ".join(joints[root].name for root in roots)
    return Hierarchy(
        joint_names=tuple(joint.name for joint in tree),
        parents=tuple(parents),
        offsets=tuple(joint.offset for joint in tree if joint.offset is not None),
        channels=tuple(joint.channels for joint in tree),
        end_sites=tuple(_end_sites(tree)),
        channel_count=sum(len(joint.channels) for joint in joints),
        columns=slice(first, first + sum(len(joint.channels) for joint in tree)),
        remark=f"has {len(roots)} roots ({names}); the one with most joints is taken, {tree[0].name}"
        if len(roots) > 1
        else "",
    )


def _end_sites(tree: list[_Joint]) -> Iterator[EndSite]:
    """A joint's second end and those after it are numbered."""
    taken = {joint.name for joint in tree}
    for place, joint in enumerate(tree):
        for number, offset in enumerate(joint.ends, start=1):
            name = f"{joint.name}{END}{number if number > 1 else ''}"
            if name not in taken:
                yield EndSite(name, place, offset)


def _check_tree(joints: list[_Joint]) -> None:
    repeated = [joint for joint, count in Counter(joint.name for joint in joints).items() if count > 1]
    if repeated:
        # Joints are known by their names, so that a joint below itself, a cycle, shows as a name said twice.
        raise RejectedClip("unreadable", f"names the joint {repeated[0]!r} more than once")
    without = [joint.name for joint in joints if joint.offset is None]
    if without:
        raise RejectedClip("unreadable", f"has no offset for the joint {without[0]!r}")
    if not any(joint.channels for joint in joints):
        raise RejectedClip("unreadable", "has no channels")
    if not np.isfinite([joint.offset for joint in joints if joint.offset is not None]).all():
        raise RejectedClip("not-finite", "has an offset that is NaN or infinite")
