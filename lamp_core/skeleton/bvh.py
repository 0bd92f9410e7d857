"""BVH files: a hierarchy of joints, then one line of channel values a frame.

Shapes: T frames, J joints of the file, C channels of the file.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lamp_core.errors import RejectedClip
from lamp_core.skeleton.skeleton import ROOT, Vector

AXES = "XYZ"
_HEADER = re.compile(rb"\s*Frames:\s*(\d+)\s+Frame\s+Time:\s*(\S+)")


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
    joint_names, parents, offsets, channels = _parse_hierarchy(hierarchy, name)
    frames_per_second, values_TC = _parse_motion(motion, sum(map(len, channels)), name)
    return BvhMotion(joint_names, parents, offsets, channels, frames_per_second, values_TC)


Hierarchy = tuple[tuple[str, ...], tuple[int, ...], tuple[Vector, ...], tuple[tuple[str, ...], ...]]


def _parse_hierarchy(text: bytes, name: str) -> Hierarchy:
    """Names, parents, offsets and channels of the joints; end sites are left out."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[Vector] = []
    channels: list[tuple[str, ...]] = []
    open_joints: list[int] = [
        ROOT
    ]  # the joints whose braces are open; an end site stands there as its parent again
    words = iter(text.decode("utf-8", errors="replace").split()[1:])
    at_end_site = False
    try:
        for word in words:
            if word in ("ROOT", "JOINT"):
                parents.append(open_joints[-1])
                names.append(next(words))
                channels.append(())
            elif word == "End":
                at_end_site = next(words) == "Site"
            elif word == "{":
                open_joints.append(open_joints[-1] if at_end_site else len(names) - 1)
            elif word == "}":
                open_joints.pop()
                at_end_site = False
            elif word == "OFFSET":
                offset = (float(next(words)), float(next(words)), float(next(words)))
                if not at_end_site:
                    offsets.append(offset)
            elif word == "CHANNELS":
                channels[-1] = tuple(_parse_channels(words))
            else:
                raise ValueError(f"unknown word {word!r}")
    except StopIteration:
        raise RejectedClip("truncated", f"{name} ends within its HIERARCHY part") from None
    except (ValueError, IndexError) as error:
        raise RejectedClip(
            "unreadable", f"{name} has a HIERARCHY part that cannot be read: {error}"
        ) from error
    _check_hierarchy(names, parents, offsets, channels, open_joints, name)
    return tuple(names), tuple(parents), tuple(offsets), tuple(channels)


def _parse_channels(words: Iterator[str]) -> list[str]:
    channels = [next(words) for _ in range(int(next(words)))]
    known = {f"{axis}{kind}" for axis in AXES for kind in ("position", "rotation")}
    unknown = [channel for channel in channels if channel not in known]
    if unknown:
        raise ValueError(f"unknown channels {', '.join(unknown)}")
    return channels


def _check_hierarchy(
    names: list[str],
    parents: list[int],
    offsets: list[Vector],
    channels: list[tuple[str, ...]],
    open_joints: list[int],
    name: str,
) -> None:
    if len(open_joints) != 1:
        raise RejectedClip("truncated", f"{name} has {len(open_joints) - 1} braces that are not closed")
    if not names or parents.count(ROOT) != 1:
        raise RejectedClip("unreadable", f"{name} has {parents.count(ROOT)} root joints, not one")
    if len(offsets) != len(names):
        raise RejectedClip("unreadable", f"{name} has {len(offsets)} offsets for {len(names)} joints")
    if not any(channels):
        raise RejectedClip("unreadable", f"{name} has no channels")
    if not np.isfinite(np.array(offsets)).all():
        raise RejectedClip("not-finite", f"{name} has an offset that is NaN or infinite")


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
    """All numbers of the motion part by one call, at some 3 million numbers a second."""
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
