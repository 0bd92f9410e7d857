"""From a plan to a pose: where feet, pelvis and arms are at every frame.

Shapes: T frames, K steps of one foot. Metres, radians, seconds.
"""

from dataclasses import dataclass

import numpy as np

from lamp_core.datasets.synthetic.body import LONGEST_REACH, SIDES, SIGN, Body, Pose, euler_matrices
from lamp_core.datasets.synthetic.easing import arc, minimum_jerk, smooth, smooth_above
from lamp_core.datasets.synthetic.hand_pose import ANGLES, SHAPES
from lamp_core.datasets.synthetic.plan import Plan, Step

SWAY_OVER_SUPPORT = 0.25
"""How far the pelvis moves towards the supporting foot, as a share of the way."""
STRAIGHT_UP, STRAIGHT_DOWN = 0.07, 0.05
"""Shares of a step's time in which the foot only rises and only sinks, so that it never brushes the floor."""
ARM_SWING = 0.85
"""Radians that an arm swings for a metre between the feet."""
PELVIS_TWIST = 0.16
"""Radians that the pelvis turns for a metre between the feet."""


@dataclass(frozen=True)
class FootTrack:
    """One foot over time.

    Args:
        ankle_T3: position of the ankle.
        ball_T3: position of the ball of the foot.
        flat_T2: (x, z) of the ankle if the foot were flat.
        yaw_T: direction of the foot.
        pitch_T: how far the heel is above the toes.
        lift_T: height of the foot over the floor.
        supports_T: 1 on the floor, 0 in the air.
    """

    ankle_T3: np.ndarray
    ball_T3: np.ndarray
    flat_T2: np.ndarray
    yaw_T: np.ndarray
    pitch_T: np.ndarray
    lift_T: np.ndarray
    supports_T: np.ndarray


def foot_track(steps: list[Step], extra_heel_T: np.ndarray, times_T: np.ndarray, body: Body) -> FootTrack:
    """Follow the steps of one foot; the first stands for the place where it stands at the start.

    The heel rises around the ball of the foot and the toes around the ankle: no foot slides.
    """
    off, down, lift, heel, toe, heel_time, toe_time, softness = np.array(
        [(s.off, s.down, s.lift, s.heel, s.toe, s.heel_time, s.toe_time, s.softness) for s in steps]
    ).T[:, :, None]
    air_KT = np.clip((times_T - off) / (down - off), 0.0, 1.0)
    moved_KT = minimum_jerk((air_KT - STRAIGHT_UP) / (1.0 - STRAIGHT_UP - STRAIGHT_DOWN))
    places_K3 = np.array([(*s.place, s.yaw) for s in steps])
    track_T3 = places_K3[0] + moved_KT[1:].T @ np.diff(places_K3, axis=0)
    lift_T = (lift * arc(air_KT, softness)).sum(axis=0)
    heel_rise_KT = minimum_jerk((times_T - off + heel_time) / heel_time) - minimum_jerk(air_KT / 0.7)
    toe_rise_KT = minimum_jerk((air_KT - 0.45) / 0.55) - minimum_jerk((times_T - down) / toe_time)
    heel_T = (heel * heel_rise_KT).sum(axis=0) + extra_heel_T
    toe_T = (toe * toe_rise_KT).sum(axis=0)
    flat_T2, yaw_T = track_T3[:, :2], track_T3[:, 2]
    forward_T3 = _level_direction(yaw_T)
    length, height = body.foot_length, body.ankle_height
    ball_T3 = _raise(flat_T2, lift_T) + length * forward_T3
    ankle_T3 = ball_T3 + _ankle_over_ball(heel_T, forward_T3, length, height)
    pitch_T = heel_T - toe_T
    ball_T3 = ankle_T3 - _ankle_over_ball(pitch_T, forward_T3, length, height)
    in_air_T = ((times_T > off) & (times_T < down)).any(axis=0)
    return FootTrack(ankle_T3, ball_T3, flat_T2, yaw_T, pitch_T, lift_T, 1.0 - in_air_T)


def _ankle_over_ball(pitch_T: np.ndarray, forward_T3: np.ndarray, length: float, height: float) -> np.ndarray:
    """Vector from the ball of the foot to the ankle of a foot with this pitch."""
    vector_T3: np.ndarray = -forward_T3 * (length * np.cos(pitch_T) - height * np.sin(pitch_T))[:, None]
    vector_T3[:, 1] += length * np.sin(pitch_T) + height * np.cos(pitch_T)
    return vector_T3


def _level_direction(yaw_T: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(yaw_T), np.zeros_like(yaw_T), np.cos(yaw_T)], axis=1)


def _raise(place_T2: np.ndarray, height_T: np.ndarray) -> np.ndarray:
    return np.stack([place_T2[:, 0], height_T, place_T2[:, 1]], axis=1)


