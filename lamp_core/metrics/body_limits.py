"""What a body cannot do: joints bent beyond their limits, and limbs that pass through the body.

Distances are in metres inside this module, whatever the skeleton's unit. Shapes: T frames, J joints, K joints
with a limit, S segments, P pairs of segments.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations, pairwise

import numpy as np

from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import ROOT, Skeleton

JOINT_LIMITS, SELF_INTERSECTION = "joint limits", "self-intersection"
LIMITS = (JOINT_LIMITS, SELF_INTERSECTION)

BENDS: Mapping[str, float] = {"knee": 160.0, "elbow": 160.0, "ankle": 150.0, "neck": 100.0, "spine": 90.0}
"""Largest angle of the bones before and behind a joint, degrees, 0 for straight. Knees and elbows flex by
150 at most (Norkin & White, Measurement of Joint Motion); the rest is for joint centres that are guesses."""
BACKWARD, SIDEWAYS = 30.0, 0.5
"""A knee bends backwards by more degrees than the first, about an axis whose cosine with the foot's is more
than the second: a straight leg's axis is noise."""
RADII: Mapping[str, float] = {
    "torso": 0.06,
    "head": 0.05,
    "arm": 0.02,
    "forearm": 0.015,
    "thigh": 0.03,
    "shank": 0.02,
    "foot": 0.015,
}
"""Of the capsules about the bones, metres: the core of each limb, so that limbs that touch do not meet."""
APART = ("torso", "head")
SIDES = ("left", "right")


def body_limits(joints: Iterable[np.ndarray], skeleton: Skeleton) -> dict[str, float]:
    """Shares (0..1) of the frames of all motions in which a body does what none can.

    - ``joint limits``: a knee, elbow, ankle, the neck or a joint of the spine is bent too far, or a knee
      backwards, as its foot tells.
    - ``self-intersection``: two limbs, or a forearm and torso or head, meet: capsules about the bones,
      thinner than limbs are. Neighbours and what hangs on the same joint are not compared.

    Args:
        joints: motions (T, J, 3) in the skeleton's unit.
        skeleton: names the joints.

    Raises:
        LampError: no motion.
    """
    bent, met = [], []
    for joints_TJ3 in joints:
        metres_TJ3 = np.asarray(joints_TJ3, dtype=np.float64) * skeleton.metres_per_unit
        bent.append(_bent_too_far(metres_TJ3, skeleton))
        met.append(_meets_itself(metres_TJ3, skeleton))
    if not bent:
        raise LampError("the limits of bodies need at least one motion, found none")
    return {
        JOINT_LIMITS: float(np.concatenate(bent).mean()),
        SELF_INTERSECTION: float(np.concatenate(met).mean()),
    }


def segment_distances(a_P3: np.ndarray, b_P3: np.ndarray, c_P3: np.ndarray, d_P3: np.ndarray) -> np.ndarray:
    """Smallest distance of the segments a-b and c-d, (..., P) (Ericson 2004, section 5.1.9)."""
    along, across, between = b_P3 - a_P3, d_P3 - c_P3, a_P3 - c_P3
    aa, cc = _dot(along, along), _dot(across, across)
    ac, ab, cb = _dot(along, across), _dot(along, between), _dot(across, between)
    tiny = np.finfo(np.float64).tiny
    denominator = aa * cc - ac * ac
    s = np.where(denominator > 1e-12, (ac * cb - ab * cc) / np.maximum(denominator, tiny), 0.0).clip(0.0, 1.0)
    t = (ac * s + cb) / np.maximum(cc, tiny)
    inside = t.clip(0.0, 1.0)
    s = np.where(t == inside, s, ((ac * inside - ab) / np.maximum(aa, tiny)).clip(0.0, 1.0))
    gap = between + s[..., None] * along - inside[..., None] * across
    distances: np.ndarray = np.linalg.norm(gap, axis=-1)
    return distances


