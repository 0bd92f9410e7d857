import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.metrics.plausibility import PLAUSIBILITY, on_floor, plausibility
from lamp_core.skeleton.skeleton import load_skeleton

SMPL = load_skeleton("smpl22")
FEET = [SMPL.index("left_foot"), SMPL.index("right_foot")]


def standing(frames=20, skeleton=SMPL):
    """The rest pose on the floor, still."""
    joints = np.repeat(np.array(skeleton.rest, dtype=np.float64)[None], frames, axis=0)
    return on_floor(joints, skeleton)


def wandering(frames, seed):
    """Steps and trembling joints near the floor: contacts, slides and airtime."""
    draws = np.random.default_rng(seed)
    joints = standing(frames) + draws.normal(0, 0.02, (frames, SMPL.joint_count, 3)).cumsum(axis=0)
    joints[..., 1] = standing(frames)[..., 1] + draws.normal(0, 0.03, (frames, SMPL.joint_count))
    return joints


def naive(motions, rate):
    """Step by step, foot by foot, as the definitions say."""
    steps, contacts, slides, speeds, low, high, jerks, skating = 0, 0, 0, [], [], [], [], 0
    touched = 0
    for joints in motions:
        speed = [
            [
                np.hypot(*(joints[t + 1, foot] - joints[t, foot])[[0, 2]]) * rate
                for t in range(len(joints) - 1)
            ]
            for foot in FEET
        ]
        for t in range(len(joints) - 1):
            sliding, touching = False, False
            for foot, row in zip(FEET, speed, strict=True):
                contact = joints[t, foot, 1] < 0.05 and joints[t + 1, foot, 1] < 0.05
                window = sum(row[s] for s in range(t - 2, t + 3) if 0 <= s < len(row)) / 5
                slide = contact and row[t] > 0.5 and window > 0.5
                contacts, slides = contacts + contact, slides + slide
                sliding, touching = sliding or slide, touching or contact
                if contact:
                    speeds.append(row[t])
            steps, skating, touched = steps + 1, skating + sliding, touched + touching
        for pose in joints:
            lowest = min(joint[1] for joint in pose)
            low.append(max(0.0, -lowest))
            high.append(max(0.0, lowest))
        for t in range(len(joints) - 3):
            third = joints[t + 3] - 3 * joints[t + 2] + 3 * joints[t + 1] - joints[t]
            jerks.append(np.mean([np.linalg.norm(joint) for joint in third]) * rate**3)
    return {
        "foot skating": skating / steps,
        "foot skating in contact": slides / contacts,
        "sliding speed": 100 * np.mean(speeds),
        "floor contact": touched / steps,
        "floor penetration": 1000 * np.mean(low),
        "floating": 1000 * np.mean(high),
        "jerk": np.mean(jerks),
        "gliding": naive_gliding(motions, rate),
    }


def naive_gliding(motions, rate):
    """Share of the travelling steps in which both feet keep their place as seen from the root."""
    travelling = gliding = 0
    for joints in motions:
        steps = range(len(joints) - 1)
        root = [np.hypot(*(joints[t + 1, 0] - joints[t, 0])[[0, 2]]) * rate for t in steps]
        local = joints - joints[:, :1]
        feet = [[np.linalg.norm(local[t + 1, foot] - local[t, foot]) * rate for t in steps] for foot in FEET]
        for t in steps:
            near = [min(max(s, 0), len(root) - 1) for s in range(t - 2, t + 3)]
            travels = np.mean([root[s] for s in near]) > 0.5
            still = all(np.mean([foot[s] for s in near]) < 0.2 for foot in feet)
            travelling, gliding = travelling + travels, gliding + (travels and still)
    return gliding / travelling


def test_every_number_is_that_of_a_loop():
    motions = [wandering(frames, seed) for seed, frames in enumerate((30, 3, 60, 2))]
    measured, expected = plausibility(motions, SMPL), naive(motions, SMPL.frames_per_second)
    assert tuple(measured) == PLAUSIBILITY
    assert measured == pytest.approx(expected)
    assert 0 < measured["foot skating"] < measured["floor contact"] < 1


