"""Getting about on foot: walk, run, circle, turn, step sideways, jog in place, march.

All of them are `on_foot` with another gait and another way. Metres, seconds, radians.
Shapes: T frames, K steps, N any number of places on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lamp_core.datasets.synthetic.body import SIGN
from lamp_core.datasets.synthetic.easing import envelope, ramped
from lamp_core.datasets.synthetic.parameters import Parameters, other
from lamp_core.datasets.synthetic.plan import Plan, Step, on_floor

Way = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From progress (N,) in 0..1 to the place (N, 2), left and forward, and the change of heading (N,)."""


SHIFT_TIME = 0.12
"""Seconds in which the weight shifts before the first foot leaves the floor."""


@dataclass(frozen=True)
class Gait:
    """How the legs go.

    Args:
        step_time: seconds from one foot's step to the other's.
        step_length: metres on the way, from one foot's step to the other's.
        air: share of the stride (two steps) that a foot is in the air; above 0.5 the body flies.
        lift: height of the foot.
        heel, toe: roll of the foot before it leaves and when it comes down, radians.
        bob: how much higher the pelvis is at mid-stance; negative where it is lowest there.
        drop: how much lower the pelvis is than in standing.
        lean: pitch of the trunk.
        elbow: extra bend of the elbows.
        arm_swing, lift_swing: extra swing of the arms, radians a metre between the feet, and a metre of lift.
        ramp_time: seconds to reach full speed.
    """

    step_time: float
    step_length: float
    air: float = 0.38
    lift: float = 0.06
    heel: float = 0.6
    toe: float = 0.25
    bob: float = 0.012
    drop: float = 0.015
    lean: float = 0.03
    elbow: float = 0.1
    arm_swing: float = 0.0
    lift_swing: float = 0.0
    ramp_time: float = 0.7

    @property
    def air_time(self) -> float:
        """Seconds that a foot is in the air."""
        return 2.0 * self.air * self.step_time

    def duration(self, steps: int) -> float:
        """Seconds that a number of steps takes, from standing to standing."""
        return SHIFT_TIME + (steps - 1) * self.step_time + self.air_time + 0.05

    def distance(self, steps: int) -> float:
        """Metres that a number of steps takes the body, from standing to standing."""
        at_full_speed = max(self.duration(steps) - self.ramp_time, 0.55 * self.duration(steps))
        return self.step_length / self.step_time * at_full_speed


WALK = {
    "slow": Gait(step_time=0.72, step_length=0.4, heel=0.45, toe=0.15, lift=0.05, lean=0.0),
    "normal": Gait(step_time=0.54, step_length=0.56, air=0.4),
    "fast": Gait(step_time=0.43, step_length=0.64, air=0.42, arm_swing=0.25, lean=0.07, elbow=0.35),
}
RUN_AT_EASE = Gait(
    step_time=0.36, step_length=0.8, air=0.63, lift=0.2, heel=1.0, toe=0.1, bob=-0.035, drop=0.06, lean=0.18,
    elbow=1.15, arm_swing=-0.1, ramp_time=0.6,
)  # fmt: skip
RUN = {
    "slow": replace(RUN_AT_EASE, step_time=0.4, step_length=0.6, air=0.6, lift=0.14, lean=0.12, elbow=0.9),
    "normal": RUN_AT_EASE,
    "fast": replace(RUN_AT_EASE, step_time=0.31, step_length=0.92, air=0.65, lift=0.26, lean=0.26, elbow=1.3),
}
JOG = replace(RUN_AT_EASE, step_length=0.0, air=0.58, lift=0.17, lean=0.08, toe=0.0, lift_swing=2.6)
MARCH = Gait(
    step_time=0.55, step_length=0.0, lift=0.32, heel=0.35, toe=0.0, bob=0.0, drop=0.0, elbow=0.7,
    lift_swing=1.8, air=0.42,
)  # fmt: skip
SMALL_STEPS = Gait(
    step_time=0.46, step_length=0.0, lift=0.05, heel=0.25, toe=0.05, bob=0.0, drop=0.01, lean=0.0
)
STRIDE_SIZE = {"small": 0.62, "normal": 1.0, "large": 1.2}
STRIDE_PACE = {"small": 0.85, "normal": 1.0, "large": 1.1}


