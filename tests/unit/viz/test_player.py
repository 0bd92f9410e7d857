import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.viz.player import (
    PlayerMotion,
    content_security_policy,
    player_fragment,
    player_page,
    player_script,
)


def data_of(html):
    (block,) = re.findall(
        r'<script type="application/json" class="lamp-data">(.*?)</script>', html, re.DOTALL
    )
    return json.loads(block)["motions"]


def joints_of(data):
    counts = np.frombuffer(base64.b64decode(data["positions"]), dtype="<i2").astype(float)
    joints_TJ3 = counts.reshape(data["frames"], data["joints"], 3) * data["metresPerCount"]
    return joints_TJ3 + np.array(data["origin"])


@pytest.mark.parametrize("name", ["smpl22", "kit21"])
def test_page_carries_the_joints_within_a_millimetre(motion_of, name):
    motion = motion_of(skeleton=name)
    (data,) = data_of(player_fragment([motion], "p"))
    metres_TJ3 = motion.joints_TJ3 * motion.skeleton.metres_per_unit
    assert np.abs(joints_of(data) - metres_TJ3).max() <= 0.001


def test_a_motion_too_wide_for_millimetres_takes_a_coarser_count(motion_of):
    motion = motion_of(frames=3)
    motion.joints_TJ3[-1] += 200.0
    (data,) = data_of(player_fragment([motion], "p"))
    assert np.abs(joints_of(data) - motion.joints_TJ3).max() <= data["metresPerCount"]
    assert data["metresPerCount"] < 0.01


def test_the_camera_stays_with_the_root(motion_of):
    motion = motion_of(frames=60)
    (data,) = data_of(player_fragment([motion], "p"))
    counts = np.frombuffer(base64.b64decode(data["camera"]), dtype="<i2").reshape(-1, 2)
    camera_T2 = counts * data["metresPerCount"] + np.array(data["origin"])[[0, 2]]
    assert len(camera_T2) == 60
    assert np.abs(camera_T2 - motion.joints_TJ3[:, 0, [0, 2]]).max() < 0.5


def test_pages_load_nothing_from_elsewhere(motion_of):
    page = player_page([motion_of(title="true"), motion_of(title="generated")], "walk")
    assert not re.search(r"https?:|[\"'(=]//", page)
    assert not re.search(r"<(?:link|img|iframe)\b|\bsrc=|@import|url\(", page)


def test_the_policy_allows_the_script_that_the_page_holds(motion_of):
    page = player_page([motion_of()], "walk")
    assert content_security_policy().replace("'", "&#39;") in page
    assert page.count(player_script()) == 1
    assert not re.search(r"\son\w+=", page)


def test_titles_and_captions_are_escaped(motion_of, hostile):
    page = player_page([motion_of(title=hostile, caption=hostile), motion_of(caption="other")], hostile)
    assert "<script>alert" not in page
    assert data_of(page)[0]["title"] == hostile
    assert "&lt;script&gt;alert" in page


def test_a_shared_caption_is_written_once(motion_of):
    fragment = player_fragment([motion_of(caption="one walks"), motion_of(caption="one walks")], "p")
    assert fragment.count(">one walks<") == 1
    fragment = player_fragment([motion_of(caption="one walks"), motion_of(caption="two run")], "p")
    assert fragment.count(">one walks<") == fragment.count(">two run<") == 1


def test_the_longest_motion_sets_the_duration(motion_of):
    fragment = player_fragment([motion_of(frames=21), motion_of(frames=61)], "p")
    assert 'max="3.000"' in fragment


def test_twenty_four_long_motions_stay_small(motion_of):
    size = sum(len(player_fragment([motion_of(frames=200)], f"p{index}")) for index in range(24))
    assert size < 1_500_000


def test_sides_of_the_body_are_told_apart(motion_of):
    motion = motion_of()
    (data,) = data_of(player_fragment([motion], "p"))
    sides = {motion.skeleton.joints[child]: side for child, _, side, _ in data["bones"]}
    assert (sides["left_knee"], sides["right_knee"], sides["head"]) == (0, 1, 2)
    assert motion.skeleton.joints[data["head"]] == "head"


def test_the_same_motions_give_the_same_bytes(motion_of):
    assert player_page([motion_of()], "walk") == player_page([motion_of()], "walk")


def test_motions_that_cannot_be_drawn_are_refused(motion_of):
    motion = motion_of(title="generated")
    motion.joints_TJ3[3, 2, 1] = np.nan
    with pytest.raises(LampError, match=r"generated.*not finite"):
        player_fragment([motion], "p")
    wrong = PlayerMotion(motion.joints_TJ3[:, :20], motion.skeleton, 20.0)
    with pytest.raises(LampError, match=r"\(frames, 22, 3\)"):
        player_fragment([wrong], "p")
    with pytest.raises(LampError, match="no motion"):
        player_fragment([], "p")


def test_a_stretch_that_a_model_made_is_marked(motion_of):
    given = motion_of(frames=41, title="given")
    edited = replace(given, title="edited", made=(0.5, 1.5))
    html = player_fragment([given, edited], "p")
    assert [data["made"] for data in data_of(html)] == [None, [0.5, 1.5]]
    (mark,) = re.findall(r'class="lamp-made".*?style="left: ([\d.]+)%; width: ([\d.]+)%"', html)
    assert mark == ("25.00", "50.00")  # of two seconds
