"""Every action does what its name and its parameters say: side, direction, count, amount, speed."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from lamp_core.datasets.synthetic.actions import ACTIONS
from lamp_core.datasets.synthetic.block import Block
from lamp_core.datasets.synthetic.body import Body, pose_joints
from lamp_core.datasets.synthetic.parameters import Parameters
from lamp_core.datasets.synthetic.plan import Manner, Plan
from lamp_core.datasets.synthetic.tracks import plan_pose
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton

RATE = 20.0
SMPL22 = load_skeleton("smpl22")
BODY = Body(SMPL22.joints, np.asarray(canonical_reference(SMPL22), dtype=np.float64))
OTHER = {"left": "right", "right": "left"}
TOWARDS_LEFT = {"left": 1.0, "right": -1.0}


def perform(name: str, seed: int = 0, **parameters: object) -> dict[str, np.ndarray]:
    """Positions (T, 3) by joint of one action between two short rests."""
    rng = np.random.default_rng(seed)
    plan = Plan(BODY, Manner.draw(rng), rng, RATE)
    plan.now = 0.3
    ACTIONS[name].motion(plan, Parameters(**parameters))  # type: ignore[arg-type]
    plan.now += 0.3
    joints_TJ3 = pose_joints(plan_pose(Block([plan])), BODY)
    return {joint: joints_TJ3[:, index] for index, joint in enumerate(SMPL22.joints)}


def heading(joints: dict[str, np.ndarray]) -> np.ndarray:
    """Direction that the hips face, radians, left is positive."""
    across_T3 = joints["left_hip"] - joints["right_hip"]
    return np.unwrap(np.arctan2(-across_T3[:, 2], across_T3[:, 0]))


def moved(joints: dict[str, np.ndarray]) -> np.ndarray:
    return joints["pelvis"][-1] - joints["pelvis"][0]


def count_peaks(curve_T: np.ndarray, prominence: float) -> int:
    padded = np.concatenate([[curve_T.min()], curve_T, [curve_T.min()]])
    return len(find_peaks(padded, prominence=prominence)[0])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("amount", ["normal", "large"])
def test_wave_raises_the_hand_of_the_side_only(side: str, amount: str) -> None:
    joints = perform("wave", side=side, count=3, amount=amount)
    assert joints[f"{side}_wrist"][:, 1].max() > joints[f"{side}_shoulder"][:, 1].max()
    assert joints[f"{OTHER[side]}_wrist"][:, 1].max() < joints["spine2"][:, 1].min()
    if amount == "large":
        assert joints[f"{side}_wrist"][:, 1].max() > joints["head"][:, 1].max()


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("speed", ["slow", "normal", "fast"])
def test_wave_swings_the_hand_as_often_as_it_says(count: int, speed: str) -> None:
    joints = perform("wave", side="left", count=count, speed=speed)
    above_T = joints["left_wrist"][:, 1] > joints["left_elbow"][:, 1]
    outward_T = (joints["left_wrist"] - joints["left_elbow"])[above_T, 0]
    assert len(find_peaks(outward_T, prominence=0.08)[0]) == count


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("count", [1, 3])
def test_kick_brings_the_foot_of_the_side_forward_and_up(side: str, count: int) -> None:
    joints = perform("kick", side=side, count=count)
    foot_T3, standing_T3 = joints[f"{side}_foot"], joints[f"{OTHER[side]}_foot"]
    highest = foot_T3[:, 1].argmax()
    assert foot_T3[highest, 1] > 0.35
    assert foot_T3[highest, 2] - standing_T3[highest, 2] > 0.4
    assert standing_T3[:, 1].max() < 0.01
    assert count_peaks(foot_T3[:, 1], prominence=0.25) == count


def test_kicks_differ_by_amount() -> None:
    low, middle, high = (
        perform("kick", amount=amount)["right_foot"][:, 1].max() for amount in ("small", "normal", "large")
    )
    assert low + 0.1 < middle < high - 0.1


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("count", [1, 4])
def test_punch_stretches_the_arm_of_the_side_forward(side: str, count: int) -> None:
    joints = perform("punch", side=side, count=count)
    reach_T = joints[f"{side}_wrist"][:, 2] - joints["pelvis"][:, 2]
    assert count_peaks(reach_T, prominence=0.2) == count
    assert reach_T.max() > (joints[f"{OTHER[side]}_wrist"][:, 2] - joints["pelvis"][:, 2]).max() + 0.15


def test_boxing_fists_take_turns() -> None:
    joints = perform("box", side="both", count=4)
    left_T, right_T = (joints[f"{side}_wrist"][:, 2] - joints["pelvis"][:, 2] for side in ("left", "right"))
    assert count_peaks(left_T, 0.2) == count_peaks(right_T, 0.2) == 2
    assert left_T.argmax() != right_T.argmax()


@pytest.mark.parametrize("direction", ["left", "right"])
@pytest.mark.parametrize(("amount", "angle"), [("small", 90.0), ("large", 180.0)])
def test_turn_ends_at_the_angle_on_the_spot(direction: str, amount: str, angle: float) -> None:
    joints = perform("turn", direction=direction, amount=amount)
    turned = np.degrees(heading(joints)[-1] - heading(joints)[0])
    assert turned == pytest.approx(TOWARDS_LEFT[direction] * angle, abs=5.0)
    assert np.linalg.norm(moved(joints)) < 0.1


@pytest.mark.parametrize(("direction", "sign"), [("counterclockwise", 1.0), ("clockwise", -1.0)])
def test_circle_comes_back_after_one_round(direction: str, sign: float) -> None:
    joints = perform("circle", direction=direction)
    assert np.degrees(heading(joints)[-1] - heading(joints)[0]) == pytest.approx(sign * 360.0, abs=10.0)
    assert np.linalg.norm(moved(joints)) < 0.15
    x_T, z_T = joints["pelvis"][:, 0], joints["pelvis"][:, 2]
    # Seen from above with Z up the page, +X points left, so a positive area of (z, x) is counterclockwise.
    area = 0.5 * float(np.sum(z_T[:-1] * x_T[1:] - z_T[1:] * x_T[:-1]))
    assert sign * area > 0.8


def test_walk_goes_forward_and_curves_to_its_side() -> None:
    straight = moved(perform("walk"))
    assert straight[2] > 1.5 and abs(straight[0]) < 0.1
    for direction in ("left", "right"):
        joints = perform("walk", direction=direction)
        assert TOWARDS_LEFT[direction] * moved(joints)[0] > 0.4
        assert TOWARDS_LEFT[direction] * heading(joints)[-1] > 0.8


@pytest.mark.parametrize("name", ["walk", "run", "walk_backward", "circle"])
def test_feet_step_in_turn(name: str) -> None:
    joints = perform(name)
    lifted = {side: set(np.flatnonzero(joints[f"{side}_foot"][:, 1] > 0.01)) for side in ("left", "right")}
    assert lifted["left"] and lifted["right"]
    if name != "run":
        assert not lifted["left"] & lifted["right"], "walking, one foot is always on the floor"
    else:
        assert lifted["left"] & lifted["right"], "running, the body flies between steps"


def test_arms_swing_against_the_legs() -> None:
    joints = perform("walk")
    legs_T = joints["left_ankle"][:, 2] - joints["right_ankle"][:, 2]
    arms_T = joints["left_wrist"][:, 2] - joints["right_wrist"][:, 2]
    assert np.corrcoef(legs_T, arms_T)[0, 1] < -0.8


def test_walking_backward_looks_forward() -> None:
    joints = perform("walk_backward")
    assert moved(joints)[2] < -0.8
    assert np.abs(heading(joints)).max() < 0.5


@pytest.mark.parametrize("direction", ["left", "right"])
@pytest.mark.parametrize("count", [1, 3])
def test_side_steps_to_its_side(direction: str, count: int) -> None:
    joints = perform("side_step", direction=direction, count=count)
    assert moved(joints)[0] == pytest.approx(TOWARDS_LEFT[direction] * 0.32 * count, abs=0.06)
    assert abs(moved(joints)[2]) < 0.05
    assert count_peaks(joints[f"{direction}_foot"][:, 1], prominence=0.03) == count


@pytest.mark.parametrize("name", ["jog", "march"])
def test_in_place_stays_in_place(name: str) -> None:
    joints = perform(name)
    assert np.linalg.norm((joints["pelvis"] - joints["pelvis"][0])[:, [0, 2]], axis=1).max() < 0.2
    for side in ("left", "right"):
        assert count_peaks(joints[f"{side}_foot"][:, 1], prominence=0.1) >= 2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_jump_leaves_the_floor_with_both_feet(count: int) -> None:
    joints = perform("jump", direction="up", count=count)
    both_T = np.minimum(joints["left_foot"][:, 1], joints["right_foot"][:, 1])
    assert count_peaks(both_T, prominence=0.1) == count
    assert np.linalg.norm(moved(joints)) < 0.1


def test_jump_forward_goes_further_with_a_larger_amount() -> None:
    short, far = (
        moved(perform("jump", direction="forward", amount=amount))[2] for amount in ("small", "large")
    )
    assert 0.25 < short < far - 0.3


@pytest.mark.parametrize("count", [1, 3])
def test_jumping_jack_spreads_legs_and_raises_arms(count: int) -> None:
    joints = perform("jumping_jack", count=count)
    apart_T = joints["left_foot"][:, 0] - joints["right_foot"][:, 0]
    assert count_peaks(apart_T, prominence=0.2) == count
    widest = apart_T.argmax()
    assert joints["left_wrist"][widest - 2 : widest + 6, 1].max() > joints["head"][widest, 1]


@pytest.mark.parametrize("count", [1, 3])
def test_squat_lowers_the_pelvis_and_deepens_with_the_amount(count: int) -> None:
    depths = []
    for amount in ("small", "normal", "large"):
        pelvis_T = perform("squat", count=count, amount=amount)["pelvis"][:, 1]
        assert count_peaks(-pelvis_T, prominence=0.1) == count
        depths.append(np.ptp(pelvis_T))
    assert depths[0] + 0.08 < depths[1] < depths[2] - 0.08


def test_sit_goes_down_to_a_seat_and_up_again() -> None:
    joints = perform("sit", count=2)
    hips_T = joints["left_hip"][:, 1]
    assert 0.3 < hips_T.min() < 0.55
    assert count_peaks(-hips_T, prominence=0.2) == 2
    assert hips_T[-1] == pytest.approx(hips_T[0], abs=0.02)
    lowest = hips_T.argmin()
    assert joints["pelvis"][lowest, 2] < joints["left_ankle"][lowest, 2] - 0.2


def test_sit_down_stays_down() -> None:
    hips_T = perform("sit_down")["left_hip"][:, 1]
    assert hips_T[-1] < 0.55 < hips_T[0]


@pytest.mark.parametrize("side", ["left", "right", "both"])
@pytest.mark.parametrize("direction", ["front", "side"])
@pytest.mark.parametrize("amount", ["small", "large"])
def test_raise_arms_raises_those_arms_that_way(side: str, direction: str, amount: str) -> None:
    joints = perform("raise_arms", side=side, direction=direction, amount=amount, count=2)
    for arm in ("left", "right"):
        height_T = joints[f"{arm}_wrist"][:, 1]
        if side not in (arm, "both"):
            assert height_T.max() < joints["spine2"][:, 1].min()
            continue
        assert count_peaks(height_T, prominence=0.3) == 2
        level = joints["head"] if amount == "large" else joints["spine3"]
        assert height_T.max() > level[:, 1].max()
        halfway = np.abs(height_T[: height_T.argmax()] - 1.15).argmin()
        away = joints[f"{arm}_wrist"][halfway] - joints[f"{arm}_shoulder"][halfway]
        outward, forward = TOWARDS_LEFT[arm] * away[0], away[2]
        assert (forward > outward + 0.1) if direction == "front" else (outward > forward + 0.1)


@pytest.mark.parametrize("amount", ["normal", "large"])
@pytest.mark.parametrize("count", [2, 5])
def test_clap_brings_the_hands_together(amount: str, count: int) -> None:
    joints = perform("clap", count=count, amount=amount)
    gap_T = joints["left_wrist"][:, 0] - joints["right_wrist"][:, 0]
    assert 0.0 < gap_T.min() < 0.25
    up_T = joints["left_wrist"][:, 1] > joints["head"][:, 1]
    assert up_T[gap_T.argmin()] == (amount == "large")
    assert len(find_peaks(-gap_T[up_T == up_T[gap_T.argmin()]], prominence=0.12)[0]) == count


@pytest.mark.parametrize("side", ["left", "right"])
def test_throw_brings_the_hand_from_behind_to_the_front(side: str) -> None:
    joints = perform("throw", side=side)
    way_T = joints[f"{side}_wrist"][:, 2] - joints["pelvis"][:, 2]
    assert way_T[: way_T.argmax()].min() < -0.05 and way_T.max() > 0.4
    speed = {
        arm: np.linalg.norm(np.diff(joints[f"{arm}_wrist"], axis=0), axis=1).max()
        for arm in ("left", "right")
    }
    assert speed[side] > 1.5 * speed[OTHER[side]]


@pytest.mark.parametrize("direction", ["left", "right"])
def test_side_bend_leans_to_its_side(direction: str) -> None:
    joints = perform("side_bend", direction=direction, count=2)
    lean_T = TOWARDS_LEFT[direction] * (joints["head"][:, 0] - joints["pelvis"][:, 0])
    assert lean_T.max() > 0.2 and lean_T.min() > -0.06
    assert count_peaks(lean_T, prominence=0.15) == 2


def test_bow_brings_the_head_forward_and_down() -> None:
    for amount, drop in (("small", 0.02), ("normal", 0.1), ("large", 0.25)):
        joints = perform("bow", amount=amount, count=2)
        assert count_peaks(-joints["head"][:, 1], prominence=drop) == 2
        assert (joints["head"][:, 2] - joints["pelvis"][:, 2]).max() > 0.1


@pytest.mark.parametrize("side", ["left", "right"])
def test_pick_up_brings_the_hand_of_the_side_to_the_floor(side: str) -> None:
    joints = perform("pick_up", side=side)
    assert joints[f"{side}_wrist"][:, 1].min() < 0.25
    assert joints[f"{side}_wrist"][:, 1].min() < joints[f"{OTHER[side]}_wrist"][:, 1].min() - 0.05


@pytest.mark.parametrize("side", ["left", "right"])
def test_lunge_steps_forward_with_the_side_and_comes_back(side: str) -> None:
    joints = perform("lunge", side=side, count=2)
    ahead_T = joints[f"{side}_foot"][:, 2] - joints[f"{OTHER[side]}_foot"][:, 2]
    assert count_peaks(ahead_T, prominence=0.4) == 2
    assert np.ptp(joints["pelvis"][:, 1]) > 0.15
    assert np.linalg.norm(moved(joints)) < 0.1


@pytest.mark.parametrize("name", sorted(set(ACTIONS) - {"jog", "march"}))
def test_fast_is_quicker_than_slow(name: str) -> None:
    action = ACTIONS[name]
    base = {field: values[0] for field, values in action.options.items() if field != "speed"}
    slow, fast = (len(perform(name, speed=speed, **base)["pelvis"]) for speed in ("slow", "fast"))
    assert fast < 0.9 * slow
