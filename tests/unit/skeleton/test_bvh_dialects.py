"""BVH as programs write it: random valid files of every dialect are read back as they were meant."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lamp_core.errors import RejectedClip
from lamp_core.io.text import composed
from lamp_core.skeleton.bvh import read_bvh

LETTERS = st.characters(categories=["L", "Nd"], include_characters=" .:_-|()")
KEYWORDS = {"ROOT", "JOINT", "OFFSET", "CHANNELS", "MOTION", "HIERARCHY", "End"}
NAMES = st.text(LETTERS, min_size=1, max_size=12).map(lambda text: " ".join(text.split()))
LEGAL = NAMES.filter(lambda name: name and not KEYWORDS.intersection(name.split()))
ORDERS = st.permutations("XYZ").map("".join)
END_OFFSET = (0.0, 1.0, 0.5)
NUMBERS = st.floats(-180, 180).map(lambda number: round(number, 4))


@dataclass(frozen=True)
class Joint:
    name: str
    parent: int
    offset: tuple[float, ...]
    order: str
    has_position: bool


@dataclass(frozen=True)
class Dialect:
    line_end: str
    indent: str
    encoding: str
    brace_on_line: bool
    off_by: int
    frame_word: str
    keyword: Callable[[str], str]


DIALECTS = st.builds(
    Dialect,
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    indent=st.sampled_from(["", "\t", "  "]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    brace_on_line=st.booleans(),
    off_by=st.integers(-3, 3),
    frame_word=st.sampled_from(["Frames:", "FRAMES:", "Frames :"]),
    keyword=st.sampled_from([str, str.lower, str.title]),
)


@st.composite
def rigs(draw: st.DrawFn) -> list[Joint]:
    names = draw(st.lists(LEGAL, min_size=2, max_size=6, unique_by=composed))
    joints = []
    for place, name in enumerate(names):
        parent = -1 if place == 0 else draw(st.integers(0, place - 1))
        offset = tuple(draw(st.lists(NUMBERS, min_size=3, max_size=3)))
        joints.append(Joint(name, parent, offset, draw(ORDERS), place == 0 or draw(st.booleans())))
    return joints


def in_file_order(rig: list[Joint]) -> list[int]:
    """Depth first, as a hierarchy of braces has it."""

    def below(joint: int) -> list[int]:
        return [joint, *(n for child, each in enumerate(rig) if each.parent == joint for n in below(child))]

    return below(0)


def hierarchy(rig: list[Joint], dialect: Dialect) -> list[str]:
    def block(joint: int, depth: int) -> list[str]:
        each, pad, inner = rig[joint], dialect.indent * depth, dialect.indent * (depth + 1)
        word = f"{dialect.keyword('ROOT' if each.parent < 0 else 'JOINT')} {each.name}"
        head = [f"{pad}{word} {{"] if dialect.brace_on_line else [f"{pad}{word}", f"{pad}{{"]
        channels = [f"{axis}position" for axis in "XYZ"] if each.has_position else []
        channels += [f"{axis}rotation" for axis in each.order]
        lines = [f"{inner}{dialect.keyword('OFFSET')} {' '.join(map(str, each.offset))}"]
        lines += [f"{inner}{dialect.keyword('CHANNELS')} {len(channels)} {' '.join(channels)}"]
        children = [child for child, other in enumerate(rig) if other.parent == joint]
        for child in children:
            lines += block(child, depth + 1)
        if not children:
            lines += [
                f"{inner}{dialect.keyword('End Site')}",
                f"{inner}{{",
                f"{inner}OFFSET {' '.join(map(str, END_OFFSET))}",
                f"{inner}}}",
            ]
        return [*head, *lines, f"{pad}}}"]

    return block(0, 0)


def places(rig: list[Joint], values: dict[int, np.ndarray]) -> tuple[np.ndarray, dict[int, Rotation]]:
    """Forward kinematics of one frame, by scipy: places and rotations of the joints."""
    turned: dict[int, Rotation] = {}
    found = np.zeros((len(rig), 3))
    for joint in in_file_order(rig):
        each, numbers = rig[joint], values[joint]
        offset = numbers[:3] if each.has_position else np.array(each.offset)
        own = Rotation.from_euler(each.order, numbers[-3:], degrees=True)
        if each.parent < 0:
            found[joint], turned[joint] = offset, own
        else:
            found[joint] = found[each.parent] + turned[each.parent].apply(offset)
            turned[joint] = turned[each.parent] * own
    return found, turned


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rig=rigs(), dialect=DIALECTS, prop=st.sampled_from(["", "before", "behind"]), data=st.data())
def test_files_of_every_dialect_are_read_back(
    tmp_path: Path, rig: list[Joint], dialect: Dialect, prop: str, data: st.DataObject
) -> None:
    order, frames = in_file_order(rig), 4
    rows = []
    for _ in range(frames):
        sizes = {joint: 6 if rig[joint].has_position else 3 for joint in order}
        rows.append(
            {j: np.array(data.draw(st.lists(NUMBERS, min_size=n, max_size=n))) for j, n in sizes.items()}
        )
    count = max(1, frames + dialect.off_by)
    other = ["ROOT prop", "{", "OFFSET 0 0 0", "CHANNELS 3 Xposition Yposition Zposition", "}"]
    lines = [dialect.keyword("HIERARCHY"), *(other if prop == "before" else [])]
    lines += [*hierarchy(rig, dialect), *(other if prop == "behind" else [])]
    lines += [dialect.keyword("MOTION"), f"{dialect.frame_word} {count}", "Frame Time: 0.05"]
    head, tail = ("1 2 3 " if prop == "before" else ""), (" 1 2 3" if prop == "behind" else "")
    lines += [head + " ".join(str(v) for j in order for v in row[j]) + tail for row in rows]
    path = tmp_path / "clip.bvh"
    path.write_bytes(dialect.line_end.join([*lines, ""]).encode(dialect.encoding))

    read = read_bvh(path)
    assert read.joint_names == tuple(composed(rig[joint].name) for joint in order)
    assert len(read.values_TC) == frames and read.frames_per_second == pytest.approx(20)
    assert {reason for reason, _ in read.remarks} == (
        ({"frame-count"} if count != frames else set()) | ({"roots"} if prop else set())
    )
    leaves = [joint for joint in order if all(each.parent != joint for each in rig)]
    assert len(read.end_sites) == len(leaves)
    whole = read.with_ends([end.name for end in read.end_sites])
    joints = whole.joint_positions()
    for frame, row in enumerate(rows):
        found, turned = places(rig, row)
        ends = [found[leaf] + turned[leaf].apply(END_OFFSET) for leaf in leaves]
        np.testing.assert_allclose(joints[frame], [*found[order], *ends], atol=1e-6)
    assert read_bvh(path, 60.0).frames_per_second == 60.0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rig=rigs(), cut=st.floats(0.02, 0.98), noise=st.binary(max_size=8))
def test_files_that_are_cut_or_torn_are_rejected_or_read(
    tmp_path: Path, rig: list[Joint], cut: float, noise: bytes
) -> None:
    dialect = Dialect("\n", "\t", "utf-8", False, 0, "Frames:", str)
    width = sum(6 if joint.has_position else 3 for joint in rig)
    rows = [" ".join(["1.5"] * width)] * 4
    text = "\n".join(
        ["HIERARCHY", *hierarchy(rig, dialect), "MOTION", "Frames: 4", "Frame Time: 0.05", *rows]
    )
    content = text.encode()
    path = tmp_path / "torn.bvh"
    path.write_bytes(content[: int(cut * len(content))] + noise)
    try:
        assert np.isfinite(read_bvh(path).values_TC).all()
    except RejectedClip as rejected:
        assert rejected.reason and "\n" not in rejected.detail


def test_end_sites_become_joints_when_they_are_asked_for(tmp_path: Path) -> None:
    rig = [Joint("hips", -1, (0.0, 0.0, 0.0), "XYZ", True), Joint("foot", 0, (0.0, -3.0, 1.0), "XYZ", False)]
    lines = ["HIERARCHY", *hierarchy(rig, Dialect("\n", "", "utf-8", True, 0, "Frames:", str))]
    (tmp_path / "clip.bvh").write_text(
        "\n".join([*lines, "MOTION", "Frames: 1", "Frame Time: 1", " ".join("000000900")])
    )
    motion = read_bvh(tmp_path / "clip.bvh")
    assert motion.all_names == ("hips", "foot", "foot_End")
    whole = motion.with_ends({"foot_End"})
    np.testing.assert_allclose(
        whole.joint_positions()[0, 2] - whole.joint_positions()[0, 1], END_OFFSET, atol=0.2
    )
