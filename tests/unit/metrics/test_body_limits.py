"""Joints bent and limbs crossed on purpose, and distances of segments against an optimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize

from lamp_core.errors import LampError
from lamp_core.metrics.body_limits import (
    JOINT_LIMITS,
    LIMITS,
    SELF_INTERSECTION,
    body_limits,
    segment_distances,
)
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


def standing(skeleton: Skeleton, frames: int = 2) -> np.ndarray:
    return np.tile(np.array(skeleton.rest, dtype=np.float64), (frames, 1, 1))


def below(skeleton: Skeleton, joint: int) -> list[int]:
    """A joint's descendants."""
    found = []
    for child, parent in enumerate(skeleton.parents):
        if parent == joint or parent in found:
            found.append(child)
    return found


def bent(joints_TJ3: np.ndarray, skeleton: Skeleton, name: str, degrees: float) -> np.ndarray:
    """All below the joint turned about the left-right axis; more than 0 swings what hangs backwards."""
    joint = skeleton.index(name)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    turned_TJ3 = joints_TJ3.copy()
    hanging = below(skeleton, joint)
    turned_TJ3[:, hanging] = (joints_TJ3[:, hanging] - joints_TJ3[:, [joint]]) @ turn.T + joints_TJ3[
        :, [joint]
    ]
    return turned_TJ3


def test_a_standing_body_and_bent_ones_are_within_limits(skeleton: Skeleton) -> None:
    poses = [standing(skeleton)]
    poses += [bent(standing(skeleton), skeleton, "left_knee", degrees) for degrees in (30, 90, 140)]
    poses += [bent(standing(skeleton), skeleton, "right_elbow", -degrees) for degrees in (45, 90, 135)]
    poses += [bent(standing(skeleton), skeleton, "right_hip", -degrees) for degrees in (45, 90)]
    assert body_limits(poses, skeleton) == dict.fromkeys(LIMITS, 0.0)


@pytest.mark.parametrize(
    ("before", "joint", "behind"),
    [
        ("left_hip", "left_knee", "left_ankle"),
        ("right_shoulder", "right_elbow", "right_wrist"),
        ("left_knee", "left_ankle", "toe"),
        ("neck", "neck", "head"),
    ],
)
def test_a_joint_folded_onto_its_bone_counts_its_frames(
    skeleton: Skeleton, before: str, joint: str, behind: str
) -> None:
    folded, at = standing(skeleton, 3), skeleton.index(joint)
    last = skeleton.feet[1] if behind == "toe" else skeleton.index(behind)
    first = skeleton.parents[at] if before == joint else skeleton.index(before)
    folded[:, last] = folded[:, at] + 0.4 * (folded[:, first] - folded[:, at])
    found = body_limits([standing(skeleton, 9), folded], skeleton)
    assert found[JOINT_LIMITS] == pytest.approx(3 / 12)


@pytest.mark.parametrize("degrees", [-40, -90])
def test_a_knee_bent_backwards_counts(skeleton: Skeleton, degrees: float) -> None:
    broken = bent(standing(skeleton, 3), skeleton, "right_knee", degrees)
    assert body_limits([standing(skeleton), broken], skeleton)[JOINT_LIMITS] == pytest.approx(3 / 5)


def test_the_sense_of_a_knee_is_that_of_its_body_wherever_it_faces(skeleton: Skeleton) -> None:
    quarter = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    for degrees, share in ((90, 0.0), (-90, 1.0)):
        turned = bent(standing(skeleton), skeleton, "left_knee", degrees) @ quarter.T
        assert body_limits([turned], skeleton)[JOINT_LIMITS] == share


def test_a_hand_in_the_chest_and_crossed_shanks_meet(skeleton: Skeleton) -> None:
    chest = standing(skeleton)
    chest[:, skeleton.index("left_wrist")] = chest[
        :, skeleton.parents[skeleton.parents[skeleton.index("head")]]
    ]
    crossed = standing(skeleton)
    left, right = (skeleton.index(f"{side}_ankle") for side in ("left", "right"))
    crossed[:, [left, right], 0] = crossed[:, [right, left], 0]
    for broken in (chest, crossed):
        assert body_limits([broken, standing(skeleton)], skeleton)[SELF_INTERSECTION] == 0.5


def test_touching_is_no_intersection() -> None:
    skeleton = load_skeleton("smpl22")
    folded = standing(skeleton)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        folded[:, skeleton.index(f"{side}_wrist")] = [sign * 0.03, 0.95, 0.16]  # hands before the belly
    assert body_limits([folded], skeleton)[SELF_INTERSECTION] == 0.0


def test_distances_of_segments_are_those_that_an_optimiser_finds() -> None:
    draws = np.random.default_rng(3)
    ends_4P3 = draws.normal(size=(4, 40, 3))
    ends_4P3[:, 0] = 1.0  # points
    ends_4P3[3, 1] = ends_4P3[2, 1] + ends_4P3[1, 1] - ends_4P3[0, 1]  # parallel
    ends_4P3[1, 2] = ends_4P3[0, 2]  # a point and a segment
    found_P = segment_distances(*ends_4P3)
    for place, found in enumerate(found_P):
        a, b, c, d = ends_4P3[:, place]

        def gap(
            x: np.ndarray, a: np.ndarray = a, b: np.ndarray = b, c: np.ndarray = c, d: np.ndarray = d
        ) -> float:
            return float(np.sum((a + x[0] * (b - a) - c - x[1] * (d - c)) ** 2))

        starts = ([0.5, 0.5], [0.0, 1.0], [1.0, 0.0])
        best = min(minimize(gap, start, bounds=[(0, 1), (0, 1)], tol=1e-12).fun for start in starts)
        assert found == pytest.approx(np.sqrt(best), abs=1e-4)


def test_no_motion_is_refused() -> None:
    with pytest.raises(LampError, match="at least one motion"):
        body_limits([], load_skeleton("smpl22"))
