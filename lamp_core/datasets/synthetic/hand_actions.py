"""The table of gestures of the hand, as `actions.ACTIONS`, and the two tables together."""

from collections.abc import Callable

from lamp_core.datasets.synthetic import hand_gestures
from lamp_core.datasets.synthetic.actions import ACTIONS, ALL_SPEEDS, Action, Words
from lamp_core.datasets.synthetic.hand_gestures import IN_FRONT, RAISED, showing
from lamp_core.datasets.synthetic.parameters import Parameters
from lamp_core.datasets.synthetic.plan import Plan

HANDS = ("left", "right", "left", "right", "both")
TIMES = (1, 1, 2, 3)
WEIGHT = 4.0
"""Of each gesture: with ten of them, more than half of the draws from both tables."""


def _gesture(
    motion: Callable[[Plan, Parameters], None],
    *phrases: str,
    count: tuple[int, ...] = TIMES,
    words: Words | None = None,
    **options: tuple[str, ...],
) -> Action:
    """A gesture of either hand or both, at any speed, so many times."""
    common = {"speed": ALL_SPEEDS, "count": count, "side": HANDS}
    return Action(motion, {**common, **options}, phrases, words or {}, weight=WEIGHT, moves="arms")


HAND_ACTIONS: dict[str, Action] = {
    "fist": _gesture(
        showing("fist", IN_FRONT | {"palm_down": 0.8}),
        "[make] a fist with {hand} {count} {speed}", "{manner} [clench] {fist} {count}",
        "[raise] {hand} and [make] a fist {count} {speed}",
    ),
    "point": _gesture(
        hand_gestures.point,
        "[point] {direction} with {hand} {count} {speed}",
        "[point] {direction} with the index finger of {hand} {count} {speed}",
        "{manner} [raise] {arm} and [point] {direction} {count}",
        direction=("forward", "up", "side"),
        words={"direction": {"forward": ("forward", "straight ahead"), "up": ("up", "upwards"),
         "side": ("sideways", "out to the side")}},
    ),
    "open_hand": _gesture(
        showing("open", RAISED),
        "[open] {hand} wide {count} {speed}", "[spread] the fingers of {hand} {count} {speed}",
        "{manner} [raise] {hand} and [spread] all fingers {count}",
    ),
    "count": _gesture(
        hand_gestures.count,
        "[count] to {number} with the fingers of {hand} {speed}",
        "{manner} [hold] up {number} finger{s} of {hand}",
        "[raise] {hand} and [count] to {number} on the fingers {speed}",
        count=(1, 2, 3, 4, 5),
    ),
    "wave_fingers": _gesture(
        hand_gestures.wave_fingers,
        "[wave] with the fingers of {hand} {count} {speed}",
        "[wiggle] the fingers of {hand} {count} {speed}",
        "{manner} [raise] {hand} and [wave] with the fingers {count}",
        count=(2, 3, 4, 5),
    ),
    "grasp": _gesture(
        hand_gestures.grasp,
        "[grasp] something with {hand} {count} {speed}",
        "[reach] forward with {arm} and [grasp] something {count} {speed}",
        "{manner} [grab] an object in front with {hand} {count}",
    ),
    "thumbs_up": _gesture(
        showing("thumbs_up", IN_FRONT),
        "[give] a thumbs up with {hand} {count} {speed}", "{manner} [show] a thumbs up with {hand} {count}",
        "[raise] {hand} and [hold] up the thumb {count} {speed}",
    ),
    "ok": _gesture(
        showing("ok", RAISED),
        "[make] the OK sign with {hand} {count} {speed}",
        "{manner} [show] the OK gesture with {hand} {count}",
        "[form] a ring of thumb and index finger with {hand} {count} {speed}",
    ),
    "pinch": _gesture(
        showing("pinch", IN_FRONT | {"palm_down": 0.7}),
        "[pinch] something with {hand} {count} {speed}",
        "[pinch] something between thumb and index finger of {hand} {count} {speed}",
        "{manner} [bring] thumb and index finger of {hand} together {count}",
    ),
    "play_piano": Action(
        hand_gestures.play_piano,
        {"speed": ALL_SPEEDS, "side": ("both",)},
        ("[play] the piano {speed}", "[play] the piano with both hands {speed}",
         "{manner} [press] the keys of a piano with {hand}",
         "[move] the fingers of both hands as on a piano {speed}"),
        weight=WEIGHT, moves="arms",
    ),
}  # fmt: skip
EVERY_ACTION = ACTIONS | HAND_ACTIONS
