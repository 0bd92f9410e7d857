import re

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.render.export import check_ending, save_motion
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


@pytest.mark.parametrize("name", ["walk.mp4", "walk", "walk.npy.zip"])
def test_another_ending_is_an_error_that_names_the_known_ones(tmp_path, name, motion_of):
    motion = motion_of(4)
    with pytest.raises(LampError, match=re.escape(name) + r".*\.npy, \.bvh, \.gif, \.html"):
        save_motion(tmp_path / name, motion.joints_TJ3, motion.skeleton, 20.0)
    with pytest.raises(LampError):
        check_ending(name)
    assert not list(tmp_path.iterdir())