def on_foot(
    plan: Plan, gait: Gait, first_side: str, steps: int, way: Way, placed_K: np.ndarray | None = None
) -> None:
    """Make a number of steps along a way.

    Args:
        plan: written to.
        gait: how the legs go.
        first_side: the foot that steps first.
        steps: number of steps; the last two end side by side.
        way: the way as a function of progress.
        placed_K: progress at which each foot is put down; by default the body's a little before mid-stance.
    """
    start = plan.now
    end = start + gait.duration(steps)
    ramp = min(0.45, gait.ramp_time / (end - start))
    offs_K = start + SHIFT_TIME + gait.step_time * np.arange(steps)
    air_time = gait.air_time
    if placed_K is None:
        middle_K = offs_K + air_time + 0.42 * (2.0 * gait.step_time - air_time)
        placed_K = ramped((middle_K - start) / (end - start), ramp)
        placed_K[-2:] = 1.0
    spots_K2, turns_K = way(placed_K)
    spots_K2 = plan.position + on_floor(spots_K2, plan.heading)
    stance_time = 2.0 * gait.step_time - air_time
    side = first_side
    for off, spot_2, turn in zip(offs_K, spots_K2, turns_K, strict=True):
        heading = plan.heading + float(turn)
        plan.step(
            side,
            Step(
                off=float(off),
                down=float(off) + air_time,
                place=plan.foot_place(side, spot_2, heading),
                yaw=heading + SIGN[side] * plan.manner.toe_out,
                lift=gait.lift,
                heel=gait.heel,
                toe=gait.toe,
                heel_time=0.5 * stance_time,
                toe_time=min(0.12, 0.3 * stance_time),
            ),
        )
        side = other(side)
    plan.travel(*way(ramped((plan.times_T - start) / (end - start), ramp)))
    _carry(plan, gait, start, end)
    plan.now = end + 0.15


def _carry(plan: Plan, gait: Gait, start: float, end: float) -> None:
    """Bob of the pelvis and carriage of trunk and arms while going."""
    rise = min(0.5, 0.4 * (end - start))
    going_T = envelope(plan.times_T, start, rise, end - start - 2.0 * rise, rise)
    middle_of_stance = start + SHIFT_TIME + (1.0 + gait.air) * gait.step_time
    bobbing_T = np.cos(2.0 * np.pi * (plan.times_T - middle_of_stance) / gait.step_time)
    plan.add(going_T * bobbing_T, {"height": gait.bob})
    plan.add(
        going_T,
        {
            "height": -gait.drop,
            "pelvis_pitch": 0.35 * gait.lean,
            "spine_pitch": 0.65 * gait.lean,
            "left_elbow": gait.elbow,
            "right_elbow": gait.elbow,
            "arm_swing": gait.arm_swing,
            "lift_swing": gait.lift_swing,
        },
    )


def straight(left: float, forward: float) -> Way:
    """Along a straight line, looking the same way."""
    return lambda progress_N: (progress_N[:, None] * np.array([[left, forward]]), np.zeros_like(progress_N))


