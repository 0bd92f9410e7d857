from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lamp_core.errors import RejectedClip
from lamp_core.skeleton.bvh import read_bvh

HIERARCHY = """HIERARCHY
ROOT hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 0 -4 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    JOINT foot
    {
      OFFSET 0 -3 1
      CHANNELS 1 Yposition
      End Site
      {
        OFFSET 0 0 2
      }
    }
  }
}
"""
FRAMES = [[1, 2, 3, 10, 20, 30, 40, 50, 60, -3], [0, 0, 0, 0, 0, 0, 0, 0, 90, -5]]


def motion(frames: list[list[float]], count: int | None = None, frame_time: str = "0.0333333") -> str:
    lines = "\n".join(" ".join(map(str, frame)) for frame in frames)
    return f"MOTION\nFrames: {len(frames) if count is None else count}\nFrame Time: {frame_time}\n{lines}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "clip.bvh"
    path.write_text(text)
    return path


def test_hierarchy_and_rate_are_read(tmp_path: Path):
    bvh = read_bvh(write(tmp_path, HIERARCHY + motion(FRAMES)))
    assert bvh.joint_names == ("hips", "knee", "foot")
    assert bvh.parents == (-1, 0, 1)
    assert bvh.offsets[2] == (0, -3, 1)
    assert bvh.channels[1] == ("Yrotation", "Zrotation", "Xrotation")
    assert bvh.frames_per_second == pytest.approx(1 / 0.0333333, rel=1e-12)


def test_forward_kinematics_takes_any_order_and_positions_on_any_joint(tmp_path: Path):
    joints = read_bvh(write(tmp_path, HIERARCHY + motion(FRAMES))).joint_positions()
    for frame, values in enumerate(FRAMES):
        hips = Rotation.from_euler("ZXY", values[3:6], degrees=True)
        knee = hips * Rotation.from_euler("YZX", values[6:9], degrees=True)
        places = [np.array(values[:3])]
        places.append(places[0] + hips.apply([0, -4, 0]))
        places.append(places[1] + knee.apply([0, values[9], 1]))
        np.testing.assert_allclose(joints[frame], places, atol=1e-12)


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_every_euler_order(tmp_path: Path, order: str):
    channels = " ".join(f"{axis}rotation" for axis in order)
    text = HIERARCHY.replace("Yrotation Zrotation Xrotation", channels)
    joints = read_bvh(write(tmp_path, text + motion([[0] * 6 + [11, 22, 33, -3]]))).joint_positions()
    expected = Rotation.from_euler(order, [11, 22, 33], degrees=True).apply([0, -3, 1])
    np.testing.assert_allclose(joints[0, 2] - joints[0, 1], expected, atol=1e-12)


