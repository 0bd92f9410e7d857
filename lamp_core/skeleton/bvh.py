"""BVH files: a hierarchy of joints, then one line of channel values a frame.

Shapes: T frames, J joints of the file, C channels of the file.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lamp_core.errors import RejectedClip
from lamp_core.skeleton.decimals import parse_decimals
from lamp_core.skeleton.skeleton import ROOT, Vector

AXES = "XYZ"
MOST_CHANNELS = 12  # three positions, three rotations, and room for files that repeat some
_HEADER = re.compile(rb"\s*Frames:\s*(\d{1,12})\s+Frame\s+Time:\s*(\S+)")


@dataclass(frozen=True)
class BvhMotion:
    """What a BVH file says.

    Args:
        joint_names: in the order of the file; the first is the root.
        parents: index of each joint's parent, -1 for the root.
        offsets: place of each joint relative to its parent when nothing is rotated.
        channels: names of each joint's channels, such as ``("Zrotation", "Xrotation", "Yrotation")``.
        frames_per_second: frames a second.
        values_TC: channel values, degrees and the file's unit of length.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: tuple[Vector, ...]
    channels: tuple[tuple[str, ...], ...]
    frames_per_second: float
    values_TC: NDArray[np.float64] = field(repr=False)

    def joint_positions(self) -> NDArray[np.float64]:
        """Forward kinematics: places of all joints.

        Rotations apply in the order of the channels, any order and any number of them. Position channels, on
        any joint, stand in place of the joint's offset.

        Returns:
            positions_TJ3: in the file's unit of length.
        """
        rotations_JT33 = self._rotations()
        places_JT3 = self._translations()
        for joint, parent in enumerate(self.parents):
            if parent == ROOT:
                continue
            turned_T3 = np.einsum("tij,tj->ti", rotations_JT33[parent], places_JT3[joint])
            places_JT3[joint] = places_JT3[parent] + turned_T3
            rotations_JT33[joint] = rotations_JT33[parent] @ rotations_JT33[joint]
        return np.ascontiguousarray(places_JT3.transpose(1, 0, 2))

    def _columns(self) -> list[tuple[int, str, int]]:
        """Joint, channel name and column of every channel."""
        named = [(joint, channel) for joint, channels in enumerate(self.channels) for channel in channels]
        return [(joint, channel, column) for column, (joint, channel) in enumerate(named)]

    def _translations(self) -> NDArray[np.float64]:
        frames = len(self.values_TC)
        places_JT3 = np.repeat(np.array(self.offsets, dtype=np.float64)[:, None], frames, axis=1)
        for joint, channel, column in self._columns():
            if channel.endswith("position"):
                places_JT3[joint, :, AXES.index(channel[0])] = self.values_TC[:, column]
        return places_JT3

    def _rotations(self) -> NDArray[np.float64]:
        """Rotation of each joint relative to its parent, (J, T, 3, 3).

        A rotation about one axis, applied on the right, mixes the matrix's two other columns.
        """
        frames = len(self.values_TC)
        rotations_JT33 = np.tile(np.eye(3), (len(self.parents), frames, 1, 1))
        cosines_CT = np.cos(np.radians(self.values_TC)).T.copy()
        sines_CT = np.sin(np.radians(self.values_TC)).T.copy()
        for joint, channel, column in self._columns():
            if channel.endswith("rotation"):
                axis = AXES.index(channel[0])
                first, second = (axis + 1) % 3, (axis + 2) % 3
                cosine_T1, sine_T1 = cosines_CT[column, :, None], sines_CT[column, :, None]
                one_T3 = rotations_JT33[joint, :, :, first].copy()
                two_T3 = rotations_JT33[joint, :, :, second]
                rotations_JT33[joint, :, :, first] = cosine_T1 * one_T3 + sine_T1 * two_T3
                rotations_JT33[joint, :, :, second] = cosine_T1 * two_T3 - sine_T1 * one_T3
        return rotations_JT33


def read_bvh(path: str | Path) -> BvhMotion:
    """Read a BVH file.

    Raises:
        RejectedClip: ``unreadable`` (no such file, or not BVH), ``truncated`` (it ends too early), ``empty``
            (nothing in it, or no frames) or ``not-finite`` (a value is NaN or infinite).
    """
    name = Path(path).name
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RejectedClip("unreadable", f"{name}: {error.strerror}") from error
    if not content.strip():
        raise RejectedClip("empty", f"{name} has no content")
    if not content.lstrip().startswith(b"HIERARCHY"):
        raise RejectedClip("unreadable", f"{name} does not start with HIERARCHY, so it is not a BVH file")
    hierarchy, separator, motion = content.partition(b"MOTION")
    if not separator:
        raise RejectedClip("truncated", f"{name} ends before its MOTION part")
    try:
        joint_names, parents, offsets, channels = _parse_hierarchy(hierarchy)
    except RejectedClip as rejected:
        raise RejectedClip(rejected.reason, f"{name} {rejected.detail}") from rejected
    frames_per_second, values_TC = _parse_motion(motion, sum(map(len, channels)), name)
    return BvhMotion(joint_names, parents, offsets, channels, frames_per_second, values_TC)


Hierarchy = tuple[tuple[str, ...], tuple[int, ...], tuple[Vector, ...], tuple[tuple[str, ...], ...]]


