"""BVH files: a hierarchy of joints, then one line of channel values a frame.

Shapes: T frames, J joints of the file, C channels of the file.
"""

import re
import warnings
from codecs import BOM_UTF8
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.text import LONGEST_MARK, decoded, encoding_of
from lamp_core.skeleton.bvh_hierarchy import HIERARCHY, EndSite, parse_hierarchy
from lamp_core.skeleton.decimals import parse_decimals
from lamp_core.skeleton.resampling import Sampling, matrices_of, turned_about
from lamp_core.skeleton.skeleton import ROOT, Vector

AXES = "XYZ"
WIDEST_INDENT = 256  # bytes
MISCOUNTED_FRAMES = 3  # whole frames more or fewer than the header says, as several programs write
MOTION = (b"MOTION", b"Motion", b"motion")
_CUT_NUMBER = re.compile(rb"\s(?:[-+]\.?|\.|[-+]?[\d.]+[eE][-+]?)\Z")
_HEADER = re.compile(rb"(?i)\s*Frames\s*:\s*(\d{1,12})\s+Frame\s+Time\s*:\s*(\S+)")


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
        end_sites: where the bones of joints without children end; no joints unless they are asked for.
        remarks: what of the file was taken otherwise than it says, as (reason, sentence).
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: tuple[Vector, ...]
    channels: tuple[tuple[str, ...], ...]
    frames_per_second: float
    values_TC: NDArray[np.float64] = field(repr=False)
    end_sites: tuple[EndSite, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of the joints, then of the end sites."""
        return (*self.joint_names, *(end.name for end in self.end_sites))

    def with_ends(self, names: Collection[str]) -> "BvhMotion":
        """The same motion in which the end sites of these names are joints."""
        ends = [end for end in self.end_sites if end.name in names]
        if not ends:
            return self
        return replace(
            self,
            joint_names=(*self.joint_names, *(end.name for end in ends)),
            parents=(*self.parents, *(end.parent for end in ends)),
            offsets=(*self.offsets, *(end.offset for end in ends)),
            channels=(*self.channels, *(() for _ in ends)),
            end_sites=tuple(end for end in self.end_sites if end.name not in names),
        )

    def joint_positions(self, frames_per_second: float | None = None) -> NDArray[np.float64]:
        """Forward kinematics: places of all joints.

        Rotations apply in the order of the channels, any order and any number of them. Position channels, on
        any joint, stand in place of the joint's offset.

        Args:
            frames_per_second: rate to make; the file's without it. Between two frames joints turn on the
                shortest arc, so that bones keep their lengths; what has position channels moves on a line.

        Returns:
            positions_TJ3: in the file's unit of length.
        """
        rate = self.frames_per_second
        sampling = Sampling.of(len(self.values_TC), rate, frames_per_second) if frames_per_second else None
        rotations_JT33 = self._rotations(sampling)
        places_JT3 = self._translations(sampling)
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

    def _translations(self, sampling: Sampling | None) -> NDArray[np.float64]:
        values_TC = self.values_TC if sampling is None else sampling.on_lines(self.values_TC)
        places_JT3 = np.repeat(np.array(self.offsets, dtype=np.float64)[:, None], len(values_TC), axis=1)
        for joint, channel, column in self._columns():
            if channel.endswith("position"):
                places_JT3[joint, :, AXES.index(channel[0])] = values_TC[:, column]
        return places_JT3

    def _rotations(self, sampling: Sampling | None) -> NDArray[np.float64]:
        """Rotation of each joint relative to its parent, (J, T, 3, 3)."""
        quaternions_4JT = np.zeros((4, len(self.parents), len(self.values_TC)))
        quaternions_4JT[0] = 1.0
        half_CT = np.radians(self.values_TC).T / 2
        cosines_CT, sines_CT = np.cos(half_CT), np.sin(half_CT)
        for axes, columns_of in self._turns().items():
            joints = list(columns_of)
            turned_4JT = quaternions_4JT[:, joints]
            for axis, columns in zip(axes, zip(*columns_of.values(), strict=True), strict=True):
                cosine_JT, sine_JT = cosines_CT[list(columns)], sines_CT[list(columns)]
                turned_4JT = turned_about(turned_4JT, AXES.index(axis), cosine_JT, sine_JT)
            quaternions_4JT[:, joints] = turned_4JT
        return matrices_of(quaternions_4JT if sampling is None else sampling.on_arcs(quaternions_4JT))

    def _turns(self) -> dict[str, dict[int, list[int]]]:
        """By the axes of their rotation channels, in order: the joints with these, and their columns."""
        turns_of: dict[int, list[tuple[str, int]]] = {}
        for joint, channel, column in self._columns():
            if channel.endswith("rotation"):
                turns_of.setdefault(joint, []).append((channel[0], column))
        joints_of: dict[str, dict[int, list[int]]] = {}
        for joint, turns in turns_of.items():
            axes = "".join(axis for axis, _ in turns)
            joints_of.setdefault(axes, {})[joint] = [column for _, column in turns]
        return joints_of


def read_bvh(path: str | Path, frames_per_second: float | None = None) -> BvhMotion:
    """Read a BVH file.

    Args:
        path: of the file.
        frames_per_second: the true rate, where the file's ``Frame Time`` is wrong.

    Raises:
        RejectedClip: ``unreadable`` (no such file, or not BVH), ``truncated`` (it ends too early), ``empty``
            (nothing in it, or no frames) or ``not-finite`` (a value is NaN or infinite).
    """
    name = Path(path).name
    try:
        content = _as_utf8(Path(path).read_bytes(), name)
    except OSError as error:
        raise RejectedClip("unreadable", f"{name}: {error.strerror}") from error
    if not content.strip():
        raise RejectedClip("empty", f"{name} has no content")
    if content.lstrip()[: len(HIERARCHY)].upper() != HIERARCHY.encode():
        raise RejectedClip("unreadable", f"{name} does not start with HIERARCHY, so it is not a BVH file")
    parting = _parting(content)
    if parting < 0:
        raise RejectedClip("truncated", f"{name} ends before its MOTION part")
    try:
        hierarchy = parse_hierarchy(content[:parting])
    except RejectedClip as rejected:
        raise RejectedClip(rejected.reason, f"{name} {rejected.detail}") from rejected
    values_TC, rate, miscount = _parse_motion(
        content[parting + len(MOTION[0]) :], hierarchy.channel_count, name, frames_per_second
    )
    remarks = (("roots", hierarchy.remark), ("frame-count", miscount))
    return BvhMotion(
        hierarchy.joint_names,
        hierarchy.parents,
        hierarchy.offsets,
        hierarchy.channels,
        rate,
        values_TC[:, hierarchy.columns],
        hierarchy.end_sites,
        tuple((reason, f"{name} {text}") for reason, text in remarks if text),
    )


def _parting(content: bytes) -> int:
    """Where the word MOTION stands that begins its part, -1 without one; a joint's name may hold it too."""
    for word in MOTION:
        place = content.find(word)
        while place >= 0:
            before = content[max(0, place - WIDEST_INDENT) : place].rstrip(b" \t")
            after = content[place + len(word) : place + len(word) + 1]
            if before[-1:] in (b"\n", b"\r", b"}") and (not after or after.isspace()):
                return place
            place = content.find(word, place + 1)
    return -1


def _as_utf8(content: bytes, name: str) -> bytes:
    """The bytes without a byte order mark; those of UTF-16 and UTF-32 written anew."""
    encoding = encoding_of(content[:LONGEST_MARK])
    if encoding == "utf-8":
        return content
    if encoding == "utf-8-sig":
        return content.removeprefix(BOM_UTF8)
    try:
        return decoded(content, name).encode()
    except LampError as fault:
        raise RejectedClip("unreadable", str(fault)) from fault


def _parse_motion(
    text: bytes, channel_count: int, name: str, rate: float | None
) -> tuple[NDArray[np.float64], float, str]:
    """Values of all channels (T, C), frames a second, and how the header miscounts the frames."""
    header = _HEADER.match(text)
    if header is None:
        raise RejectedClip("truncated", f"{name} has no complete Frames and Frame Time lines")
    frames = int(header.group(1))
    frames_per_second = rate or _rate_of(header.group(2).decode("utf-8", errors="replace"), name)
    values = _parse_numbers(text[header.end() :], name)
    complete, rest = divmod(len(values), channel_count)
    miscounts = not rest and complete > 0 and 0 < abs(complete - frames) <= MISCOUNTED_FRAMES
    if frames == 0 and not miscounts:
        raise RejectedClip("empty", f"{name} has 0 frames")
    if len(values) < frames * channel_count and not miscounts:
        raise RejectedClip("truncated", f"{name} says {frames} frames and has {complete} complete ones")
    if len(values) > frames * channel_count and not miscounts:
        expected = f"{frames} frames of {channel_count} channels"
        detail = f"{name} has {len(values)} numbers where {expected} were expected"
        raise RejectedClip("unreadable", detail)
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0]) // channel_count
        raise RejectedClip("not-finite", f"{name} has a NaN or infinite value in frame {first}")
    remark = f"says {frames} frames and has {complete}, which are used" if miscounts else ""
    return values.reshape(complete, channel_count), frames_per_second, remark


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
            if cut := _CUT_NUMBER.search(text):  # the file ends within a number: a frame is not complete
                return _parse_numbers(text[: cut.start()], name)
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