GOOD = HIERARCHY + motion(FRAMES)
BAD_FILES = {
    "no content": ("", "empty", "no content"),
    "blank": (" \n", "empty", "no content"),
    "other format": ("a person walks", "unreadable", "HIERARCHY"),
    "no motion": (HIERARCHY, "truncated", "MOTION"),
    "cut in the hierarchy": (HIERARCHY[:150], "truncated", "MOTION"),
    "open brace": (HIERARCHY.rstrip()[:-1] + motion(FRAMES), "truncated", "1 braces"),
    "cut in an offset": ("HIERARCHY\nROOT hips\n{\nOFFSET 0 0\n" + motion(FRAMES), "truncated", "HIERARCHY"),
    "word in the hierarchy": (GOOD.replace("JOINT foot", "TAIL foot"), "unreadable", "TAIL"),
    "unknown channel": (GOOD.replace("1 Yposition", "1 Yscale"), "unreadable", "Yscale"),
    "no root": (f"HIERARCHY\n{motion(FRAMES)}", "unreadable", "no root joint"),
    "no frame time": (HIERARCHY + "MOTION\nFrames: 2\n", "truncated", "Frame Time"),
    "frame time of zero": (HIERARCHY + motion(FRAMES, frame_time="0"), "unreadable", "frame time 0"),
    "no frames": (HIERARCHY + motion([]), "empty", "0 frames"),
    "too few frames": (HIERARCHY + motion(FRAMES, count=6), "truncated", "says 6 frames and has 2 complete"),
    **{
        f"cut within the number {cut!r}": (
            f"{GOOD.rstrip().rsplit(' ', 3)[0]} {cut}",
            "truncated",
            "says 2 frames and has 1 complete",
        )
        for cut in ("-", "+", ".", "-.", "1.5e", "-3e-")
    },
    "cut in a frame": (GOOD.rstrip().rsplit(" ", 3)[0], "truncated", "says 2 frames and has 1 complete"),
    "too many numbers": (HIERARCHY + motion(3 * FRAMES, count=2), "unreadable", "60 numbers"),
    "numbers that are no whole frame": (GOOD.rstrip() + " 1 2\n", "unreadable", "22 numbers"),
    "text among the numbers": (
        GOOD.replace("10 20 30", "10 wave 30"),
        "unreadable",
        "text among the numbers",
    ),
    "not a number": (GOOD.replace("10 20 30", "10 nan 30"), "not-finite", "frame 0"),
    "infinite": (HIERARCHY + motion([*FRAMES, [float("inf")] * 10]), "not-finite", "frame 2"),
    "a count of frames that no disk holds": (
        HIERARCHY + motion(FRAMES, count=999_999_999_999),
        "truncated",
        "says 999999999999 frames",
    ),
    "a count of frames of a thousand digits": (
        GOOD.replace("Frames: 2", f"Frames: {'9' * 5000}"),
        "truncated",
        "Frames",
    ),
    "a billion channels": (GOOD.replace("CHANNELS 1 ", "CHANNELS 1000000000 "), "unreadable", "channels"),
    "negative channels": (GOOD.replace("CHANNELS 1 ", "CHANNELS -1 "), "unreadable", "channels"),
    "a cycle": (GOOD.replace("JOINT foot", "JOINT hips"), "unreadable", "'hips' more than once"),
    "joint without brace": (GOOD.replace("JOINT foot", "JOINT toe JOINT foot"), "unreadable", "no brace"),
    "brace too many": (GOOD.replace("MOTION", "}\nMOTION"), "unreadable", "HIERARCHY"),
    "joint in an end site": (GOOD.replace("OFFSET 0 0 2", "JOINT tip"), "unreadable", "end site"),
    "joint without offset": (GOOD.replace("OFFSET 0 -3 1", ""), "unreadable", "offset for the joint 'foot'"),
    "offset not finite": (GOOD.replace("OFFSET 0 -4 0", "OFFSET 0 nan 0"), "not-finite", "offset"),
}


@pytest.mark.parametrize("fault", BAD_FILES)
def test_bad_files_are_rejected_with_reason_and_detail(tmp_path: Path, fault: str):
    text, reason, detail = BAD_FILES[fault]
    with pytest.raises(RejectedClip) as caught:
        read_bvh(write(tmp_path, text))
    assert caught.value.reason == reason
    assert detail in caught.value.detail
    assert "clip.bvh" in caught.value.detail


def test_missing_file_and_bytes_are_unreadable(tmp_path: Path):
    (tmp_path / "noise.bvh").write_bytes(bytes(range(256)))
    for name in ("none.bvh", "noise.bvh"):
        with pytest.raises(RejectedClip) as caught:
            read_bvh(tmp_path / name)
        assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("spacing", [" ", "  ", "\t", "\r\n", " \n "])
def test_any_white_space_parts_the_numbers(tmp_path: Path, spacing: str):
    numbers = spacing.join(str(value) for frame in FRAMES for value in frame)
    header = "MOTION\nFrames: 2\nFrame Time: 0.05\n"
    bvh = read_bvh(write(tmp_path, HIERARCHY + header + numbers))
    np.testing.assert_array_equal(bvh.values_TC, FRAMES)


def test_files_of_one_rig_share_what_was_read_of_it(tmp_path: Path):
    first = read_bvh(write(tmp_path, GOOD))
    second = read_bvh(write(tmp_path, HIERARCHY + motion([[0] * 10])))
    assert first.parents is second.parents
