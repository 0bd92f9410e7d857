"""The body: from planned angles, feet and pelvis to the joints of smpl22, or with fingers of smplx52.

Shapes: T frames, J joints. Lengths in metres, angles in radians, Y up, Z forward, left is +X.
Trunk and arms are turned joint by joint; the legs reach for the planned ankles (two-bone inverse kinematics).
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lamp_core.datasets.synthetic.euler import euler_matrices, turned, turns
from lamp_core.datasets.synthetic.hand_pose import FINGERS

SIDES = ("left", "right")
SIGN = {"left": 1.0, "right": -1.0}
LONGEST_REACH = 0.992
"""Share of the leg's length up to which a leg is stretched: a knee that locks would snap."""


@dataclass(frozen=True)
class Body:
    """Lengths of one body, taken from a rest pose.

    Args:
        joints: joint names of smpl22 or smplx52, in order.
        rest_J3: rest pose in metres.
    """

    joints: tuple[str, ...]
    rest_J3: np.ndarray
    _offsets: dict[tuple[str, str], np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def offset(self, child: str, parent: str) -> np.ndarray:
        """Vector from parent to child in the rest pose."""
        bone = child, parent
        if bone not in self._offsets:
            ends = self.joints.index(child), self.joints.index(parent)
            self._offsets[bone] = self.rest_J3[ends[0]] - self.rest_J3[ends[1]]
        return self._offsets[bone]

    def length(self, child: str, parent: str) -> float:
        """Length of a bone."""
        return float(np.linalg.norm(self.offset(child, parent)))

    @cached_property
    def has_hands(self) -> bool:
        """Whether it has joints of fingers."""
        return "left_index1" in self.joints

    @cached_property
    def leg(self) -> tuple[float, float]:
        """Lengths of thigh and shin."""
        return self.length("left_knee", "left_hip"), self.length("left_ankle", "left_knee")

    @cached_property
    def ankle_height(self) -> float:
        """Height of the ankle over the ball of the foot when the foot is flat."""
        return float(-self.offset("left_foot", "left_ankle")[1])

    @cached_property
    def foot_length(self) -> float:
        """Level distance from the ankle to the ball of the foot when the foot is flat."""
        return float(np.sqrt(self.length("left_foot", "left_ankle") ** 2 - self.ankle_height**2))

    @cached_property
    def hip_half_width(self) -> float:
        """Half the distance between the hips."""
        return 0.5 * float(self.offset("left_hip", "right_hip")[0])

    @cached_property
    def standing_height(self) -> float:
        """Height of the pelvis of a body that stands at ease."""
        hip_drop = -0.5 * float(self.offset("left_hip", "pelvis")[1] + self.offset("right_hip", "pelvis")[1])
        return self.ankle_height + 0.985 * sum(self.leg) + hip_drop


@dataclass(frozen=True)
class Pose:
    """Everything that is planned about a motion, or about several, the frames of one after those of another.

    The fields of one leg or arm are dictionaries by side.

    Args:
        pelvis_T3: position of the pelvis.
        pelvis_T33: orientation of the pelvis.
        spine_angles_T3, neck_angles_T3: yaw, pitch (forward), roll.
        arm_angles: by side, flexion (forward), abduction (outward), twist, elbow, as (T, 4).
        ankles_T3, balls_T3: by side, positions of ankle and ball of the foot.
        knee_yaw_T: by side, direction the knee points to.
        hand_angles: by side, radians (T,) by name of `hand_pose.ANGLES`; none where the body has no hands.
    """

    pelvis_T3: np.ndarray
    pelvis_T33: np.ndarray
    spine_angles_T3: np.ndarray
    neck_angles_T3: np.ndarray
    arm_angles: dict[str, np.ndarray]
    ankles_T3: dict[str, np.ndarray]
    balls_T3: dict[str, np.ndarray]
    knee_yaw_T: dict[str, np.ndarray]
    hand_angles: dict[str, dict[str, np.ndarray]]


def pose_joints(pose: Pose, body: Body) -> np.ndarray:
    """Joint positions (T, J, 3) of a planned motion, with the fingers where the body has some.

    Raises:
        ValueError: an ankle is out of the leg's reach, so a bone would change its length.
    """
    place = {"pelvis": pose.pelvis_T3}
    chest_T33 = _trunk(pose, body, place)
    for side in SIDES:
        upper_arm_T33 = _arm(side, pose.arm_angles[side], chest_T33, body, place)
        if body.has_hands:
            forearm_T33 = upper_arm_T33 @ turns("X", -pose.arm_angles[side][:, 3])
            _hand(side, pose.hand_angles[side], forearm_T33, body, place)
        _leg(side, pose, body, place)
    return np.stack([place[joint] for joint in body.joints], axis=1)


def _trunk(pose: Pose, body: Body, place: dict[str, np.ndarray]) -> np.ndarray:
    """Spine, neck and head; returns the orientation of the chest."""
    frames = len(pose.pelvis_T3)
    angles = np.concatenate([pose.spine_angles_T3 / 3.0, pose.neck_angles_T3])
    vertebra_T33, neck_T33 = euler_matrices("YXZ", angles).reshape(2, frames, 3, 3)
    turn_T33, parent = pose.pelvis_T33, "pelvis"
    for joint in ("spine1", "spine2", "spine3"):
        place[joint] = place[parent] + turned(turn_T33, body.offset(joint, parent))
        turn_T33, parent = turn_T33 @ vertebra_T33, joint
    place["neck"] = place["spine3"] + turned(turn_T33, body.offset("neck", "spine3"))
    place["head"] = place["neck"] + turned(turn_T33 @ neck_T33, body.offset("head", "neck"))
    return turn_T33


def _arm(
    side: str, angles_T4: np.ndarray, chest_T33: np.ndarray, body: Body, place: dict[str, np.ndarray]
) -> np.ndarray:
    """Collar, shoulder, elbow and wrist; the collar follows the arm upward. Returns the upper arm's turn."""
    sign = SIGN[side]
    flexion, abduction, twist, elbow = angles_T4.T
    nothing = np.zeros_like(flexion)
    raised = 0.5 * (1.0 - np.cos(flexion) * np.cos(abduction))
    shrug = np.stack([-0.08 * sign * np.sin(flexion) * raised, nothing, sign * 0.4 * raised], axis=1)
    upper = np.stack([-flexion, sign * abduction, sign * twist], axis=1)
    shrug_T33 = euler_matrices("YXZ", shrug)
    upper_T33: np.ndarray = chest_T33 @ euler_matrices("XZY", upper)
    forearm_T3 = np.stack([nothing, -np.cos(elbow), np.sin(elbow)], axis=1)

    collar, shoulder = f"{side}_collar", f"{side}_shoulder"
    place[collar] = place["spine3"] + turned(chest_T33, body.offset(collar, "spine3"))
    place[shoulder] = place[collar] + turned(chest_T33 @ shrug_T33, body.offset(shoulder, collar))
    upper_length = body.length(f"{side}_elbow", shoulder)
    place[f"{side}_elbow"] = place[shoulder] - upper_T33[:, :, 1] * upper_length
    fore_length = body.length(f"{side}_wrist", f"{side}_elbow")
    place[f"{side}_wrist"] = (
        place[f"{side}_elbow"] + (upper_T33 @ forearm_T3[:, :, None])[:, :, 0] * fore_length
    )
    return upper_T33


def _hand(
    side: str,
    angles: dict[str, np.ndarray],
    forearm_T33: np.ndarray,
    body: Body,
    place: dict[str, np.ndarray],
) -> None:
    """The three joints of every finger, each turned about the one before it.

    In a hand that hangs, fingers point down, the thumb forward and the palm to the body. So a finger spreads
    about X and bends about Z, to the other hand; the thumb crosses the palm about Y and bends about X.
    """
    bent, names = -SIGN[side], tuple(FINGERS)
    hand_T33 = forearm_T33 @ turns("Y", bent * angles["palm_down"]) @ turns("Z", bent * angles["wrist"])
    spread_FT = np.stack([-spread * angles["spread"] for spread in FINGERS.values()])
    knuckle_FT = np.stack([bent * angles[f"{finger}_knuckle"] for finger in names])
    curl_FT = np.stack([bent * angles[f"{finger}_curl"] for finger in names])
    knuckle_FT33 = hand_T33 @ turns("X", spread_FT) @ turns("Z", knuckle_FT)
    curled_FT33 = knuckle_FT33 @ turns("Z", curl_FT)
    for place_of, finger in enumerate(names):
        bones = (hand_T33, knuckle_FT33[place_of], curled_FT33[place_of])
        _finger(f"{side}_{finger}", bones, side, body, place)
    across_T33 = hand_T33 @ turns("Y", bent * angles["thumb_across"])
    thumb_T33 = across_T33 @ turns("X", -angles["thumb_out"])
    bent_T33 = thumb_T33 @ turns("X", angles["thumb_bend"])
    _finger(f"{side}_thumb", (hand_T33, thumb_T33, bent_T33), side, body, place)


def _finger(
    finger: str, turns_T33: tuple[np.ndarray, ...], side: str, body: Body, place: dict[str, np.ndarray]
) -> None:
    before = f"{side}_wrist"
    for number, turn_T33 in enumerate(turns_T33, start=1):
        joint = f"{finger}{number}"
        place[joint] = place[before] + turned(turn_T33, body.offset(joint, before))
        before = joint


def _leg(side: str, pose: Pose, body: Body, place: dict[str, np.ndarray]) -> None:
    """Hip, knee, ankle and ball of the foot."""
    hip_T3 = pose.pelvis_T3 + turned(pose.pelvis_T33, body.offset(f"{side}_hip", "pelvis"))
    ankle_T3 = pose.ankles_T3[side]
    yaw = pose.knee_yaw_T[side]
    sideways_T3 = np.stack([np.cos(yaw), np.zeros_like(yaw), -np.sin(yaw)], axis=1)
    place[f"{side}_hip"] = hip_T3
    place[f"{side}_knee"] = _bend(hip_T3, ankle_T3, sideways_T3, *body.leg)
    place[f"{side}_ankle"] = ankle_T3
    place[f"{side}_foot"] = pose.balls_T3[side]


def _bend(
    root_T3: np.ndarray, tip_T3: np.ndarray, axis_T3: np.ndarray, upper: float, lower: float
) -> np.ndarray:
    """The middle joint of a two-bone limb that bends around `axis_T3`, by the law of cosines."""
    reach_T3 = tip_T3 - root_T3
    distance_T = np.sqrt((reach_T3 * reach_T3).sum(axis=1))
    if distance_T.max() > upper + lower:
        raise ValueError(f"a limb of {upper + lower:.3f} m cannot reach {distance_T.max():.3f} m")
    along_T = (upper**2 - lower**2 + distance_T**2) / (2.0 * distance_T)
    aside_T = np.sqrt(np.maximum(upper**2 - along_T**2, 0.0))
    direction_T3 = reach_T3 / distance_T[:, None]
    normal_T3 = _level_cross(direction_T3, axis_T3)
    normal_T3 /= np.sqrt((normal_T3 * normal_T3).sum(axis=1))[:, None]
    middle_T3: np.ndarray = root_T3 + direction_T3 * along_T[:, None] + normal_T3 * aside_T[:, None]
    return middle_T3


def _level_cross(vectors_T3: np.ndarray, level_T3: np.ndarray) -> np.ndarray:
    """Cross products with level vectors."""
    x_T, y_T, z_T = vectors_T3.T
    level_x_T, level_z_T = level_T3[:, 0], level_T3[:, 2]
    return np.stack([y_T * level_z_T, z_T * level_x_T - x_T * level_z_T, -(y_T * level_x_T)], axis=1)
