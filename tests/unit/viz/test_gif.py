import numpy as np
import pytest
from PIL import Image, ImageChops

from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.viz.figure import torso_joints, torso_slices
from lamp_core.viz.gif import frame_milliseconds, save_gif


def frames_of(path):
    with Image.open(path) as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            yield picture.info["duration"], picture.convert("RGB").copy()


@pytest.mark.parametrize(("name", "milliseconds"), [("smpl22", 50), ("kit21", 80)])
def test_a_gif_has_a_frame_a_pose_and_lasts_as_long(tmp_path, name, milliseconds, motion_of):
    motion = motion_of(12, name)
    save_gif(
        tmp_path / "walk.gif",
        motion.joints_TJ3,
        motion.skeleton,
        motion.frames_per_second,
        "walks",
        pixels=120,
    )
    durations = [duration for duration, _ in frames_of(tmp_path / "walk.gif")]
    assert durations == [milliseconds] * 12


def test_a_motion_at_rest_keeps_its_frames(tmp_path, motion_of):
    motion = motion_of(1)
    save_gif(
        tmp_path / "rest.gif", np.repeat(motion.joints_TJ3, 10, axis=0), motion.skeleton, 20.0, pixels=120
    )
    assert len(list(frames_of(tmp_path / "rest.gif"))) == 10


def test_fast_motions_leave_frames_out_but_last_as_long(tmp_path, motion_of):
    motion = motion_of(24)
    save_gif(tmp_path / "fast.gif", motion.joints_TJ3, motion.skeleton, 120.0, pixels=60)
    durations = [duration for duration, _ in frames_of(tmp_path / "fast.gif")]
    assert len(durations) == 8
    assert sum(durations) == 200


def test_durations_do_not_drift():
    durations = frame_milliseconds(300, 30.0)
    assert set(durations) == {30, 40}
    assert sum(durations) == 10_000


def test_the_figure_is_drawn_in_the_colours_of_its_sides_and_the_caption_above(tmp_path, motion_of):
    motion = motion_of(2)
    save_gif(tmp_path / "with.gif", motion.joints_TJ3, motion.skeleton, 20.0, "a person walks", pixels=200)
    save_gif(tmp_path / "without.gif", motion.joints_TJ3, motion.skeleton, 20.0, "", pixels=200)
    (_, with_caption), _ = frames_of(tmp_path / "with.gif")
    (_, without_caption), _ = frames_of(tmp_path / "without.gif")
    pixels = np.asarray(without_caption).reshape(-1, 3).astype(int)
    for colour in [(0x2B, 0x78, 0xC5), (0xDC, 0x64, 0x28), (0x56, 0x60, 0x70)]:
        assert (np.abs(pixels - colour).max(axis=1) < 12).sum() > 50
    difference = ImageChops.difference(with_caption, without_caption).convert("L")
    _, top, _, bottom = difference.point(lambda value: 255 * (value > 80)).getbbox()
    assert top < 20 and bottom < 50


@pytest.mark.parametrize("name", ["smpl22", "kit21", "smplx52"])
def test_the_torso_is_as_broad_as_a_body_and_leads_from_the_hips_to_the_neck(name):
    skeleton = load_skeleton(name)
    rest_J3 = np.array(skeleton.rest) * skeleton.metres_per_unit
    right_S3, left_S3, radius_S = torso_slices(rest_J3, skeleton)
    middle_S3 = (right_S3 + left_S3) / 2
    assert middle_S3[0] == pytest.approx(rest_J3[0])
    assert middle_S3[-1] == pytest.approx(rest_J3[torso_joints(skeleton)[-1]])
    assert np.all(np.diff(middle_S3[:, 1]) > 0)
    widths_S = np.linalg.norm(left_S3 - right_S3, axis=1) + 2 * radius_S
    assert 0.26 < widths_S.max() < 0.31 and widths_S[0] > 0.2
    assert np.all((left_S3 - right_S3)[:-1, 0] > 0)  # the body's left is +X
    assert np.diff(middle_S3[:, 1]).max() < 2 * radius_S.min()  # no gap between the slices
