"""Hands do what their captions say: which fingers are straight, where they point, how often, which side."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from lamp_core.datasets.synthetic.actions import ACTIONS
from lamp_core.datasets.synthetic.block import Block
from lamp_core.datasets.synthetic.body import Body, pose_joints
from lamp_core.datasets.synthetic.generate import generate_clip, generate_clips
from lamp_core.datasets.synthetic.hand_actions import EVERY_ACTION, HAND_ACTIONS
from lamp_core.datasets.synthetic.parameters import Parameters
from lamp_core.datasets.synthetic.plan import Manner, Plan
from lamp_core.datasets.synthetic.tracks import plan_pose
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton

RATE = 30.0
SMPLX52, SMPL22 = load_skeleton("smplx52"), load_skeleton("smpl22")
BODY = Body(SMPLX52.joints, np.asarray(canonical_reference(SMPLX52), dtype=np.float64))
FINGERS = ("index", "middle", "ring", "pinky")
OTHER = {"left": "right", "right": "left"}
OUTWARD = {"left": 1.0, "right": -1.0}
TIP = 0.022
"""Metres from the last joint of a finger to its tip."""
STRAIGHT, FOLDED = 0.985, 0.62
"""Distance of a finger's last joint from the wrist, as a share of that of a straight finger."""

Joints = dict[str, np.ndarray]


def perform(name: str, seed: int = 0, **parameters: object) -> Joints:
    """Positions (T, 3) by joint of one action between two short rests."""
    rng = np.random.default_rng(seed)
    plan = Plan(BODY, Manner.draw(rng), rng, RATE)
    plan.now = 0.3
    EVERY_ACTION[name].motion(plan, Parameters(**parameters))  # type: ignore[arg-type]
    plan.now += 0.3
    joints_TJ3 = pose_joints(plan_pose(Block([plan])), BODY)
    return {joint: joints_TJ3[:, index] for index, joint in enumerate(SMPLX52.joints)}


def reach(joints: Joints, side: str, finger: str) -> np.ndarray:
    """How straight a finger is at every frame, 1 for straight."""
    last = f"{side}_{finger}3"
    at_rest = np.linalg.norm(BODY.offset(last, f"{side}_wrist"))
    reach_T: np.ndarray = np.linalg.norm(joints[last] - joints[f"{side}_wrist"], axis=-1) / at_rest
    return reach_T


def tip(joints: Joints, side: str, finger: str) -> np.ndarray:
    last_T3 = joints[f"{side}_{finger}3"] - joints[f"{side}_{finger}2"]
    tip_T3: np.ndarray = joints[f"{side}_{finger}3"] + TIP * unit(last_T3)
    return tip_T3


def unit(vectors_T3: np.ndarray) -> np.ndarray:
    units_T3: np.ndarray = vectors_T3 / np.linalg.norm(vectors_T3, axis=-1, keepdims=True)
    return units_T3


def palm(joints: Joints, side: str) -> np.ndarray:
    """Direction that the palm looks to."""
    along_T3 = joints[f"{side}_middle1"] - joints[f"{side}_wrist"]
    across_T3 = joints[f"{side}_index1"] - joints[f"{side}_pinky1"]
    return unit(np.cross(along_T3, across_T3)) * OUTWARD[side]


def straightest(joints: Joints, side: str) -> tuple[set[str], set[str]]:
    """Fingers that are straight, and those that are folded, in the middle of the clip."""
    middle = len(joints["pelvis"]) // 2
    reaches = {finger: reach(joints, side, finger)[middle] for finger in FINGERS}
    return (
        {finger for finger, share in reaches.items() if share > STRAIGHT},
        {finger for finger, share in reaches.items() if share < FOLDED},
    )


def tips_apart(joints: Joints, side: str) -> np.ndarray:
    apart_T: np.ndarray = np.linalg.norm(tip(joints, side, "thumb") - tip(joints, side, "index"), axis=-1)
    return apart_T


