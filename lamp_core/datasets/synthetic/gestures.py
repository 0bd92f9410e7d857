"""What arms do while the feet stand: wave, raise, clap, punch, throw.

Arm angles are offsets from the arm at ease; see `body.Pose` for their meaning. Seconds, radians.
"""

from lamp_core.datasets.synthetic.body import SIDES, SIGN
from lamp_core.datasets.synthetic.easing import beats
from lamp_core.datasets.synthetic.hand_pose import SHAPES
from lamp_core.datasets.synthetic.parameters import Parameters, other
from lamp_core.datasets.synthetic.plan import Plan


def arm(side: str, **amounts: float) -> dict[str, float]:
    """Amounts of one arm's channels; an arm that does something stops swinging."""
    return {f"{side}_{name}": amount for name, amount in amounts.items()} | {f"{side}_busy": 1.0}


def _both_arms(**amounts: float) -> dict[str, float]:
    return arm("left", **amounts) | arm("right", **amounts)


def wave(plan: Plan, p: Parameters) -> None:
    """Raise a hand (or both) and wave it: from the elbow, or with the whole arm when the amount is large."""
    tempo = p.tempo(plan)
    rise, period = 0.55 / tempo**0.6, 0.62 / tempo
    waving = p.count * period
    wide = p.amount == "large"
    raised = {"flexion": 0.2, "abduction": 2.2, "twist": 1.7, "elbow": 0.2} if wide else {
        "flexion": 0.25, "abduction": 0.95, "twist": 1.85, "elbow": 1.7,
    }  # fmt: skip
    swung = {"abduction": 0.45, "elbow": 0.3} if wide else {"elbow": -0.85, "abduction": 0.1}
    for side in p.sides:
        plan.pulse(plan.now, rise, waving, rise, arm(side, **raised))
        waves_T = beats(plan.times_T, plan.now + rise, period, p.count)
        plan.add(waves_T, {f"{side}_{name}": amount for name, amount in swung.items()})
        plan.shape_hands([side], SHAPES["flat"], plan.now, rise, waving, rise)
        if p.side != "both":
            plan.pulse(plan.now, rise, waving, rise, {"spine_roll": 0.06 * SIGN[side]})
    plan.now += 2.0 * rise + waving


def raise_arms(plan: Plan, p: Parameters) -> None:
    """Raise one arm or both, to the front or the side, to the shoulder (small) or overhead, `count` times."""
    tempo = p.tempo(plan)
    rise, hold = 0.8 / tempo, 0.25 + 0.5 * p.extent
    height = 1.45 if p.amount == "small" else 2.75
    for _ in range(p.count):
        for side in p.sides:
            if p.direction == "front":
                amounts = arm(side, flexion=height, abduction=-0.05, elbow=-0.1)
            else:
                amounts = arm(side, abduction=height, twist=0.5, elbow=-0.1)
            plan.pulse(plan.now, rise, hold, rise, amounts)
        if p.amount != "small":
            plan.pulse(plan.now, rise, hold, rise, {"neck_pitch": -0.2, "spine_pitch": -0.06})
        plan.now += 2.0 * rise + hold + 0.1


def clap(plan: Plan, p: Parameters) -> None:
    """Clap the hands in front of the chest, or overhead when the amount is large; `count` claps."""
    tempo = p.tempo(plan)
    rise, period = 0.55 / tempo**0.6, 0.48 / tempo
    clapping = p.count * period
    if p.amount == "large":
        held, closing = _both_arms(flexion=2.65, elbow=0.25, abduction=0.2), {"abduction": -0.38}
    else:
        held, closing = _both_arms(flexion=0.5, elbow=1.25, twist=0.35), {"twist": -0.5, "abduction": -0.08}
    plan.pulse(plan.now, rise, clapping, rise, held)
    plan.shape_hands(SIDES, SHAPES["flat"], plan.now, rise, clapping, rise)
    claps_T = beats(plan.times_T, plan.now + rise, period, p.count)
    plan.add(claps_T, {f"{side}_{name}": amount for side in SIDES for name, amount in closing.items()})
    plan.now += 2.0 * rise + clapping