def plan_pose(plan: Plan) -> Pose:
    """Everything that `body.pose_joints` needs, from the start of the plan to its `now`."""
    frames = int(plan.now * plan.frames_per_second + 1e-6) + 1
    times_T = plan.times_T[:frames]
    channel = {name: values_T[:frames] for name, values_T in plan.channels.items()}
    heading_T = plan.heading_T[:frames]
    feet = {side: foot_track(plan.steps[side], channel[f"{side}_heel"], times_T, plan.body) for side in SIDES}
    forward_T3 = _level_direction(heading_T)
    stride_T = ((feet["right"].ankle_T3 - feet["left"].ankle_T3) * forward_T3).sum(axis=1)
    stride_T = smooth(stride_T, 0.04, plan.frames_per_second)
    idle_6T = np.sin(2.0 * np.pi * np.array([[0.21], [0.27], [0.33], [0.24], [0.3], [0.18]]) * times_T
                     + plan.manner.phases_6[:, None])  # fmt: skip

    pelvis_angles_T3 = np.stack(
        [
            heading_T + channel["pelvis_yaw"] + PELVIS_TWIST * stride_T,
            channel["pelvis_pitch"] + 0.3 * plan.manner.lean,
            channel["pelvis_roll"],
        ],
        axis=1,
    )
    spine_angles_T3 = np.stack(
        [
            channel["spine_yaw"] - 2.0 * PELVIS_TWIST * stride_T + 0.02 * idle_6T[0],
            channel["spine_pitch"] + 0.7 * plan.manner.lean + 0.012 * idle_6T[1],
            channel["spine_roll"] - 0.5 * channel["pelvis_roll"],
        ],
        axis=1,
    )
    pelvis_T33 = euler_matrices("YXZ", pelvis_angles_T3)
    hip_offsets = {side: pelvis_T33 @ plan.body.offset(f"{side}_hip", "pelvis") for side in SIDES}
    pelvis_T3 = _pelvis(plan, feet, channel, idle_6T, hip_offsets)
    ankles, balls = {}, {}
    for side in SIDES:
        hip_T3 = pelvis_T3 + hip_offsets[side]
        ankles[side], balls[side] = _free_leg(side, feet[side], hip_T3, forward_T3, channel, plan.body)
    return Pose(
        pelvis_T3=pelvis_T3,
        pelvis_T33=pelvis_T33,
        spine_angles_T3=spine_angles_T3,
        neck_angles_T3=_neck(
            channel, pelvis_angles_T3, spine_angles_T3, heading_T, idle_6T, plan.frames_per_second
        ),
        arm_angles={side: _arm_angles(side, plan, feet, stride_T, channel, idle_6T) for side in SIDES},
        ankles_T3=ankles,
        balls_T3=balls,
        knee_yaw_T={side: 0.5 * (pelvis_angles_T3[:, 0] + feet[side].yaw_T) for side in SIDES},
        hand_angles={side: _hand_angles(side, channel, idle_6T) for side in SIDES},
    )


def _pelvis(
    plan: Plan,
    feet: dict[str, FootTrack],
    channel: dict[str, np.ndarray],
    idle_6T: np.ndarray,
    hip_offsets: dict[str, np.ndarray],
) -> np.ndarray:
    """Position of the pelvis: over the path, towards the supporting foot, within reach of the legs."""
    frames = idle_6T.shape[1]
    heading_T, rate = plan.heading_T[:frames], plan.frames_per_second
    forward_T3 = _level_direction(heading_T)
    left_T3 = _level_direction(heading_T + 0.5 * np.pi)
    weight = {side: feet[side].supports_T * (1.0 - channel[f"{side}_leg_free"]) + 1e-3 for side in SIDES}
    left_share_T = weight["left"] / (weight["left"] + weight["right"])
    support_T2 = feet["right"].flat_T2 + left_share_T[:, None] * (
        feet["left"].flat_T2 - feet["right"].flat_T2
    )
    over_T2 = support_T2 - plan.path_T2[:frames]
    aside_T = over_T2[:, 0] * left_T3[:, 0] + over_T2[:, 1] * left_T3[:, 2]
    aside_T = smooth(aside_T, 0.1, rate) * (SWAY_OVER_SUPPORT + channel["balance"])
    aside_T = aside_T + plan.manner.sway * idle_6T[2]
    surge_T = channel["surge"] + 0.6 * plan.manner.sway * idle_6T[3]
    pelvis_T3 = _raise(plan.path_T2[:frames], plan.body.standing_height + channel["height"])
    pelvis_T3 += aside_T[:, None] * left_T3 + surge_T[:, None] * forward_T3
    longest = LONGEST_REACH * sum(plan.body.leg)
    too_high_T = np.zeros(frames)
    for side in SIDES:
        gap_T3 = pelvis_T3 + hip_offsets[side] - feet[side].ankle_T3
        level_T = np.minimum(gap_T3[:, 0] ** 2 + gap_T3[:, 2] ** 2, (0.95 * longest) ** 2)
        too_high_T = np.maximum(too_high_T, gap_T3[:, 1] - np.sqrt(longest**2 - level_T))
    pelvis_T3[:, 1] -= smooth_above(too_high_T, 0.05, rate)
    return pelvis_T3


