"""From plans to a pose: where feet, pelvis and arms are at every frame.

Shapes: T frames of all plans of a block; K steps of one foot; N frames of all steps, those of each step after
those of the one before. Metres, radians, seconds.
"""

from dataclasses import dataclass

import numpy as np

from lamp_core.datasets.synthetic.block import Block
from lamp_core.datasets.synthetic.body import LONGEST_REACH, SIDES, SIGN, Pose
from lamp_core.datasets.synthetic.easing import arc, minimum_jerk
from lamp_core.datasets.synthetic.euler import euler_matrices, turned
from lamp_core.datasets.synthetic.hand_pose import ANGLES, SHAPES
from lamp_core.datasets.synthetic.plan import Step

SWAY_OVER_SUPPORT = 0.25
"""How far the pelvis moves towards the supporting foot, as a share of the way."""
STRAIGHT_UP, STRAIGHT_DOWN = 0.07, 0.05
"""Shares of a step's time in which the foot only rises and only sinks, so that it never brushes the floor."""
ARM_SWING = 0.85
"""Radians that an arm swings for a metre between the feet."""
PELVIS_TWIST = 0.16
"""Radians that the pelvis turns for a metre between the feet."""
IDLE_RATES = np.array([0.21, 0.27, 0.33, 0.24, 0.3, 0.18])
"""Of the small movements of a body at ease, a second."""


@dataclass(frozen=True)
class FootTrack:
    """One foot over time.

    Args:
        ankle_T3: position of the ankle.
        ball_T3: position of the ball of the foot.
        flat_T2: (x, z) of the ankle if the foot were flat.
        yaw_T: direction of the foot.
        forward_T3: the same as a level vector of length 1.
        pitch_T: how far the heel is above the toes.
        lift_T: height of the foot over the floor.
        supports_T: 1 on the floor, 0 in the air.
    """

    ankle_T3: np.ndarray
    ball_T3: np.ndarray
    flat_T2: np.ndarray
    yaw_T: np.ndarray
    forward_T3: np.ndarray
    pitch_T: np.ndarray
    lift_T: np.ndarray
    supports_T: np.ndarray


def foot_track(side: str, block: Block) -> FootTrack:
    """Follow the steps of the feet of one side.

    The heel rises around the ball of the foot and the toes around the ankle: no foot slides.
    """
    track_T3, (lift_T, heel_T, toe_T, in_air_T) = _stepped([plan.steps[side] for plan in block.plans], block)
    heel_T += block.channel[f"{side}_heel"]
    flat_T2, yaw_T = track_T3[:, :2], track_T3[:, 2]
    forward_T3 = _level_direction(yaw_T)
    length, height = block.body.foot_length, block.body.ankle_height
    ball_T3 = _raise(flat_T2, lift_T) + length * forward_T3
    ankle_T3 = ball_T3 + _ankle_over_ball(heel_T, forward_T3, length, height)
    pitch_T = heel_T - toe_T
    ball_T3 = ankle_T3 - _ankle_over_ball(pitch_T, forward_T3, length, height)
    supports_T = 1.0 - (in_air_T > 0.0)
    return FootTrack(ankle_T3, ball_T3, flat_T2, yaw_T, forward_T3, pitch_T, lift_T, supports_T)