@dataclass
class _Joint:
    """A joint while its lines are read."""

    name: str
    parent: int
    offset: Vector | None = None
    channels: tuple[str, ...] = ()


@lru_cache(maxsize=32)
def _parse_hierarchy(text: bytes) -> Hierarchy:
    """Names, parents, offsets and channels of the joints; end sites are left out.

    The files of one rig share this part, letter by letter, and it is read once for all of them.
    """
    joints: list[_Joint] = []
    words = iter(text.decode("utf-8", errors="replace").split()[1:])
    try:
        depth = _parse_joints(words, joints)
    except StopIteration:
        raise RejectedClip("truncated", "ends within its HIERARCHY part") from None
    except (ValueError, IndexError) as error:
        raise RejectedClip("unreadable", f"has a HIERARCHY part that cannot be read: {error}") from error
    if depth:
        raise RejectedClip("truncated", f"has {depth} braces that are not closed")
    _check_hierarchy(joints)
    return (
        tuple(joint.name for joint in joints),
        tuple(joint.parent for joint in joints),
        tuple(joint.offset for joint in joints if joint.offset is not None),
        tuple(joint.channels for joint in joints),
    )


def _parse_joints(words: Iterator[str], joints: list[_Joint]) -> int:
    """Append the joints that the words describe; returns how many braces stay open."""
    open_joints: list[int] = []
    at_end_site = False
    for word in words:
        if at_end_site and word not in ("{", "}", "OFFSET"):
            raise ValueError(f"{word!r} in an end site")
        if word in ("ROOT", "JOINT"):
            joint = _Joint(next(words), open_joints[-1] if open_joints else ROOT)
            if next(words) != "{":
                raise ValueError(f"joint {joint.name!r} has no brace")
            open_joints.append(len(joints))
            joints.append(joint)
        elif word == "End":
            at_end_site = next(words) == "Site" and next(words) == "{"
            if not at_end_site:
                raise ValueError("an end site without its brace")
        elif word == "}" and at_end_site:
            at_end_site = False
        elif word == "}":
            open_joints.pop()
        elif word == "OFFSET":
            offset = (float(next(words)), float(next(words)), float(next(words)))
            if not at_end_site:
                joints[open_joints[-1]].offset = offset
        elif word == "CHANNELS":
            joints[open_joints[-1]].channels = tuple(_parse_channels(words))
        else:
            raise ValueError(f"unknown word {word!r}")
    return len(open_joints) + at_end_site


def _parse_channels(words: Iterator[str]) -> list[str]:
    count = int(next(words))
    if not 0 <= count <= MOST_CHANNELS:
        raise ValueError(f"a joint with {count} channels")
    channels = [next(words) for _ in range(count)]
    known = {f"{axis}{kind}" for axis in AXES for kind in ("position", "rotation")}
    unknown = [channel for channel in channels if channel not in known]
    if unknown:
        raise ValueError(f"unknown channels {', '.join(unknown)}")
    return channels


def _check_hierarchy(joints: list[_Joint]) -> None:
    roots = sum(joint.parent == ROOT for joint in joints)
    if roots != 1:
        raise RejectedClip("unreadable", f"has {roots} root joints, not one")
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


def _parse_motion(text: bytes, channel_count: int, name: str) -> tuple[float, NDArray[np.float64]]:
    header = _HEADER.match(text)
    if header is None:
        raise RejectedClip("truncated", f"{name} has no complete Frames and Frame Time lines")
    frames = int(header.group(1))
    frames_per_second = _rate_of(header.group(2).decode("utf-8", errors="replace"), name)
    if frames == 0:
        raise RejectedClip("empty", f"{name} has 0 frames")
    values = _parse_numbers(text[header.end() :], name)
    if len(values) < frames * channel_count:
        complete = len(values) // channel_count
        raise RejectedClip("truncated", f"{name} says {frames} frames and has {complete} complete ones")
    if len(values) > frames * channel_count:
        expected = f"{frames} frames of {channel_count} channels"
        detail = f"{name} has {len(values)} numbers where {expected} were expected"
        raise RejectedClip("unreadable", detail)
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0]) // channel_count
        raise RejectedClip("not-finite", f"{name} has a NaN or infinite value in frame {first}")
    return frames_per_second, values.reshape(frames, channel_count)


def _parse_numbers(text: bytes, name: str) -> NDArray[np.float64]:
    """All numbers of the motion part: plain decimals by words of bytes, anything else by numpy's reader.

    What a file says of its frames allots no memory: only numbers that stand in it are read, and counted.
    """
    plain = parse_decimals(text)
    if plain is not None:
        return plain
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy reports text that is not a number
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (DeprecationWarning, ValueError) as error:
            raise RejectedClip(
                "unreadable", f"{name} has text among the numbers of its MOTION part"
            ) from error


def _rate_of(frame_time: str, name: str) -> float:
    """Frames a second exactly as written: the frame time 0.0333333 is 30.00003, whatever was meant."""
    try:
        seconds = float(frame_time)
    except ValueError as error:
        raise RejectedClip(
            "unreadable", f"{name} has the frame time {frame_time!r}, which is no number"
        ) from error
    if not np.isfinite(seconds) or seconds <= 0:
        raise RejectedClip("unreadable", f"{name} has the frame time {frame_time}, which is not above 0")
    return 1 / seconds
