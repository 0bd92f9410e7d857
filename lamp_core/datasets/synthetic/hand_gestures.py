"""What hands do: gestures that have a name, in front of the body, by one hand or both.

Seconds, radians; amounts are offsets from arm and hand at ease.
"""

from collections.abc import Callable, Mapping

from lamp_core.datasets.synthetic.body import SIDES
from lamp_core.datasets.synthetic.easing import beats
from lamp_core.datasets.synthetic.gestures import arm
from lamp_core.datasets.synthetic.hand_pose import FINGERS, SHAPES, counting
from lamp_core.datasets.synthetic.parameters import Parameters
from lamp_core.datasets.synthetic.plan import Plan

IN_FRONT = {"flexion": 0.3, "elbow": 1.25, "twist": 0.25}
"""The forearm level and forward, the palm inward."""
RAISED = {"flexion": 0.5, "elbow": 1.75, "twist": 0.2, "palm_down": 1.2}
"""The hand before the shoulder, the palm forward."""
REACHING = {"flexion": 1.15, "elbow": 0.1, "twist": 0.2, "palm_down": 0.4}
POINTING = {
    "forward": {"flexion": 1.4, "elbow": -0.1, "twist": 0.2, "palm_down": 1.0},
    "up": {"flexion": 2.6, "elbow": 0.0, "twist": 0.2, "palm_down": 0.4},
    "side": {"abduction": 1.4, "elbow": -0.1, "twist": 0.2, "palm_down": 0.4},
}
AT_THE_KEYS = {"flexion": 0.25, "elbow": 1.2, "twist": 0.3, "abduction": 0.05, "palm_down": 1.45}
PARTS_OF_A_WAVE = 0.25
"""Share of a period by which each finger is behind the one before it."""


def showing(shape: str, where: Mapping[str, float]) -> Callable[[Plan, Parameters], None]:
    """An action that holds the hand somewhere and gives it a shape, `count` times."""

    def perform(plan: Plan, p: Parameters) -> None:
        _show(plan, p, shape, where)

    return perform


def point(plan: Plan, p: Parameters) -> None:
    """Point with the index finger, `count` times."""
    _show(plan, p, "point", POINTING[p.direction])


def _show(plan: Plan, p: Parameters, shape: str, where: Mapping[str, float]) -> None:
    tempo = p.tempo(plan)
    rise, form, hold = 0.6 / tempo**0.6, 0.35 / tempo, 0.35 + 0.6 * p.extent
    once = 2.0 * form + hold
    _hold_arms(plan, p, where, rise, p.count * once)
    for turn in range(p.count):
        plan.shape_hands(p.sides, SHAPES[shape], plan.now + rise + turn * once, form, hold, form)
    plan.now += 2.0 * rise + p.count * once


def _hold_arms(plan: Plan, p: Parameters, where: Mapping[str, float], rise: float, hold: float) -> None:
    for side in p.sides:
        plan.pulse(plan.now, rise, hold, rise, arm(side, **where))


def count(plan: Plan, p: Parameters) -> None:
    """Hold up one finger after the other, `count` of them, from the index on; the thumb is the fifth."""
    tempo = p.tempo(plan)
    rise, form, last = 0.6 / tempo**0.6, 0.45 / tempo, 0.4 + 0.5 * p.extent
    counting_time = p.count * form + last
    _hold_arms(plan, p, RAISED, rise, counting_time)
    plan.shape_hands(p.sides, counting(0), plan.now, rise, counting_time, rise)
    for number in range(1, p.count + 1):
        before, after = counting(number - 1), counting(number)
        amounts = {
            f"{side}_{name}": after[name] - before[name]
            for side in p.sides
            for name in after
            if after[name] != before[name]
        }
        start = rise + (number - 1) * form
        plan.pulse(plan.now + start, 0.8 * form, counting_time + rise - start - 0.8 * form, rise, amounts)
    plan.now += 2.0 * rise + counting_time


def wave_fingers(plan: Plan, p: Parameters) -> None:
    """Hold an open hand up and bend its fingers one behind the other, `count` times."""
    tempo = p.tempo(plan)
    rise, period = 0.6 / tempo**0.6, 0.62 / tempo
    waving = (p.count + PARTS_OF_A_WAVE * (len(FINGERS) - 1)) * period
    _hold_arms(plan, p, RAISED, rise, waving)
    plan.shape_hands(p.sides, SHAPES["open"], plan.now, rise, waving, rise)
    for place, finger in enumerate(reversed(FINGERS)):
        start = plan.now + rise + place * PARTS_OF_A_WAVE * period
        waves_T = beats(plan.times_T, start, period, p.count)
        for side in p.sides:
            plan.add(waves_T, {f"{side}_{finger}_knuckle": 0.9, f"{side}_{finger}_curl": 0.7})
    plan.now += 2.0 * rise + waving


def grasp(plan: Plan, p: Parameters) -> None:
    """Reach forward with an open hand and close it around something, `count` times."""
    tempo = p.tempo(plan)
    rise, close, hold = 0.7 / tempo**0.6, 0.4 / tempo, 0.3 + 0.6 * p.extent
    once = 2.0 * close + hold + 0.1
    _hold_arms(plan, p, REACHING, rise, p.count * once)
    plan.shape_hands(p.sides, SHAPES["open"], plan.now, rise, p.count * once, rise)
    around = {name: SHAPES["grasp"][name] - SHAPES["open"][name] for name in SHAPES["grasp"]}
    closed = {f"{side}_{name}": amount for side in p.sides for name, amount in around.items()}
    for turn in range(p.count):
        plan.pulse(plan.now + rise + 0.05 + turn * once, close, hold, close, closed)
    plan.now += 2.0 * rise + p.count * once


def play_piano(plan: Plan, p: Parameters) -> None:
    """Hold both hands level over keys and press them with one finger after the other, at random."""
    tempo = p.tempo(plan)
    rise, note = 0.7 / tempo**0.6, 0.26 / tempo
    notes = 8 + round(8 * p.extent)
    playing = (notes + 1) * note
    _hold_arms(plan, p, AT_THE_KEYS, rise, playing)
    plan.shape_hands(SIDES, SHAPES["piano"], plan.now, rise, playing, rise)
    fingers = list(FINGERS)
    for side in SIDES:
        drift = plan.rng.uniform(-0.15, 0.15)
        plan.pulse(plan.now + rise, 0.5 * playing, 0.0, 0.5 * playing, {f"{side}_twist": drift})
        for place in range(notes):
            finger = fingers[int(plan.rng.integers(len(fingers)))]
            start = plan.now + rise + place * note
            plan.pulse(start, 0.45 * note, 0.0, 0.45 * note, {f"{side}_{finger}_knuckle": 0.5})
    plan.now += 2.0 * rise + playing