def _bent_too_far(joints_TJ3: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """In which frames (T,) a joint is beyond its limit."""
    before_K, at_K, behind_K, most_K = _bends(skeleton)
    first_TK3 = joints_TJ3[:, at_K] - joints_TJ3[:, before_K]
    second_TK3 = joints_TJ3[:, behind_K] - joints_TJ3[:, at_K]
    angles_TK = _angles(first_TK3, second_TK3)
    is_far_TK = angles_TK > most_K
    bent_T: np.ndarray = np.logical_or(is_far_TK.any(axis=1), _knees_bend_backwards(joints_TJ3, skeleton))
    return bent_T


def _knees_bend_backwards(joints_TJ3: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """In which frames (T,). A knee turns the shank against the sense in which the ankle turns the foot."""
    hip_2, knee_2, ankle_2, toe_2 = (list(each) for each in zip(*_legs(skeleton), strict=True))
    thigh_T23 = joints_TJ3[:, knee_2] - joints_TJ3[:, hip_2]
    shank_T23 = joints_TJ3[:, ankle_2] - joints_TJ3[:, knee_2]
    foot_T23 = joints_TJ3[:, toe_2] - joints_TJ3[:, ankle_2]
    knees_T23, ankles_T23 = np.cross(thigh_T23, shank_T23), np.cross(shank_T23, foot_T23)
    lengths_T2 = np.linalg.norm(knees_T23, axis=-1) * np.linalg.norm(ankles_T23, axis=-1)
    senses_T2 = _dot(knees_T23, ankles_T23) / np.maximum(lengths_T2, np.finfo(np.float64).tiny)
    backwards_T: np.ndarray = ((_angles(thigh_T23, shank_T23) > BACKWARD) & (senses_T2 > SIDEWAYS)).any(
        axis=1
    )
    return backwards_T


def _meets_itself(joints_TJ3: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """In which frames (T,) the capsules of a pair meet."""
    starts_S, ends_S, first_P, second_P, reach_P = _capsules(skeleton)
    starts_TS3, ends_TS3 = joints_TJ3[:, starts_S], joints_TJ3[:, ends_S]
    distances_TP = segment_distances(
        starts_TS3[:, first_P], ends_TS3[:, first_P], starts_TS3[:, second_P], ends_TS3[:, second_P]
    )
    met_T: np.ndarray = np.any(distances_TP < reach_P, axis=1)
    return met_T


@cache
def _bends(skeleton: Skeleton) -> tuple[list[int], list[int], list[int], np.ndarray]:
    """Joints before, at and behind each bend, and its largest angle."""
    bends = [(BENDS["spine"], *triple) for triple in _triples(_spine(skeleton))]
    head = skeleton.index("head")
    neck = skeleton.parents[head]
    bends.append((BENDS["neck"], skeleton.parents[neck], neck, head))
    for side in SIDES:
        elbow = skeleton.index(f"{side}_elbow")
        bends.append((BENDS["elbow"], skeleton.parents[elbow], elbow, skeleton.index(f"{side}_wrist")))
    for hip, knee, ankle, toe in _legs(skeleton):
        bends += [(BENDS["knee"], hip, knee, ankle), (BENDS["ankle"], knee, ankle, toe)]
    most, before, at, behind = (list(each) for each in zip(*bends, strict=True))
    return before, at, behind, np.array(most)


@cache
def _capsules(skeleton: Skeleton) -> tuple[list[int], list[int], list[int], list[int], np.ndarray]:
    """Ends of each segment, the pairs that must not meet, and the sum of the radii of each pair."""
    spine, head = _spine(skeleton), skeleton.index("head")
    parts = [("torso", "", start, end) for start, end in pairwise(spine)]
    parts.append(("head", "", skeleton.parents[head], head))
    for side, (hip, knee, ankle, toe) in zip(SIDES, _legs(skeleton), strict=True):
        shoulder, elbow, wrist = (
            skeleton.index(f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist")
        )
        parts += [("arm", side, shoulder, elbow), ("forearm", side, elbow, wrist)]
        parts += [("thigh", side, hip, knee), ("shank", side, knee, ankle), ("foot", side, ankle, toe)]
    kept = [
        (one, other)
        for one, other in combinations(range(len(parts)), 2)
        if _must_not_meet(*parts[one][:2], *parts[other][:2])
    ]
    first, second = (list(each) for each in zip(*kept, strict=True))
    reach_P = [RADII[parts[one][0]] + RADII[parts[other][0]] for one, other in kept]
    return [part[2] for part in parts], [part[3] for part in parts], first, second, np.array(reach_P)


def _must_not_meet(one: str, side: str, other: str, other_side: str) -> bool:
    """Whether two parts are far enough apart on the body that they meet only where a body cannot."""
    kinds = {one, other}
    if kinds & {*APART}:
        return "forearm" in kinds
    arms = kinds & {"arm", "forearm"}
    if side == other_side:
        return len(arms) == 1 and "forearm" in arms
    return kinds != {"thigh"}


def _spine(skeleton: Skeleton) -> list[int]:
    """Joints from the root to what the neck hangs on."""
    joint, found = skeleton.parents[skeleton.parents[skeleton.index("head")]], []
    while joint != ROOT:
        found.append(joint)
        joint = skeleton.parents[joint]
    return found[::-1]


def _legs(skeleton: Skeleton) -> list[tuple[int, int, int, int]]:
    """Hip, knee, ankle and toe of the left leg and of the right."""
    toes = dict(zip(SIDES, skeleton.feet[1::2], strict=True))
    return [
        (*(skeleton.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle")), toes[side])  # type: ignore[misc]
        for side in SIDES
    ]


def _triples(joints: list[int]) -> Iterable[tuple[int, int, int]]:
    return zip(joints, joints[1:], joints[2:], strict=False)


def _angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Degrees between vectors, by their tangent: exact where they are nearly parallel."""
    crossed = np.linalg.norm(np.cross(first, second), axis=-1)
    angles: np.ndarray = np.degrees(np.arctan2(crossed, _dot(first, second)))
    return angles


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    products: np.ndarray = (first * second).sum(axis=-1)
    return products