def punch(plan: Plan, p: Parameters) -> None:
    """Take up a guard and punch forward `count` times; with both sides the fists take turns, left first."""
    tempo = p.tempo(plan)
    raise_guard, thrust, back, rest = 0.5, 0.24 / tempo, 0.3 / tempo, 0.14 / tempo
    punching = p.count * (thrust + back + rest)
    guard = {"flexion": 0.45, "elbow": 1.9, "twist": 0.1, "abduction": 0.1}
    plan.pulse(plan.now, raise_guard, punching, raise_guard, _both_arms(**guard))
    plan.shape_hands(SIDES, SHAPES["fist"], plan.now, raise_guard, punching, raise_guard)
    plan.pulse(plan.now, raise_guard, punching, raise_guard, {"height": -0.05, "spine_pitch": 0.1})
    start = plan.now + raise_guard
    for turn in range(p.count):
        side = p.sides[turn % len(p.sides)]
        reach = {"flexion": 1.0, "elbow": -2.05, "twist": -0.1, "abduction": -0.15}
        amounts = {f"{side}_{name}": amount for name, amount in reach.items()}
        yaw = -SIGN[side] * plan.rng.uniform(0.35, 0.55)
        plan.pulse(
            start, thrust, 0.04, back, amounts | {"spine_yaw": yaw, "pelvis_yaw": 0.3 * yaw, "surge": 0.03}
        )
        start += thrust + back + rest
    plan.now += 2.0 * raise_guard + punching


def throw(plan: Plan, p: Parameters) -> None:
    """Throw something forward overhand."""
    slower = 1.0 / p.tempo(plan)
    side, sign = p.side, SIGN[p.side]
    back, thrown, through, rest = 0.7 * slower, 1.05 * slower, 1.3 * slower, 2.0 * slower

    def keys(name: str, at_back: float, at_throw: float, at_through: float) -> None:
        curve = [(back, at_back), (thrown, at_throw), (through, at_through), (rest, 0.0)]
        plan.keys(plan.now, curve, {name: 1.0})

    keys(f"{side}_abduction", 1.35, 0.9, 0.1)
    keys(f"{side}_twist", 2.1, 1.0, 0.1)
    keys(f"{side}_elbow", 1.5, 0.15, 0.2)
    keys(f"{side}_flexion", -0.25, 1.5, 0.9)
    keys("spine_yaw", 0.6 * sign, -0.3 * sign, -0.5 * sign)
    keys("spine_pitch", -0.1, 0.2, 0.35)
    aim = other(side)
    keys(f"{aim}_flexion", 0.9, 0.1, -0.3)
    keys(f"{aim}_elbow", 0.2, 0.5, 0.3)
    plan.pulse(plan.now, back, through - back, rest - through, {f"{side}_busy": 1.0, f"{aim}_busy": 1.0})
    plan.now += rest + 0.05


def side_bend(plan: Plan, p: Parameters) -> None:
    """Bend the trunk to one side `count` times, the other arm over the head."""
    rise, hold = 0.75 / p.tempo(plan), 0.15 + 0.3 * p.extent
    sign = SIGN[p.direction]
    stretched = other(p.direction)
    for _ in range(p.count):
        plan.pulse(plan.now, rise, hold, rise, {"spine_roll": -0.75 * sign, "pelvis_roll": 0.05 * sign})
        plan.pulse(plan.now, rise, hold, rise, arm(stretched, abduction=2.6, elbow=0.45, twist=1.9))
        plan.pulse(plan.now, rise, hold, rise, arm(p.direction, abduction=0.5, elbow=0.2))
        plan.now += 2.0 * rise + hold + 0.1
