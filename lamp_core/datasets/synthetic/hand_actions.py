"""The table of gestures of the hand, as `actions.ACTIONS`, and the two tables together."""

from lamp_core.datasets.synthetic import hand_gestures
from lamp_core.datasets.synthetic.actions import ACTIONS, ALL_SPEEDS, Action
from lamp_core.datasets.synthetic.hand_gestures import IN_FRONT, RAISED, showing

HANDS = ("left", "right", "left", "right", "both")
TIMES = (1, 1, 2, 3)
WEIGHT = 4.0
"""Of each gesture: with ten of them, more than half of the draws from both tables."""

HAND_ACTIONS: dict[str, Action] = {
    "fist": Action(
        showing("fist", IN_FRONT | {"palm_down": 0.8}),
        {"speed": ALL_SPEEDS, "count": TIMES, "side": HANDS},
        ("[make] a fist with {hand} {count} {speed}", "{manner} [clench] {fist} {count}",
         "[raise] {hand} and [make] a fist {count} {speed}"),
        weight=WEIGHT, moves="arms",
    ),
    "point": Action(
        hand_gestures.point,
        {"speed": ALL_SPEEDS, "count": TIMES, "side": HANDS, "direction": ("forward", "up", "side")},
        ("[point] {direction} with {hand} {count} {speed}",
         "[point] {direction} with the index finger of {hand} {count} {speed}",
         "{manner} [raise] {arm} and [point] {direction} {count}"),
        words={"direction": {"forward": ("forward", "straight ahead"), "up": ("up", "upwards"),
         "side": ("sideways", "out to the side")}},
        weight=WEIGHT, moves="arms",
    ),
    "open_hand": Action(
        showing("open", RAISED),
        {"speed": ALL_SPEEDS, "count": TIMES, "side": HANDS},
        ("[open] {hand} wide {count} {speed}", "[spread] the fingers of {hand} {count} {speed}",
         "{manner} [raise] {hand} and [spread] all fingers {count}"),
        weight=WEIGHT, moves="arms",
    ),
    "count": Action(
        hand_gestures.count,
        {"speed": ALL_SPEEDS, "count": (1, 2, 3, 4, 5), "side": HANDS},
        ("[count] to {number} with the fingers of {hand} {speed}",
         "{manner} [hold] up {number} finger{s} of {hand}",
         "[raise] {hand} and [count] to {number} on the fingers {speed}"),
        weight=WEIGHT, moves="arms",
    ),
    "wave_fingers": Action(
        hand_gestures.wave_fingers,
        {"speed": ALL_SPEEDS, "count": (2, 3, 4, 5), "side": HANDS},
        ("[wave] with the fingers of {hand} {count} {speed}",
         "[wiggle] the fingers of {hand} {count} {speed}",
         "{manner} [raise] {hand} and [wave] with the fingers {count}"),
        weight=WEIGHT, moves="arms",
    ),
    "grasp": Action(
        hand_gestures.grasp,
        {"speed": ALL_SPEEDS, "count": TIMES, "side": HANDS},
        ("[grasp] something with {hand} {count} {speed}",
         "[reach] forward with {arm} and [grasp] something {count} {speed}",
         "{manner} [grab] an object in front with {hand} {count}"),
        weight=WEIGHT, moves="arms",
    ),
    "thumbs_up": Action(
        showing("thumbs_up", IN_FRONT),
        {"speed": ALL_SPEEDS, "count": TIMES, "side": HANDS},
        ("[give] a thumbs up with {hand} {count} {speed}", "{manner} [show] a thumbs up with {hand} {count}",
         "[raise] {hand} and [hold] up the thumb {count} {speed}"),
        weight=WEIGHT, moves="arms",
    ),
    "ok": Action(
        showing("ok", RAISED),
        {"speed": ALL_SPEEDS, "count": TIMES, "side": HANDS},
        ("[make] the OK sign with {hand} {count} {speed}",
         "{manner} [show] the OK gesture with {hand} {count}",
         "[form] a ring of thumb and index finger with {hand} {count} {speed}"),
        weight=WEIGHT, moves="arms",
    ),
    "pinch": Action(
        showing("pinch", IN_FRONT | {"palm_down": 0.7}),
        {"speed": ALL_SPEEDS, "count": TIMES, "side": HANDS},
        ("[pinch] something with {hand} {count} {speed}",
         "[pinch] something between thumb and index finger of {hand} {count} {speed}",
         "{manner} [bring] thumb and index finger of {hand} together {count}"),
        weight=WEIGHT, moves="arms",
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
