"""``lamp ask``: every task by an instruction, poses that are kept, a conversation, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest

from flows.commands import ask as command
from lamp_core.datasets.motion_file import FeatureSpace, Gate
from lamp_core.inference import ask as api
from tests.flows.commands import run
from tests.rig_project import SKELETON


@pytest.fixture
def clip(rig_project: Path) -> str:
    return "rig/motions/" + sorted(path.name for path in (rig_project / "rig" / "motions").iterdir())[0]


@pytest.fixture
def pose(rig_project: Path, tmp_path: Path) -> Path:
    """A single pose, as joints."""
    path = tmp_path / "pose.npy"
    space = FeatureSpace.load(rig_project / "data" / "features")
    np.save(path, space.reference_J3[None].astype(np.float32))
    return path


def test_a_text_is_answered_with_a_motion_of_the_length_that_is_asked_for(
    rig_project: Path, tmp_path: Path
) -> None:
    walk = tmp_path / "walk.npy"
    status, shown = run("ask", "a person walks", "--seconds", "2", "-o", str(walk))
    assert (status, shown.strip().splitlines()[-1]) == (0, str(walk))
    assert np.load(walk).shape == (40, SKELETON.joint_count, 3)


def test_words_that_are_unknown_and_what_is_cut_are_said(rig_project: Path, tmp_path: Path) -> None:
    asked = ("--seconds", "1", "-o", str(tmp_path / "walk.npy"))
    status, shown = run("ask", f"人が歩く {'walks ' * 200}", *asked)
    assert status == 0, shown
    assert "does not know" in shown and "人" in shown
    assert "the prompt is too long for the text encoder, which does not read 'walks" in shown
    assert "Token indices" not in shown
    status, shown = run("ask", "a person moonwalks", *asked)
    assert (status, "never saw: moonwalk" in shown) == (0, True)


def test_a_motion_is_described_and_gone_on_from(rig_project: Path, clip: str, tmp_path: Path) -> None:
    status, shown = run("ask", "What is the person doing?", "--motion", clip)
    assert status == 0, shown
    after = tmp_path / "next.npy"
    status, shown = run("ask", "What happens next?", "--motion", clip, "--seconds", "1", "-o", str(after))
    assert status == 0, shown
    given_TD = api.read_features(Path(clip), FeatureSpace.load(rig_project / "data" / "features"), Gate())
    assert len(np.load(after)) in (len(given_TD) // 4 * 4 + 20, 196)


def test_poses_are_kept_at_their_places(rig_project: Path, clip: str, pose: Path) -> None:
    data = rig_project / "data"
    poses = [api.Pose.parse(f"first={pose}"), api.Pose.parse(f"12={clip}"), api.Pose.parse(f"last={pose}")]
    asked = [api.ask(data, "a person walks", poses=poses, seconds=2, seed=seed) for seed in (0, 0, 1)]
    one, again, other = (answer.joints_TJ3 for answer in asked)
    assert one is not None and again is not None and other is not None
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    alone = api.ask(data, "a person walks", seconds=2).joints_TJ3
    assert alone is not None and not np.array_equal(one, alone)


def test_a_pose_is_kept_as_it_is(rig_project: Path, clip: str, tmp_path: Path) -> None:
    """Not as the tokenizer makes it: what is made beside it is led over."""
    data = rig_project / "data"
    space = FeatureSpace.load(data / "features")
    clip_TD = api.read_features(Path(clip), space, Gate())
    poses = [api.Pose.parse(f"12={clip}"), api.Pose.parse(f"last={clip}")]
    made = api.ask(data, "a person walks", poses=poses, seconds=2, decoding="positions").joints_TJ3
    assert made is not None
    for start, given_TD in ((12, clip_TD[:4]), (36, clip_TD[len(clip_TD) // 4 * 4 - 4 :][:4])):
        want_TJ3 = api.joints_of(given_TD, space, "positions")
        got_TJ3 = made[start : start + 4]
        heights = np.abs(got_TJ3[..., 1] - want_TJ3[..., 1]).max()
        assert heights < 1e-3, start
    shortest = [api.Pose.parse(f"{place}={clip}") for place in ("first", "last")]
    for seed in range(3):
        found = api.ask(data, "a person walks", poses=shortest, seed=seed).joints_TJ3
        assert found is not None and len(found) >= 8


@pytest.mark.parametrize(
    ("places", "frames"),
    [((), 4), (("first",), 4), (("first", "last"), 8), (("9", "last"), 16), (("9",), 12), (("last",), 4)],
)
def test_every_pose_has_frames_of_its_own(places: tuple[str, ...], frames: int) -> None:
    assert api._least_frames([api.Pose.parse(f"{place}=x.npy") for place in places]) == frames


def test_a_pose_between_two_movements_says_where_it_stands(
    rig_project: Path, clip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(api, "remark", said.append)
    for frame in (12, 13):
        poses = [api.Pose.parse(f"{frame}={clip}")]
        api.ask(rig_project / "data", "a person walks", poses=poses, seconds=2)
    told = "poses stand in whole movements of 4 frames: the one for frame 13 begins at frame 12"
    assert [line for line in said if "frame" in line] == [told]


def test_a_gap_is_filled_and_the_rest_stays(rig_project: Path, clip: str, tmp_path: Path) -> None:
    filled = tmp_path / "filled.npy"
    space = FeatureSpace.load(rig_project / "data" / "features")
    given_TJ3 = api.joints_of(api.read_features(Path(clip), space, Gate()), space, "bones")
    asked = ("ask", "fill the gap by waving", "--motion", clip, "--gap", "0.4:1", "-o", str(filled))
    status, shown = run(*asked)
    assert status == 0 and "'waving' is not looked at" in shown, shown
    made_TJ3 = np.load(filled)
    assert made_TJ3.shape == given_TJ3.shape
    np.testing.assert_allclose(made_TJ3[:8], given_TJ3[:8], atol=1e-3)
    assert np.abs(made_TJ3[10:18] - given_TJ3[10:18]).max() > 1e-3


def test_an_option_that_says_nothing_of_a_text_is_remarked_on(
    rig_project: Path, clip: str, tmp_path: Path
) -> None:
    output = tmp_path / "unused.npy"
    status, shown = run("ask", "describe it", "--motion", clip, "--seconds", "1", "-o", str(output))
    assert status == 0, shown
    assert "-o says nothing of it" in shown and "--seconds says nothing of it" in shown
    assert not output.exists()
    status, shown = run("ask", "describe it", "--motion", clip)
    assert status == 0 and "says nothing" not in shown


def test_where_to_write_is_asked_before_anything_is_made(
    rig_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "ask", lambda *_: pytest.fail("a motion was made that nobody can have"))
    assert run("ask", "a person walks")[0] == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fill it", "--gap", "1:2", "-o", "out.npy"), "give it with --motion FILE"),
        (("fill it", "--motion", "CLIP", "--gap", "one:two", "-o", "out.npy"), "--gap one:two: give it as"),
        (("fill it", "--motion", "CLIP", "--gap", "80:90", "-o", "out.npy"), "no stretch of the motion"),
        (("describe it", "--motion", "CLIP", "--gap", "1:2"), "leave --gap out"),
        (
            ("go", "--seconds", "0.2", "-o", "out.npy", "--pose", "first=CLIP", "--pose", "last=CLIP"),
            "the poses need 8 frames, 4 each; the motion has 4",
        ),
        (("make it blue", "--motion", "CLIP"), "no task that is known with a motion"),
        (("describe the motion",), "give it with --motion FILE"),
        (("a person walks",), "say where to write it: -o FILE"),
        (("a person walks", "-o", "out.xyz"), "out.xyz"),
        (
            ("a person walks", "-o", "out.npy", "--pose", "middle=CLIP"),
            "give it as first=FILE, last=FILE or FRAME=FILE",
        ),
        (("a person walks", "-o", "out.npy", "--pose", "first=none.npy"), "none.npy"),
        (
            ("a person walks", "-o", "out.npy", "--pose", "999=CLIP"),
            "a pose is given for frame 999 of a motion of at most",
        ),
        (
            ("a person walks", "-o", "out.npy", "--pose", "first=CLIP", "--pose", "0=CLIP"),
            "two poses are given for frame 0",
        ),
        (("a person walks", "-o", "out.npy", "--pose", "first=FINGERS"), "joints (T, 22, 3)"),
        (
            ("go on", "-o", "out.npy", "--motion", "CLIP", "--pose", "first=CLIP"),
            "give a motion or poses, not both",
        ),
        (("a person walks", "-o", "out.npy", "--fps", "20"), "none is given"),
        (("--motion", "CLIP"), "give an instruction with --motion"),
        (("a person walks", "-o", "out.npy", "--model", "other"), "no trained model 'other' can control"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_line(
    rig_project: Path, clip: str, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    np.save(tmp_path / "fingers.npy", np.zeros((1, 52, 3), dtype=np.float32))
    files = {"CLIP": clip, "FINGERS": str(tmp_path / "fingers.npy")}
    status, shown = run(
        "ask", *(re.sub("CLIP|FINGERS", lambda found: files[found[0]], word) for word in words)
    )
    assert status == 2 and told in shown, shown
    assert not Path("out.npy").exists()


def test_a_motion_longer_than_the_model_looks_at_is_refused(rig_project: Path, tmp_path: Path) -> None:
    space = FeatureSpace.load(rig_project / "data" / "features")
    long = tmp_path / "long.npy"
    np.save(long, np.repeat(space.statistics.mean_D[None], 240, axis=0))
    status, shown = run("ask", "describe it", "--motion", str(long))
    assert status == 2 and "lasts 12.0 s; the model looks at 9.8 s at most" in shown, shown


def test_alone_it_is_a_conversation_that_survives_a_mistake(
    rig_project: Path, clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tmp_path / "one.npy"
    lines = [
        f"a person's arm waves --seconds 1 -o {one}",
        f"describe it --motion {clip}",
        "describe the motion",
        "a person walks --seconds",
        "a person walks --seconds 1",
    ]
    monkeypatch.setattr(command, "_lines", lambda: lines)
    status, shown = run("ask")
    assert status == 0
    assert "give it with --motion FILE" in shown and "expected one argument" in shown
    written = [line for line in shown.splitlines() if line in (str(one), "answer-5.html")]
    assert written == [str(one), "answer-5.html"]
    assert one.exists()
    Path("answer-5.html").unlink()