def peaks(curve_T: np.ndarray, prominence: float) -> list[int]:
    padded_T = np.concatenate([[curve_T.min()], curve_T, [curve_T.min()]])
    return [int(place) for place in find_peaks(padded_T, prominence=prominence)[0]]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", sorted(set(HAND_ACTIONS) - {"play_piano"}))
def test_the_hand_of_the_side_acts_and_the_other_rests(name: str, side: str) -> None:
    joints = perform(name, side=side, count=2)
    acting, resting = (
        max(float(np.ptp(reach(joints, which, finger))) for finger in FINGERS)
        for which in (side, OTHER[side])
    )
    assert acting > 0.04 and resting < 0.02
    assert joints[f"{side}_wrist"][:, 1].max() > joints[f"{OTHER[side]}_wrist"][:, 1].max() + 0.1


@pytest.mark.parametrize("name", sorted(set(HAND_ACTIONS) - {"play_piano"}))
def test_left_and_right_are_mirror_images(name: str) -> None:
    left, right = perform(name, side="left", count=2), perform(name, side="right", count=2)
    for finger in (*FINGERS, "thumb"):
        mine_T = np.linalg.norm(left[f"left_{finger}3"] - left["left_wrist"], axis=-1)
        theirs_T = np.linalg.norm(right[f"right_{finger}3"] - right["right_wrist"], axis=-1)
        np.testing.assert_allclose(mine_T, theirs_T, atol=0.004)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_fist_brings_the_finger_tips_to_the_palm(side: str) -> None:
    joints = perform("fist", side=side)
    middle = len(joints["pelvis"]) // 2
    assert straightest(joints, side) == (set(), set(FINGERS))
    wrist_3 = joints[f"{side}_wrist"][middle]
    for finger in FINGERS:
        tip_3, knuckle_3 = tip(joints, side, finger)[middle], joints[f"{side}_{finger}1"][middle]
        assert np.linalg.norm(tip_3 - wrist_3) < np.linalg.norm(knuckle_3 - wrist_3)
        assert (tip_3 - knuckle_3) @ palm(joints, side)[middle] > 0.01, "fingers bend to the palm"


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("direction", "axis"), [("forward", 2), ("up", 1), ("side", 0)])
def test_pointing_stretches_the_index_finger_alone_to_where_it_says(
    side: str, direction: str, axis: int
) -> None:
    joints = perform("point", side=side, direction=direction)
    assert straightest(joints, side) == ({"index"}, {"middle", "ring", "pinky"})
    middle = len(joints["pelvis"]) // 2
    towards_3 = unit(joints[f"{side}_index3"] - joints[f"{side}_index1"])[middle]
    assert towards_3[axis] * (OUTWARD[side] if axis == 0 else 1.0) > 0.85


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_open_hand_is_straight_and_spread(side: str) -> None:
    joints = perform("open_hand", side=side)
    assert straightest(joints, side) == (set(FINGERS), set())
    apart_T = np.linalg.norm(joints[f"{side}_index3"] - joints[f"{side}_pinky3"], axis=-1)
    assert apart_T.max() > apart_T[0] + 0.015
    assert palm(joints, side)[len(apart_T) // 2, 2] > 0.5, "the palm looks forward"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("side", ["left", "right"])
def test_counting_holds_up_as_many_fingers_one_after_the_other(count: int, side: str) -> None:
    joints = perform("count", side=side, count=count, extent=1.0)
    up_TF = np.stack([reach(joints, side, finger) > STRAIGHT for finger in FINGERS], axis=1)
    thumb_T = np.linalg.norm(joints[f"{side}_thumb3"] - joints[f"{side}_pinky1"], axis=-1)
    late = int(0.75 * len(up_TF)) - 6
    assert up_TF[late].tolist() == [place < count for place in range(4)]
    assert (thumb_T[late] > 0.1) == (count == 5)
    begun = [int(np.flatnonzero(up_TF[20:, place])[0]) for place in range(min(count, 4))]
    assert begun == sorted(set(begun))


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("side", ["left", "right"])
def test_waving_fingers_bend_one_behind_the_other_as_often_as_it_says(count: int, side: str) -> None:
    joints = perform("wave_fingers", side=side, count=count)
    first = {}
    for finger in FINGERS:
        bent = peaks(1.0 - reach(joints, side, finger), prominence=0.1)
        assert len(bent) == count, finger
        first[finger] = bent[0]
    assert first["pinky"] < first["ring"] < first["middle"] < first["index"]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("side", ["left", "right"])
def test_grasping_closes_an_open_hand_that_is_stretched_out(count: int, side: str) -> None:
    joints = perform("grasp", side=side, count=count)
    closed = peaks(1.0 - reach(joints, side, "index"), prominence=0.1)
    assert len(closed) == count
    ahead_T = joints[f"{side}_wrist"][:, 2] - joints["spine3"][:, 2]
    assert all(ahead_T[place - 1] > 0.35 for place in closed)
    assert reach(joints, side, "index").max() > STRAIGHT


@pytest.mark.parametrize("side", ["left", "right"])
def test_thumbs_up_is_a_fist_with_the_thumb_up(side: str) -> None:
    joints = perform("thumbs_up", side=side)
    assert straightest(joints, side) == (set(), set(FINGERS))
    thumb_3 = unit(joints[f"{side}_thumb3"] - joints[f"{side}_thumb1"])[len(joints["pelvis"]) // 2]
    assert thumb_3[1] > 0.8


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("name", "straight", "folded"),
    [("ok", {"middle", "ring", "pinky"}, set()), ("pinch", set(), {"ring", "pinky"})],
)
def test_thumb_and_index_finger_meet(name: str, side: str, straight: set[str], folded: set[str]) -> None:
    joints = perform(name, side=side)
    middle = len(joints["pelvis"]) // 2
    assert tips_apart(joints, side)[middle] < 0.012 < 0.05 < tips_apart(joints, side)[0]
    found = straightest(joints, side)
    assert straight <= found[0] and folded <= found[1]


def test_playing_the_piano_presses_with_single_fingers_of_level_hands() -> None:
    joints = perform("play_piano", side="both", extent=1.0)
    middle = len(joints["pelvis"]) // 2
    pressed = 0
    for side in ("left", "right"):
        assert palm(joints, side)[middle, 1] < -0.75, "the palm looks down"
        assert abs(joints[f"{side}_wrist"][middle, 1] - joints[f"{side}_elbow"][middle, 1]) < 0.1
        pressed += sum(len(peaks(1.0 - reach(joints, side, f), prominence=0.02)) for f in FINGERS)
    assert pressed >= 12


def test_hands_are_fists_when_they_box_and_flat_when_they_clap() -> None:
    boxing, clapping = perform("box", side="both", count=4), perform("clap", count=4)
    for side in ("left", "right"):
        assert straightest(boxing, side) == (set(), set(FINGERS))
        assert straightest(clapping, side) == (set(FINGERS), set())


def test_clips_with_hands_keep_their_bones_and_repeat() -> None:
    clips = list(generate_clips(40, seed=5, skeleton=SMPLX52))
    gestures = 0
    for clip in clips:
        assert clip.joints_TJ3.shape[1:] == (52, 3) and clip.frames_per_second == 30.0
        gestures += any(name in clip.labels["actions"] for name in HAND_ACTIONS)
        children, parents = SMPLX52.bone_ends
        bones_TE = np.linalg.norm(clip.joints_TJ3[:, children] - clip.joints_TJ3[:, parents], axis=-1)
        assert np.ptp(bones_TE, axis=0).max() < 1e-4, clip.name
    assert 20 <= gestures < 40, "most clips are of the hands, some of the body alone"
    again = generate_clip(7, seed=5, skeleton=SMPLX52)
    assert again.joints_TJ3.tobytes() == clips[7].joints_TJ3.tobytes()
    assert again.captions == clips[7].captions


def test_a_body_without_hands_makes_no_gestures_of_the_hand() -> None:
    actions = [clip.labels["actions"] for clip in generate_clips(40, seed=5, skeleton=SMPL22)]
    assert not any(name in told for name in set(HAND_ACTIONS) - set(ACTIONS) for told in actions)
