import re
import sys
from pathlib import Path

import numpy as np
import pytest

from lamp_core.errors import LampError, RejectedClip
from lamp_core.exports.kinds import ExportOptions, check_ending, endings, save_motion
from lamp_core.skeleton.bvh import read_bvh


def test_npy_holds_the_joints(tmp_path, motion_of):
    motion = motion_of()
    save_motion(tmp_path / "new" / "walk.npy", motion.joints_TJ3, motion.skeleton, 20.0, "walks")
    assert np.array_equal(np.load(tmp_path / "new" / "walk.npy"), motion.joints_TJ3)


def test_bvh_can_be_read_again(tmp_path, motion_of):
    motion = motion_of()
    save_motion(tmp_path / "walk.bvh", motion.joints_TJ3, motion.skeleton, 20.0, "walks")
    read = read_bvh(tmp_path / "walk.bvh")
    assert read.frames_per_second == pytest.approx(20.0)
    assert len(read.joint_positions()) == len(motion.joints_TJ3)


def test_gif_is_a_gif(tmp_path, motion_of):
    motion = motion_of(4)
    save_motion(tmp_path / "walk.GIF", motion.joints_TJ3, motion.skeleton, 20.0, "walks")
    assert (tmp_path / "walk.GIF").read_bytes().startswith(b"GIF89a")


def test_html_is_a_page_with_the_caption(tmp_path, motion_of, hostile):
    motion = motion_of(4)
    save_motion(tmp_path / "walk.html", motion.joints_TJ3, motion.skeleton, 20.0, hostile)
    page = (tmp_path / "walk.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert re.search(r"<h1>&lt;script&gt;alert", page)


@pytest.mark.parametrize("name", ["walk.avi", "walk", "walk.npy.zip"])
def test_another_ending_is_an_error_that_names_the_known_ones(tmp_path, name, motion_of):
    motion = motion_of(4)
    with pytest.raises(LampError, match=re.escape(name) + r".*\.npy, \.bvh, \.glb, .*\.gif, \.mp4, \.html"):
        save_motion(tmp_path / name, motion.joints_TJ3, motion.skeleton, 20.0)
    with pytest.raises(LampError):
        check_ending(name)
    assert not list(tmp_path.iterdir())


def test_mp4_is_a_film_of_all_frames_at_the_motions_rate(tmp_path, motion_of):
    av = pytest.importorskip("av", reason="PyAV (extra video) is not installed")
    motion = motion_of(10)
    save_motion(tmp_path / "walk.mp4", motion.joints_TJ3, motion.skeleton, 12.5, "walks")
    with av.open(str(tmp_path / "walk.mp4")) as film:
        pictures = [picture.to_ndarray(format="rgb24") for picture in film.decode(video=0)]
        assert float(film.streams.video[0].average_rate) == pytest.approx(12.5)
    assert len(pictures) == 10 and pictures[0].shape == (480, 480, 3)
    assert np.abs(pictures[0].astype(int) - pictures[-1]).max() > 50  # the figure moves


def test_mp4_without_its_library_names_the_extra_and_writes_nothing(tmp_path, motion_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    motion = motion_of(4)
    with pytest.raises(LampError, match=r"lamp-motion\[video\]"):
        save_motion(tmp_path / "walk.mp4", motion.joints_TJ3, motion.skeleton, 20.0)
    assert not list(tmp_path.iterdir())


def test_a_failed_export_leaves_the_older_file(tmp_path, motion_of):
    motion = motion_of(4)
    path = tmp_path / "walk.bvh"
    path.write_text("older")
    with pytest.raises(RejectedClip):
        save_motion(path, motion.joints_TJ3 + np.nan, motion.skeleton, 20.0)
    assert path.read_text() == "older" and list(tmp_path.iterdir()) == [path]


def test_fbx_is_refused_with_what_blender_makes_it_of(tmp_path, motion_of):
    motion = motion_of(4)
    with pytest.raises(LampError, match=r"no library .* writes FBX; .* \.glb, \.usd and \.bvh"):
        save_motion(tmp_path / "walk.FBX", motion.joints_TJ3, motion.skeleton, 20.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [ending for ending in endings() if ending not in {".mp4", ".html"}])
def test_every_kind_writes_a_file_of_one_frame_and_nothing_else(tmp_path, motion_of, ending):
    motion = motion_of(1)
    save_motion(tmp_path / f"walk{ending}", motion.joints_TJ3, motion.skeleton, 20.0, "walks")
    assert [path.name for path in tmp_path.iterdir()] == [f"walk{ending}"]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("walk.glb", ExportOptions(clamp=True), r"--clamp says how \.csv is written, not \.glb"),
        ("walk.csv", ExportOptions(body_model=Path("body")), r"--body-model says how \.npz is written"),
        ("walk.npz", ExportOptions(robot="other"), r"--robot says how \.csv is written"),
        ("walk.csv", ExportOptions(robot="other"), "unknown robot map 'other'; known: unitree-g1"),
    ],
)
def test_options_that_would_change_nothing_are_refused(name, options, said):
    with pytest.raises(LampError, match=said):
        check_ending(name, options)
