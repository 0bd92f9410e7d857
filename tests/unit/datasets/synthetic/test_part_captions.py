"""Captions of parts: true to the movement, of a stream of their own, in English."""

import re
from typing import cast

import numpy as np
import pytest

from lamp_core.datasets.clips import Clip
from lamp_core.datasets.preprocessing.mirroring import mirrored_copy
from lamp_core.datasets.synthetic import generate
from lamp_core.datasets.synthetic.generate import generate_block
from lamp_core.datasets.synthetic.hand_actions import EVERY_ACTION
from lamp_core.datasets.synthetic.parameters import Parameters
from lamp_core.datasets.synthetic.part_actions import PARTS_OF_ACTION, by_side
from lamp_core.datasets.synthetic.part_captions import part_captions
from lamp_core.datasets.synthetic.phrases import Performance
from lamp_core.datasets.synthetic.plan import Plan
from lamp_core.datasets.synthetic.sequence import Script
from lamp_core.skeleton.skeleton import load_skeleton

SMPL22, HANDS = load_skeleton("smpl22"), load_skeleton("smplx52")
BODY = {"upper_body", "lower_body", "left_arm", "right_arm", "left_leg", "right_leg"}
HARDLY, WELL = 0.12, 0.3
"""Metres that a wrist moves about its shoulder while it "stays down", and when it waves."""
FIRST = {
    "side_step_000000": "a man sidesteps slightly to his left.",
    "wave_000001": "the man raises his left hand and waves two times fast, then slowly leans his trunk to "
    "the left and finally bends forward at the waist in a bow once fast.",
    "jump_000002": "a person jumps forward a little several times.",
}
"""The first captions of seed 0 as they were before there were any of parts."""


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return generate_block(range(96), 0, SMPL22)


def test_captions_of_parts_move_nothing_else(clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    assert {clip.name: clip.captions[0].text for clip in clips[:3]} == FIRST
    monkeypatch.setattr(generate, "part_captions", lambda *args, **options: {})
    for clip, without in zip(clips, generate_block(range(96), 0, SMPL22), strict=True):
        assert clip.part_captions and not without.part_captions
        assert clip.joints_TJ3.tobytes() == without.joints_TJ3.tobytes()
        assert (clip.captions, clip.labels, clip.source_sha256) == (
            without.captions, without.labels, without.source_sha256,
        )  # fmt: skip


def test_every_clip_tells_of_every_part_the_same_alone_and_beside_others(clips: list[Clip]) -> None:
    for clip in clips:
        assert set(clip.part_captions) == BODY
        for sentences in clip.part_captions.values():
            assert 1 <= len(sentences) <= 2
            assert all(re.fullmatch(r"[a-z0-9 ,]+\.", sentence) for sentence in sentences), sentences
    (alone,) = generate_block([7], 0, SMPL22)
    assert alone.part_captions == clips[7].part_captions
    (hands,) = generate_block([0], 0, HANDS)
    assert set(hands.part_captions) == BODY | {"left_hand", "right_hand"}


def test_every_action_says_what_parts_do() -> None:
    assert set(PARTS_OF_ACTION) == set(EVERY_ACTION)
    for name, action in EVERY_ACTION.items():
        table = PARTS_OF_ACTION[name]
        if "side" not in action.options and table.acting is by_side:
            acting, others = (table.arm, table.leg, table.hand), (table.other_arm, table.other_leg)
            assert acting == (*others, table.other_hand), name


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_is_said_of_a_limb_is_what_it_does(clips: list[Clip], side: str) -> None:
    found = {"stays down.": 0, "waves": 0, "stands.": 0, "kicks": 0}
    for clip in clips:
        arm, leg = (clip.part_captions[f"{side}_{limb}"][-1] for limb in ("arm", "leg"))
        wrist = _moved(_about_the_pelvis(clip, f"{side}_wrist", f"{side}_shoulder"))
        ankle = _moved(clip.joints_TJ3[:, SMPL22.index(f"{side}_ankle")])
        if arm == "stays down.":
            assert wrist < HARDLY, clip.name
            found[arm] += 1
        if "waves" in arm:
            assert wrist > WELL, clip.name
            found["waves"] += 1
        if leg == "stands.":
            assert ankle < 0.01, clip.name
            found[leg] += 1
        if "kicks" in leg:
            assert ankle > WELL, clip.name
            found["kicks"] += 1
    assert min(found.values()) > 0


@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_actions_at_the_same_time_are_told_of_the_parts_that_do_them(side: str) -> None:
    walk, wave = Performance("walk", Parameters()), Performance("wave", Parameters(side=side, count=2))
    script = Script([walk, wave], together=True, plan=cast(Plan, None), start=0.0)
    said = {part: told[-1] for part, told in part_captions(script, 0, 0, has_hands=False).items()}
    assert said["upper_body"].startswith("waves with") and said["lower_body"].startswith("walks")
    for each in ("left", "right"):
        assert said[f"{each}_arm"].startswith("waves" if side in {each, "both"} else "swings")
        assert said[f"{each}_leg"].startswith("steps")


def test_what_a_part_goes_on_doing_is_told_once_and_what_it_does_again_is_told_again() -> None:
    names = ("wave", "bow", "clap", "kick")
    script = Script(
        [Performance(name, Parameters(side="left")) for name in names], False, cast(Plan, None), 0.0
    )
    said = part_captions(script, 0, 0, has_hands=False)
    assert re.fullmatch(r"stands, then kicks( once)?\.", said["left_leg"][-1])
    assert said["right_arm"][-1].startswith("stays down, then stays at the side, then claps")
    assert said["right_leg"] == ("the right leg stands.", "stands.")


def test_a_mirror_image_tells_of_the_other_side(clips: list[Clip]) -> None:
    features_TD = np.zeros((4, SMPL22.feature_count), dtype=np.float32)
    mirrored, _ = mirrored_copy(clips[1], features_TD, SMPL22)
    assert clips[1].part_captions["left_arm"][0].startswith("the left arm waves")
    assert mirrored.part_captions["right_arm"][0].startswith("the right arm waves")


def _about_the_pelvis(clip: Clip, joint: str, origin: str) -> np.ndarray:
    """A joint from another one, seen as the pelvis is turned."""
    joints = {name: clip.joints_TJ3[:, SMPL22.index(name)] for name in SMPL22.joints}
    across_T3 = (joints["left_hip"] - joints["right_hip"]) * np.array([1, 0, 1])
    across_T3 /= np.linalg.norm(across_T3, axis=1, keepdims=True)
    up_T3 = np.broadcast_to(np.array([0.0, 1.0, 0.0]), across_T3.shape)
    axes = (across_T3, up_T3, np.cross(across_T3, up_T3))
    offset_T3 = joints[joint] - joints[origin]
    return np.stack([(offset_T3 * axis_T3).sum(axis=1) for axis_T3 in axes], axis=1)


def _moved(places_T3: np.ndarray) -> float:
    return float(np.ptp(places_T3, axis=0).max())
