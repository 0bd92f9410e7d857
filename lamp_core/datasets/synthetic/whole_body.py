"""What the whole body does on the spot: squat, sit, jump, kick, bow, pick something up, lunge.

Seconds, metres, radians; amounts are offsets from the body at ease.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from lamp_core.datasets.synthetic.body import SIDES, SIGN
from lamp_core.datasets.synthetic.easing import envelope
from lamp_core.datasets.synthetic.parameters import Parameters, other
from lamp_core.datasets.synthetic.plan import Plan, Step, on_floor

GRAVITY = 9.81
PUSH_OFF_RISE = 0.05
"""How far the pelvis is above standing when the feet leave the floor."""


def squat(plan: Plan, p: Parameters) -> None:
    """Squat `count` times; shallow or deep by the amount. The arms go forward for balance."""
    down, hold = 0.75 / p.tempo(plan), 0.1 + 0.15 * p.extent
    depth = {"small": 0.22, "normal": 0.36, "large": 0.48}[p.amount]
    lean = 0.9 * depth
    for _ in range(p.count):
        plan.pulse(
            plan.now, down, hold, down,
            {"height": -depth, "surge": -0.25 * depth, "pelvis_pitch": lean, "spine_pitch": 0.8 * lean},
        )  # fmt: skip
        arms = {f"{side}_{name}": value for side in SIDES for name, value in _ARMS_FORWARD.items()}
        plan.pulse(plan.now, down, hold, down, arms)
        plan.now += 2.0 * down + hold + 0.08


_ARMS_FORWARD = {"flexion": 1.55, "elbow": 0.1, "busy": 1.0}
_ARMS_UP = {"abduction": 2.6, "twist": 0.5, "elbow": 0.1, "busy": 1.0}


def sit(plan: Plan, p: Parameters) -> None:
    """Sit down on a seat behind and stand up again, `count` times."""
    for _ in range(p.count):
        _sit(plan, p, seated_time=0.5 + 1.2 * p.extent)


def sit_down(plan: Plan, p: Parameters) -> None:
    """Sit down and stay seated to the end of the clip."""
    _sit(plan, p, seated_time=np.inf)


def _sit(plan: Plan, p: Parameters, seated_time: float) -> None:
    down = 1.0 / p.tempo(plan)
    seated = {"height": -0.40, "surge": -0.34, "pelvis_pitch": -0.05}
    for side in SIDES:
        seated |= {f"{side}_flexion": 0.55, f"{side}_elbow": 0.55, f"{side}_busy": 1.0}
    plan.pulse(plan.now, down, seated_time, down, seated)
    leaning = {"spine_pitch": 0.5, "pelvis_pitch": 0.35}
    plan.pulse(plan.now, 0.65 * down, 0.0, 0.6 * down, leaning)
    if np.isinf(seated_time):
        plan.now += down + 0.4 + p.extent
        return
    plan.pulse(plan.now + down + seated_time - 0.25 * down, 0.6 * down, 0.0, 0.65 * down, leaning)
    plan.now += 2.0 * down + seated_time + 0.1


def bow(plan: Plan, p: Parameters) -> None:
    """Bow `count` times, slightly or deeply."""
    down, hold = 0.85 / p.tempo(plan), 0.2 + 0.5 * p.extent
    depth = {"small": 0.35, "normal": 0.75, "large": 1.2}[p.amount]
    for _ in range(p.count):
        bent = {"pelvis_pitch": 0.5 * depth, "spine_pitch": 0.6 * depth, "neck_pitch": 0.4 * depth}
        arms = {"left_flexion": 0.35 * depth, "right_flexion": 0.35 * depth}
        plan.pulse(plan.now, down, hold, down, bent | arms | {"surge": -0.13 * depth})
        plan.now += 2.0 * down + hold + 0.1


def pick_up(plan: Plan, p: Parameters) -> None:
    """Bend down and pick something up from the floor with one hand."""
    down, hold = 0.95 / p.tempo(plan), 0.2 + 0.3 * p.extent
    plan.pulse(
        plan.now, down, hold, down,
        {"height": -0.38, "surge": -0.16, "pelvis_pitch": 0.85, "spine_pitch": 0.75,
         "spine_yaw": 0.2 * SIGN[p.side]},
    )  # fmt: skip
    reaching, resting = p.side, other(p.side)
    plan.pulse(
        plan.now,
        down,
        hold,
        down,
        {f"{reaching}_flexion": 1.35, f"{reaching}_abduction": -0.1, f"{reaching}_elbow": -0.15},
    )
    plan.pulse(plan.now, down, hold, down, {f"{resting}_flexion": 0.5, f"{resting}_elbow": 1.2})
    plan.now += 2.0 * down + hold
    plan.pulse(
        plan.now - 0.45 * down, 0.4, 0.25, 0.45, {f"{reaching}_elbow": 1.2, f"{reaching}_flexion": 0.2}
    )
    plan.now += 0.7


def kick(plan: Plan, p: Parameters) -> None:
    """Kick forward with one leg `count` times, low or high."""
    slower = 1.0 / p.tempo(plan) ** 0.6
    height = {"small": 0.75, "normal": 1.15, "large": 1.5}[p.amount]
    for _ in range(p.count):
        _kick_once(plan, p.side, height * plan.rng.uniform(0.95, 1.05), slower)


def _kick_once(plan: Plan, side: str, height: float, slower: float) -> None:
    start, far = plan.now, other(side)
    free, back, reached, dropped, end = (time * slower for time in (0.28, 0.36, 0.68, 1.08, 1.4))
    plan.pulse(start, free, dropped - free, end - dropped, {f"{side}_leg_free": 1.0})
    angles = [(0.3 * back, 0.0), (back, -0.35), (reached, height), (dropped, 0.05), (end, 0.0)]
    plan.keys(start, angles, {f"{side}_leg_angle": 1.0})
    plan.keys(start, [(0.8 * back, 0.3), (reached, 0.0), (dropped, 0.17), (end, 0.05), (end + 0.1, 0.0)],
              {f"{side}_leg_bend": 1.0})  # fmt: skip
    plan.pulse(start + 0.3 * back, back, 0.2 * slower, 0.3 * slower, {f"{side}_leg_point": 0.45})
    plan.pulse(start, 0.3, end - 0.5, 0.4, {"balance": 0.5, "height": -0.02})
    swing = height / 1.2
    plan.pulse(
        start + 0.5 * back, reached - 0.5 * back, 0.05, dropped - reached,
        {"pelvis_pitch": -0.22 * swing, "spine_pitch": 0.05,
         f"{far}_flexion": 0.7 * swing, f"{side}_flexion": -0.45 * swing,
         f"{side}_abduction": 0.3, f"{far}_elbow": 0.3, "pelvis_yaw": SIGN[far] * 0.2},
    )  # fmt: skip
    plan.now = start + end + 0.12


@dataclass(frozen=True)
class _Leap:
    """The times of one jump and the speed of leaving the floor."""

    start: float
    crouched: float
    off: float
    down: float
    absorbed: float
    end: float
    speed: float


def _leap(plan: Plan, height: float, crouch: float, slower: float) -> _Leap:
    """Move the pelvis through one jump: crouch, push off, fly freely, land softly."""
    speed = float(np.sqrt(2.0 * GRAVITY * height))
    crouched = plan.now + 0.5 * slower
    off = crouched + 2.0 * (crouch + PUSH_OFF_RISE) / speed
    down = off + 2.0 * speed / GRAVITY
    soft = 0.7 * crouch
    absorbed = down + 2.0 * (soft + PUSH_OFF_RISE) / speed
    end = absorbed + 0.5 * slower
    ground = CubicHermiteSpline(
        [plan.now, crouched, off, down, absorbed, end],
        [0.0, -crouch, PUSH_OFF_RISE, PUSH_OFF_RISE, -soft, 0.0],
        [0.0, 0.0, speed, -speed, 0.0, 0.0],
    )
    in_air_T = np.clip(plan.times_T, off, down) - off
    flight_T = PUSH_OFF_RISE + speed * in_air_T - 0.5 * GRAVITY * in_air_T**2
    flies_T = (plan.times_T > off) & (plan.times_T < down)
    height_T = np.where(flies_T, flight_T, ground(np.clip(plan.times_T, plan.now, end)))
    plan.add(height_T, {"height": 1.0})
    return _Leap(plan.now, crouched, off, down, absorbed, end, speed)


def _feet_leap(plan: Plan, leap: _Leap, lift: float, way_2: np.ndarray, aside: float) -> None:
    """Both feet leave the floor and land together, `aside` metres further out than at ease."""
    landing_2 = plan.position + on_floor(way_2[None], plan.heading)[0]
    for side in SIDES:
        plan.step(
            side,
            Step(
                off=leap.off,
                down=leap.down,
                place=plan.foot_place(side, landing_2, plan.heading, aside),
                yaw=plan.foot_yaw(side),
                lift=lift,
                heel=0.75,
                softness=1.5,
                heel_time=0.7 * (leap.off - leap.crouched),
            ),
        )
    before = 0.5 * (leap.down - leap.off)
    heel_T = envelope(plan.times_T, leap.down - before, 0.8 * before, 0.2 * before, 0.14)
    plan.add(heel_T, {f"{side}_heel": 0.45 for side in SIDES})


def jump(plan: Plan, p: Parameters) -> None:
    """Jump up or forward `count` times, a little or high (far), with a swing of the arms."""
    slower = 1.0 / p.tempo(plan) ** 0.7
    height = {"small": 0.1, "normal": 0.22, "large": 0.38}[p.amount]
    length = {"small": 0.35, "normal": 0.6, "large": 0.9}[p.amount] if p.direction == "forward" else 0.0
    for _ in range(p.count):
        leap = _leap(plan, height, 0.14 + 0.45 * height, slower)
        way_2 = np.array([0.0, length])
        _feet_leap(plan, leap, height * 0.95, way_2, aside=0.0)
        if length:
            early = leap.off - 0.25
            moved_T = envelope(plan.times_T, early, leap.down + 0.15 - early, np.inf, 1.0)
            plan.travel(moved_T[:, None] * way_2, np.zeros_like(moved_T))
        folded = {"pelvis_pitch": 0.25 + 0.5 * height, "spine_pitch": 0.2 + 0.5 * height, "surge": -0.04}
        plan.pulse(leap.start, leap.crouched - leap.start, 0.0, leap.off - leap.crouched, folded)
        plan.pulse(leap.down - 0.1, leap.absorbed - leap.down + 0.1, 0.0, leap.end - leap.absorbed, folded)
        ready = 0.75 * (leap.crouched - leap.start)
        back = {f"{side}_flexion": -0.5 for side in SIDES}
        plan.pulse(leap.start, ready, 0.0, leap.off - leap.start - ready, back)
        up = {f"{side}_flexion": 1.2 + 2.5 * height for side in SIDES} | {
            f"{side}_elbow": 0.25 for side in SIDES
        }
        top = 0.5 * (leap.off + leap.down)
        plan.pulse(leap.start + ready, top - leap.start - ready, 0.0, leap.absorbed + 0.15 - top, up)
        plan.now = leap.end - 0.1


def jumping_jack(plan: Plan, p: Parameters) -> None:
    """Jump with legs apart and arms overhead, and back together, `count` times."""
    slower = 0.45 / p.tempo(plan)
    for _ in range(p.count):
        opening = _leap(plan, 0.055, 0.08, slower)
        _feet_leap(plan, opening, 0.05, np.zeros(2), aside=0.17)
        plan.now = opening.end - 0.25 * slower
        closing = _leap(plan, 0.055, 0.08, slower)
        _feet_leap(plan, closing, 0.05, np.zeros(2), aside=0.0)
        plan.now = closing.end - 0.25 * slower
        arms = {f"{side}_{name}": value for side in SIDES for name, value in _ARMS_UP.items()}
        rise, fall = opening.absorbed - opening.crouched, closing.absorbed - closing.crouched
        plan.pulse(opening.crouched, rise, closing.crouched - opening.absorbed, fall, arms)
    plan.now += 0.25


def lunge(plan: Plan, p: Parameters) -> None:
    """Lunge forward with one leg and step back, `count` times."""
    slower = 1.0 / p.tempo(plan)
    reach = {"small": 0.5, "normal": 0.65, "large": 0.8}[p.amount]
    for _ in range(p.count):
        _lunge_once(plan, p.side, reach, slower)


def _lunge_once(plan: Plan, side: str, reach: float, slower: float) -> None:
    start, out, hold = plan.now + 0.15, 0.6 * slower, 0.35 * slower
    home, yaw = plan.foot_place(side, plan.position, plan.heading), plan.foot_yaw(side)
    ahead_2 = plan.position + on_floor(np.array([[0.0, reach]]), plan.heading)[0]
    there = plan.foot_place(side, ahead_2, plan.heading)
    back = start + out + hold + 0.35 * slower
    plan.step(side, Step(start, start + out, there, yaw, 0.1, heel=0.2, toe=0.25))
    plan.step(side, Step(back, back + out, home, yaw, 0.1, heel=0.2, toe=0.0))
    far = other(side)
    plan.pulse(start, out * 1.15, back - start - out * 1.15, out, {"surge": 0.55 * reach})
    plan.pulse(start + 0.3 * out, out, back - start - 1.2 * out, 0.9 * out, {"height": -0.34 * reach - 0.03})
    plan.pulse(start + 0.2 * out, out, back - start - 1.1 * out, 0.8 * out, {f"{far}_heel": 0.75})
    plan.now = back + out + 0.15