def test_the_unit_of_the_skeleton_does_not_matter():
    kit = load_skeleton("kit21")
    draws = np.random.default_rng(0)
    joints = standing(40, kit) + draws.normal(0, 30.0, (40, 21, 3)).cumsum(axis=0) * [1, 0, 1]
    measured = plausibility([joints], kit)
    step = np.diff(joints[:, [kit.index("left_toes"), kit.index("right_toes")]], axis=0)[..., [0, 2]]
    assert measured["sliding speed"] == pytest.approx(np.linalg.norm(step, axis=-1).mean() * 12.5 / 10)
    assert 0 < measured["foot skating"] <= 1
    assert measured["floating"] == measured["floor penetration"] == 0.0


def test_who_stands_still_does_nothing():
    found = plausibility([standing()], SMPL)
    assert np.isnan(found.pop("gliding"))
    assert list(found.values()) == pytest.approx([0, 0, 0, 1, 0, 0, 0])


def test_a_body_that_travels_without_moving_its_legs_glides():
    def travelling(swing):
        joints = standing(40)
        joints[..., 2] += 1.2 * np.arange(40)[:, None] / SMPL.frames_per_second
        joints[:, FEET, 2] += swing * np.sin(np.arange(40))[:, None] * [1, -1]
        return joints

    assert plausibility([travelling(0.0)], SMPL)["gliding"] == 1.0
    assert plausibility([travelling(0.2)], SMPL)["gliding"] == 0.0
    # A body that stands is no part of the share.
    assert plausibility([travelling(0.0), travelling(0.2), standing(400)], SMPL)["gliding"] == 0.5


def test_a_body_dragged_over_the_floor_skates_in_every_step_but_the_ends():
    dragged = standing(20)
    dragged[..., 2] += 0.75 * np.arange(20)[:, None] / SMPL.frames_per_second
    measured = plausibility([dragged], SMPL)
    assert measured["sliding speed"] == pytest.approx(75.0)
    # The mean of five steps of which two are outside is 0.45 m/s at the ends.
    assert measured["foot skating"] == measured["foot skating in contact"] == pytest.approx(17 / 19)
    assert measured["jerk"] == pytest.approx(0.0, abs=1e-6)


def test_lifted_and_sunken_bodies():
    lifted, sunken = standing() + np.array([0, 0.2, 0]), standing() - np.array([0, 0.03, 0])
    up = plausibility([lifted], SMPL)
    assert up["floating"] == pytest.approx(200.0)
    assert (up["foot skating"], up["floor contact"], up["floor penetration"]) == (0.0, 0.0, 0.0)
    assert np.isnan(up["sliding speed"])
    assert np.isnan(up["foot skating in contact"])
    both = plausibility([lifted, sunken], SMPL)
    assert (both["floating"], both["floor penetration"]) == pytest.approx((100.0, 15.0))
    assert on_floor(sunken, SMPL) == pytest.approx(standing())


def test_jerk_of_a_cubic_path():
    """x = t^3 has the third derivative 6 everywhere."""
    joints = standing(12)
    joints[..., 0] += (np.arange(12)[:, None] / SMPL.frames_per_second) ** 3
    assert plausibility([joints], SMPL)["jerk"] == pytest.approx(6.0)


def test_the_order_of_the_motions_does_not_matter():
    motions = [wandering(30, seed) for seed in range(4)]
    assert plausibility(motions[::-1], SMPL) == pytest.approx(plausibility(motions, SMPL))


def test_what_cannot_be_measured_is_named():
    with pytest.raises(LampError, match="found none"):
        plausibility([], SMPL)
    with pytest.raises(LampError, match=r"motion 1 has shape \(20, 21, 3\)"):
        plausibility([standing(), standing()[:, 1:]], SMPL)
    with pytest.raises(LampError, match="four frames at least"):
        plausibility([standing(3)], SMPL)
    broken = standing()
    broken[3, 4] = np.nan
    with pytest.raises(LampError, match="motion 0 is not finite"):
        plausibility([broken], SMPL)