def bent(radius: float, angle: float) -> Way:
    """Along a circle, looking along it; a positive angle turns left (counterclockwise from above)."""
    sign = np.sign(angle)

    def way(progress_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turn_N = angle * progress_N
        left_N = sign * radius * (1.0 - np.cos(turn_N))
        return np.stack([left_N, sign * radius * np.sin(turn_N)], axis=1), turn_N

    return way


def on_the_spot(angle: float = 0.0) -> Way:
    """Staying in place, turning by an angle."""
    return lambda progress_N: (np.zeros((len(progress_N), 2)), angle * progress_N)


def _paced(gait: Gait, plan: Plan, p: Parameters) -> Gait:
    """The gait of this person, with short or long steps where asked for."""
    return replace(
        gait,
        step_time=gait.step_time * STRIDE_PACE[p.amount] / plan.manner.tempo,
        step_length=gait.step_length * STRIDE_SIZE[p.amount],
    )


def _any_side(plan: Plan) -> str:
    return "left" if plan.rng.random() < 0.5 else "right"


def walk(plan: Plan, p: Parameters) -> None:
    """Walk forward, straight or in a curve to the left or right."""
    gait = _paced(WALK[p.speed], plan, p)
    steps = 4 + round(6 * p.extent)
    length = gait.distance(steps)
    if p.direction == "forward":
        way = straight(0.0, length)
    else:
        angle = plan.rng.uniform(1.0, 1.6)
        way = bent(length / angle, angle if p.direction == "left" else -angle)
    on_foot(plan, gait, _any_side(plan), steps, way)


def run(plan: Plan, p: Parameters) -> None:
    """Run forward."""
    gait = _paced(RUN[p.speed], plan, p)
    steps = 5 + round(6 * p.extent)
    on_foot(plan, gait, _any_side(plan), steps, straight(0.0, gait.distance(steps)))


def walk_backward(plan: Plan, p: Parameters) -> None:
    """Walk backward."""
    gait = _paced(WALK[p.speed], plan, p)
    gait = replace(
        gait, step_length=0.6 * gait.step_length, step_time=1.1 * gait.step_time, heel=0.2, toe=0.0, lean=0.03
    )
    steps = 4 + round(5 * p.extent)
    on_foot(plan, gait, _any_side(plan), steps, straight(0.0, -gait.distance(steps)))


def circle(plan: Plan, p: Parameters) -> None:
    """Walk once around a circle."""
    gait = _paced(WALK[p.speed], plan, p)
    radius = plan.rng.uniform(0.65, 0.95)
    steps = round(2.0 * np.pi * radius / gait.step_length) + 1
    angle = 2.0 * np.pi if p.direction == "counterclockwise" else -2.0 * np.pi
    first_side = "right" if angle > 0 else "left"
    on_foot(plan, gait, first_side, steps, bent(radius, angle))


def turn(plan: Plan, p: Parameters) -> None:
    """Turn on the spot: a quarter when the amount is small, half around when it is large."""
    angle = 0.5 * np.pi if p.amount == "small" else np.pi
    steps = 3 if p.amount == "small" else 5
    gait = replace(SMALL_STEPS, step_time=SMALL_STEPS.step_time / p.tempo(plan))
    on_foot(plan, gait, p.direction, steps, on_the_spot(angle if p.direction == "left" else -angle))


def side_step(plan: Plan, p: Parameters) -> None:
    """Step sideways, one foot out and the other to it, `count` times."""
    gait = replace(SMALL_STEPS, step_time=SMALL_STEPS.step_time / p.tempo(plan), lift=0.07)
    width = {"small": 0.22, "normal": 0.32, "large": 0.45}[p.amount] * p.count
    placed_K = np.repeat(np.arange(1, p.count + 1), 2) / p.count
    on_foot(
        plan,
        gait,
        p.direction,
        2 * p.count,
        straight(width if p.direction == "left" else -width, 0.0),
        placed_K,
    )


def jog(plan: Plan, p: Parameters) -> None:
    """Jog in place."""
    gait = replace(JOG, step_time={"slow": 0.42, "normal": 0.34, "fast": 0.27}[p.speed] / plan.manner.tempo)
    steps = round((2.0 + 3.5 * p.extent) / gait.step_time)
    on_foot(plan, gait, _any_side(plan), steps, on_the_spot())


def march(plan: Plan, p: Parameters) -> None:
    """Walk in place with high knees."""
    gait = replace(MARCH, step_time=MARCH.step_time / p.tempo(plan) ** 0.5)
    steps = round((2.0 + 3.5 * p.extent) / gait.step_time)
    on_foot(plan, gait, _any_side(plan), steps, on_the_spot())