def _free_leg(
    side: str,
    foot: FootTrack,
    hip_T3: np.ndarray,
    forward_T3: np.ndarray,
    channel: dict[str, np.ndarray],
    body: Body,
) -> tuple[np.ndarray, np.ndarray]:
    """Ankle and ball of a foot that may swing freely around its hip instead of following its steps."""
    free_T = channel[f"{side}_leg_free"]
    if not free_T.any():
        return foot.ankle_T3, foot.ball_T3
    angle_T = channel[f"{side}_leg_angle"]
    reach_T = (0.985 - channel[f"{side}_leg_bend"]) * sum(body.leg)
    swung_T3 = hip_T3 + forward_T3 * (reach_T * np.sin(angle_T))[:, None]
    swung_T3[:, 1] -= reach_T * np.cos(angle_T)
    # The foot rises before it leaves its place, as in a step.
    share_T3 = np.stack([free_T**3, free_T, free_T**3], axis=1)
    ankle_T3 = foot.ankle_T3 + share_T3 * (swung_T3 - foot.ankle_T3)
    pitch_T = foot.pitch_T + free_T * (channel[f"{side}_leg_point"] - 0.9 * angle_T)
    foot_forward_T3 = _level_direction(foot.yaw_T)
    return ankle_T3, ankle_T3 - _ankle_over_ball(
        pitch_T, foot_forward_T3, body.foot_length, body.ankle_height
    )


def _arm_angles(
    side: str,
    plan: Plan,
    feet: dict[str, FootTrack],
    stride_T: np.ndarray,
    channel: dict[str, np.ndarray],
    idle_6T: np.ndarray,
) -> np.ndarray:
    """Flexion, abduction, twist and elbow: at ease, swinging against the leg of the side, and as planned."""
    lifted_T = smooth(feet["right"].lift_T - feet["left"].lift_T, 0.04, plan.frames_per_second)
    swing_T = stride_T * (ARM_SWING + channel["arm_swing"]) + lifted_T * channel["lift_swing"]
    swing_T = SIGN[side] * plan.manner.swing * (1.0 - channel[f"{side}_busy"]) * swing_T
    idle_T = idle_6T[4 if side == "left" else 5]
    flexion_T = channel[f"{side}_flexion"] + swing_T + 0.03 * idle_T
    abduction_T = channel[f"{side}_abduction"] + plan.manner.abduction + 0.01 * idle_T
    twist_T = channel[f"{side}_twist"] - 0.35
    elbow_T = channel[f"{side}_elbow"] + plan.manner.elbow + 0.35 * swing_T + 0.03 * idle_T
    return np.stack([flexion_T, abduction_T, twist_T, np.maximum(elbow_T, 0.02)], axis=1)


def _hand_angles(side: str, channel: dict[str, np.ndarray], idle_6T: np.ndarray) -> dict[str, np.ndarray]:
    """Every angle of a hand: at ease, hardly moving, and as planned."""
    idle_T = idle_6T[5 if side == "left" else 4]
    return {
        name: channel[f"{side}_{name}"] + SHAPES["relaxed"].get(name, 0.0) + 0.03 * idle_T for name in ANGLES
    }


def _neck(
    channel: dict[str, np.ndarray],
    pelvis_angles_T3: np.ndarray,
    spine_angles_T3: np.ndarray,
    heading_T: np.ndarray,
    idle_6T: np.ndarray,
    frames_per_second: float,
) -> np.ndarray:
    """The head looks where the body will look a moment later, whatever the trunk does."""
    turned_T = pelvis_angles_T3[:, 0] - heading_T + spine_angles_T3[:, 0]
    ahead = round(0.25 * frames_per_second)
    looking_T = np.append(heading_T, np.full(ahead, heading_T[-1]))[ahead:]
    yaw_T = channel["neck_yaw"] - 0.8 * turned_T + 0.5 * (looking_T - heading_T) + 0.03 * idle_6T[0]
    pitch_T = channel["neck_pitch"] - 0.5 * (pelvis_angles_T3[:, 1] + spine_angles_T3[:, 1])
    pitch_T = pitch_T + 0.02 * idle_6T[2]
    roll_T = channel["neck_roll"] - 0.5 * (pelvis_angles_T3[:, 2] + spine_angles_T3[:, 2])
    return np.stack([yaw_T, pitch_T, roll_T], axis=1)