def _stepped(steps_of: list[list[Step]], block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Where the feet of one side would be if they were flat, and how high and how turned they are.

    The first step of a foot stands for the place where it stands at the start.

    Returns:
        (x, z) and direction (T, 3); lift, turn of the heel, turn of the toes, and steps in the air (4, T).
    """
    turned_4T = np.zeros((4, len(block.times_T)))
    track_T3 = np.empty((len(block.times_T), 3))
    stepped_5N = _every_step(steps_of, block)
    begin = 0
    for steps, span in zip(steps_of, block.spans, strict=True):
        places_K3 = np.array([(*step.place, step.yaw) for step in steps])
        track_T3[span] = places_K3[0]
        if len(steps) == 1:
            continue
        frames = span.stop - span.start
        end = begin + (len(steps) - 1) * frames
        steps_5KT = stepped_5N[:, begin:end].reshape(5, len(steps) - 1, frames)
        track_T3[span] += steps_5KT[0].T @ np.diff(places_K3, axis=0)
        turned_4T[:, span] = steps_5KT[1:].sum(axis=1)
        begin = end
    return track_T3, turned_4T


def _every_step(steps_of: list[list[Step]], block: Block) -> np.ndarray:
    """Every step but the first of each foot: share of the way, lift, heel, toes, if in the air (5, N)."""
    taken = [(step, span) for steps, span in zip(steps_of, block.spans, strict=True) for step in steps[1:]]
    if not taken:
        return np.zeros((5, 0))
    numbers_K8 = np.array(
        [(s.off, s.down, s.lift, s.heel, s.toe, s.heel_time, s.toe_time, s.softness) for s, _ in taken]
    )
    frames_K = [span.stop - span.start for _, span in taken]
    off, down, lift, heel, toe, heel_time, toe_time, softness = np.repeat(numbers_K8.T, frames_K, axis=1)
    times_N = np.concatenate([block.times_T[span] for _, span in taken])
    air_N = np.clip((times_N - off) / (down - off), 0.0, 1.0)
    stepped_5N = np.empty((5, len(times_N)))
    stepped_5N[0] = minimum_jerk((air_N - STRAIGHT_UP) / (1.0 - STRAIGHT_UP - STRAIGHT_DOWN))
    stepped_5N[1] = lift * arc(air_N, softness)
    heel_rise_N = minimum_jerk((times_N - off + heel_time) / heel_time) - minimum_jerk(air_N / 0.7)
    toe_rise_N = minimum_jerk((air_N - 0.45) / 0.55) - minimum_jerk((times_N - down) / toe_time)
    stepped_5N[2] = heel * heel_rise_N
    stepped_5N[3] = toe * toe_rise_N
    stepped_5N[4] = (times_N > off) & (times_N < down)
    return stepped_5N


def _ankle_over_ball(pitch_T: np.ndarray, forward_T3: np.ndarray, length: float, height: float) -> np.ndarray:
    """Vector from the ball of the foot to the ankle of a foot with this pitch."""
    vector_T3: np.ndarray = -forward_T3 * (length * np.cos(pitch_T) - height * np.sin(pitch_T))[:, None]
    vector_T3[:, 1] += length * np.sin(pitch_T) + height * np.cos(pitch_T)
    return vector_T3


def _level_direction(yaw_T: np.ndarray) -> np.ndarray:
    """Level vectors (T, 3) of length 1 in these directions."""
    return np.stack([np.sin(yaw_T), np.zeros_like(yaw_T), np.cos(yaw_T)], axis=1)


def _raise(place_T2: np.ndarray, height_T: np.ndarray) -> np.ndarray:
    return np.stack([place_T2[:, 0], height_T, place_T2[:, 1]], axis=1)


def plan_pose(block: Block) -> Pose:
    """Everything that `body.pose_joints` needs, from the start of each plan to its `now`."""
    channel, heading_T = block.channel, block.heading_T
    lean_T = block.of_manner(lambda manner: manner.lean)
    feet = {side: foot_track(side, block) for side in SIDES}
    forward_T3 = _level_direction(heading_T)
    stride_T = ((feet["right"].ankle_T3 - feet["left"].ankle_T3) * forward_T3).sum(axis=1)
    stride_T = block.smooth(stride_T, 0.04)
    idle_6T = np.sin(2.0 * np.pi * IDLE_RATES[:, None] * block.times_T
                     + block.of_manner(lambda manner: manner.phases_6).T)  # fmt: skip
    pelvis_angles_T3 = np.stack(
        [
            heading_T + channel["pelvis_yaw"] + PELVIS_TWIST * stride_T,
            channel["pelvis_pitch"] + 0.3 * lean_T,
            channel["pelvis_roll"],
        ],
        axis=1,
    )
    spine_angles_T3 = np.stack(
        [
            channel["spine_yaw"] - 2.0 * PELVIS_TWIST * stride_T + 0.02 * idle_6T[0],
            channel["spine_pitch"] + 0.7 * lean_T + 0.012 * idle_6T[1],
            channel["spine_roll"] - 0.5 * channel["pelvis_roll"],
        ],
        axis=1,
    )
    pelvis_T33 = euler_matrices("YXZ", pelvis_angles_T3)
    hip_offsets = {side: turned(pelvis_T33, block.body.offset(f"{side}_hip", "pelvis")) for side in SIDES}
    pelvis_T3 = _pelvis(block, feet, forward_T3, idle_6T, hip_offsets)
    ankles, balls = {}, {}
    for side in SIDES:
        hip_T3 = pelvis_T3 + hip_offsets[side]
        ankles[side], balls[side] = _free_leg(side, feet[side], hip_T3, forward_T3, block)
    lifted_T = block.smooth(feet["right"].lift_T - feet["left"].lift_T, 0.04)
    swing_T = stride_T * (ARM_SWING + channel["arm_swing"]) + lifted_T * channel["lift_swing"]
    return Pose(
        pelvis_T3=pelvis_T3,
        pelvis_T33=pelvis_T33,
        spine_angles_T3=spine_angles_T3,
        neck_angles_T3=_neck(block, pelvis_angles_T3, spine_angles_T3, idle_6T),
        arm_angles={side: _arm_angles(side, block, swing_T, idle_6T) for side in SIDES},
        ankles_T3=ankles,
        balls_T3=balls,
        knee_yaw_T={side: 0.5 * (pelvis_angles_T3[:, 0] + feet[side].yaw_T) for side in SIDES},
        hand_angles={side: _hand_angles(side, block, idle_6T) for side in SIDES if block.body.has_hands},
    )


def _pelvis(
    block: Block,
    feet: dict[str, FootTrack],
    forward_T3: np.ndarray,
    idle_6T: np.ndarray,
    hip_offsets: dict[str, np.ndarray],
) -> np.ndarray:
    """Position of the pelvis: over the path, towards the supporting foot, within reach of the legs."""
    channel, sway_T = block.channel, block.of_manner(lambda manner: manner.sway)
    left_T3 = _level_direction(block.heading_T + 0.5 * np.pi)
    weight = {side: feet[side].supports_T * (1.0 - channel[f"{side}_leg_free"]) + 1e-3 for side in SIDES}
    left_share_T = weight["left"] / (weight["left"] + weight["right"])
    support_T2 = feet["right"].flat_T2 + left_share_T[:, None] * (
        feet["left"].flat_T2 - feet["right"].flat_T2
    )
    over_T2 = support_T2 - block.path_T2
    aside_T = over_T2[:, 0] * left_T3[:, 0] + over_T2[:, 1] * left_T3[:, 2]
    aside_T = block.smooth(aside_T, 0.1) * (SWAY_OVER_SUPPORT + channel["balance"])
    aside_T = aside_T + sway_T * idle_6T[2]
    surge_T = channel["surge"] + 0.6 * sway_T * idle_6T[3]
    pelvis_T3 = _raise(block.path_T2, block.body.standing_height + channel["height"])
    pelvis_T3 += aside_T[:, None] * left_T3 + surge_T[:, None] * forward_T3
    longest = LONGEST_REACH * sum(block.body.leg)
    too_high_T = np.zeros(len(pelvis_T3))
    for side in SIDES:
        gap_T3 = pelvis_T3 + hip_offsets[side] - feet[side].ankle_T3
        level_T = np.minimum(gap_T3[:, 0] ** 2 + gap_T3[:, 2] ** 2, (0.95 * longest) ** 2)
        too_high_T = np.maximum(too_high_T, gap_T3[:, 1] - np.sqrt(longest**2 - level_T))
    pelvis_T3[:, 1] -= block.smooth_above(too_high_T, 0.05)
    return pelvis_T3


def _free_leg(
    side: str,
    foot: FootTrack,
    hip_T3: np.ndarray,
    forward_T3: np.ndarray,
    block: Block,
) -> tuple[np.ndarray, np.ndarray]:
    """Ankle and ball of a foot that may swing freely around its hip instead of following its steps."""
    channel, body = block.channel, block.body
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
    ball_to_ankle_T3 = _ankle_over_ball(pitch_T, foot.forward_T3, body.foot_length, body.ankle_height)
    return ankle_T3, ankle_T3 - ball_to_ankle_T3


def _arm_angles(side: str, block: Block, swing_T: np.ndarray, idle_6T: np.ndarray) -> np.ndarray:
    """Flexion, abduction, twist and elbow: at ease, swinging against the leg of the side, and as planned."""
    channel, of_manner = block.channel, block.of_manner
    at_ease_T = SIGN[side] * of_manner(lambda manner: manner.swing) * (1.0 - channel[f"{side}_busy"])
    swing_T = at_ease_T * swing_T
    idle_T = idle_6T[4 if side == "left" else 5]
    flexion_T = channel[f"{side}_flexion"] + swing_T + 0.03 * idle_T
    abduction_T = channel[f"{side}_abduction"] + of_manner(lambda manner: manner.abduction) + 0.01 * idle_T
    twist_T = channel[f"{side}_twist"] - 0.35
    elbow_T = channel[f"{side}_elbow"] + of_manner(lambda manner: manner.elbow)
    elbow_T = elbow_T + 0.35 * swing_T + 0.03 * idle_T
    return np.stack([flexion_T, abduction_T, twist_T, np.maximum(elbow_T, 0.02)], axis=1)


def _hand_angles(side: str, block: Block, idle_6T: np.ndarray) -> dict[str, np.ndarray]:
    """Every angle of a hand: at ease, hardly moving, and as planned."""
    hardly_T = 0.03 * idle_6T[5 if side == "left" else 4]
    return {
        name: block.channel[f"{side}_{name}"] + SHAPES["relaxed"].get(name, 0.0) + hardly_T for name in ANGLES
    }


def _neck(
    block: Block, pelvis_angles_T3: np.ndarray, spine_angles_T3: np.ndarray, idle_6T: np.ndarray
) -> np.ndarray:
    """The head looks where the body will look a moment later, whatever the trunk does."""
    channel, heading_T = block.channel, block.heading_T
    turned_T = pelvis_angles_T3[:, 0] - heading_T + spine_angles_T3[:, 0]
    looking_T = block.later(heading_T, round(0.25 * block.frames_per_second))
    yaw_T = channel["neck_yaw"] - 0.8 * turned_T + 0.5 * (looking_T - heading_T) + 0.03 * idle_6T[0]
    pitch_T = channel["neck_pitch"] - 0.5 * (pelvis_angles_T3[:, 1] + spine_angles_T3[:, 1])
    pitch_T = pitch_T + 0.02 * idle_6T[2]
    roll_T = channel["neck_roll"] - 0.5 * (pelvis_angles_T3[:, 2] + spine_angles_T3[:, 2])
    return np.stack([yaw_T, pitch_T, roll_T], axis=1)
