"""The table of actions: what each one may be asked for, which function moves the body, and how people say it.

Phrases: verbs in brackets, slots in braces; see `phrases` for how they become sentences. The words of a
slot stand in `words`, by parameter and value. Several words for one value are ways to say the same, all
true of the motion.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamp_core.datasets.synthetic import gait, gestures, whole_body
from lamp_core.datasets.synthetic.parameters import Parameters
from lamp_core.datasets.synthetic.plan import Plan

Words = dict[str, dict[Any, tuple[str, ...]]]
ALL_SPEEDS = ("slow", "normal", "normal", "fast")
SIDES = ("left", "right")
AMOUNTS = ("small", "normal", "normal", "large")
TO_THE_SIDE = {"left": ("to the left", "left"), "right": ("to the right", "right")}
STRIDES = {
    "small": ("with small steps", "taking short steps"),
    "normal": ("",),
    "large": ("with long strides", "taking big steps"),
}


@dataclass(frozen=True)
class Action:
    """One entry of the table.

    Args:
        motion: writes the movement to a plan.
        options: parameter to the values it may have; a value that stands twice is drawn twice as often.
        phrases: ways to say it.
        words: words of a slot, by parameter and value.
        weight: how often it is drawn.
        last_only: nothing can follow it.
        moves: "legs" or "arms" when an action of the other kind can be performed at the same time.
        may_start_under_way: the clip may begin and end in the middle of it.
    """

    motion: Callable[[Plan, Parameters], None]
    options: dict[str, tuple[Any, ...]]
    phrases: tuple[str, ...]
    words: Words = field(default_factory=dict)
    weight: float = 1.0
    last_only: bool = False
    moves: str = "body"
    may_start_under_way: bool = False

    def draw(self, rng: np.random.Generator, brief: bool = False) -> Parameters:
        """Parameters at random; few repetitions when the action has to be brief."""
        drawn = {}
        for name, values in self.options.items():
            allowed = [
                value for value in values if not (brief and name == "count" and value > max(2, min(values)))
            ]
            drawn[name] = allowed[int(rng.integers(len(allowed)))]
        return Parameters(**drawn, extent=float(rng.uniform(0.0, 0.4 if brief else 1.0)))


ACTIONS: dict[str, Action] = {
    "walk": Action(
        gait.walk,
        {"speed": ALL_SPEEDS, "direction": ("forward", "forward", "left", "right"), "amount": ("small",
         "normal", "normal", "normal", "large")},
        ("[walk] {speed} {direction} {amount}", "[walk] {direction} {speed} {amount}",
         "{manner} [walk] {direction} {amount}"),
        words={
            "direction": {
                "forward": ("forward", "straight ahead", "forward in a straight line"),
                "left": ("in a curve to the left", "forward and to the left"),
                "right": ("in a curve to the right", "forward and to the right"),
            },
            "amount": STRIDES,
        },
        weight=2.4, moves="legs", may_start_under_way=True,
    ),
    "run": Action(
        gait.run,
        {"speed": ALL_SPEEDS},
        ("[run] forward {speed}", "[run] {speed} straight ahead", "[run] {speed}", "[jog] forward {speed}"),
        words={"speed": {"slow": ("slowly", "at an easy pace"), "normal": ("",), "fast": ("fast", "quickly",
         "at high speed")}},
        weight=1.5, may_start_under_way=True,
    ),
    "walk_backward": Action(
        gait.walk_backward,
        {"speed": ALL_SPEEDS},
        ("[walk] backward {speed}", "{manner} [walk] backwards", "[step] backwards {speed}",
         "[back] away {speed}"),
        weight=1.2, moves="legs", may_start_under_way=True,
    ),
    "circle": Action(
        gait.circle,
        {"speed": ("normal", "normal", "fast"), "direction": ("clockwise", "counterclockwise")},
        ("[walk] in a circle {direction} {speed}", "[walk] {speed} around in a circle {direction}",
         "{manner} [walk] a full circle {direction}"),
        words={
            "direction": {
                "clockwise": ("clockwise", "to the right", "in a clockwise direction"),
                "counterclockwise": ("counterclockwise", "to the left", "in a counterclockwise direction"),
            },
        },
        weight=1.5, moves="legs",
    ),
    "turn": Action(
        gait.turn,
        {"speed": ALL_SPEEDS, "direction": SIDES, "amount": ("small", "large")},
        ("[turn] {amount} {direction} {speed}", "{manner} [turn] {amount} {direction}",
         "[stand] and [turn] {amount} {direction} {speed}"),
        words={
            "direction": {"left": ("to the left", "to {own} left"), "right": ("to the right",
         "to {own} right")},
            "amount": {"small": ("", "90 degrees", "a quarter turn"), "large": ("around", "180 degrees",
         "halfway around")},
        },
        weight=1.4,
    ),
    "side_step": Action(
        gait.side_step,
        {"speed": ALL_SPEEDS, "direction": SIDES, "count": (1, 2, 3, 4), "amount": AMOUNTS},
        ("[step] {direction} {speed} {count}", "[sidestep] {amount} {direction} {count} {speed}",
         "{manner} [step] sideways {direction} {count}"),
        words={
            "direction": {"left": ("to the left", "to {own} left"), "right": ("to the right",
         "to {own} right")},
            "amount": {"small": ("a little", "slightly"), "normal": ("",), "large": ("widely",)},
        },
        weight=1.2, moves="legs",
    ),
    "jog": Action(
        gait.jog,
        {"speed": ALL_SPEEDS},
        ("[jog] in place {speed}", "{manner} [jog] on the spot", "[run] in place {speed}",
         "[run] on the spot {speed}"),
    ),
    "march": Action(
        gait.march,
        {"speed": ALL_SPEEDS},
        ("[march] in place {speed}", "{manner} [march] on the spot",
         "[walk] in place with high knees {speed}",
         "[stand] in place and [lift] {own} knees {speed} one after the other"),
        moves="legs",
    ),
    "jump": Action(
        whole_body.jump,
        {"speed": ("normal", "normal", "fast"), "direction": ("up", "forward"), "count": (1, 2, 3),
         "amount": AMOUNTS},
        ("[jump] {direction} {amount} {count}", "[jump] {amount} {direction} {count} with both feet",
         "[bend] {own} knees and [jump] {direction} {amount} {count}"),
        words={
            "direction": {"up": ("up", "into the air"), "forward": ("forward",)},
            "amount": {"small": ("a little",), "normal": ("",), "large": ("with great force", "powerfully")},
        },
        weight=1.4,
    ),
    "jumping_jack": Action(
        whole_body.jumping_jack,
        {"speed": ("normal", "normal", "fast"), "count": (1, 2, 3, 4, 5)},
        ("[do] {number} jumping jack{s}", "[perform] {number} jumping jack{s} {speed}",
         "{manner} [do] {number} jumping jack{s} with both arms"),
    ),
    "squat": Action(
        whole_body.squat,
        {"speed": ALL_SPEEDS, "count": (1, 2, 3, 4), "amount": AMOUNTS},
        ("[squat] {amount} {count} {speed}", "{manner} [squat] down {amount} and [stand] up {count}",
         "[bend] {own} knees {amount} and [squat] {count} {speed}"),
        words={"amount": {"small": ("a little", "slightly"), "normal": ("",), "large": ("deeply",
         "very low")}},
        weight=1.2,
    ),
    "sit": Action(
        whole_body.sit,
        {"speed": ALL_SPEEDS, "count": (1, 1, 2)},
        ("[sit] down and [stand] up again {count} {speed}",
         "{manner} [sit] down and then [get] back up {count}",
         "[take] a seat and [stand] up {count} {speed}",
         "[lower] {own} body onto a chair and [stand] up again {count} {speed}"),
    ),
    "sit_down": Action(
        whole_body.sit_down,
        {"speed": ALL_SPEEDS},
        ("[sit] down {speed}", "{manner} [sit] down on a chair", "[take] a seat {speed}",
         "{manner} [lower] {own} body onto a seat and [stay] seated"),
        weight=0.7, last_only=True,
    ),
    "wave": Action(
        gestures.wave,
        {"speed": ALL_SPEEDS, "count": (2, 3, 4, 5), "side": ("left", "right", "left", "right", "both"),
         "amount": ("normal", "normal", "large")},
        ("[wave] {hand} {amount} {count} {speed}", "[raise] {hand} and [wave] {amount} {count} {speed}",
         "{manner} [wave] with {hand} {amount} {count}"),
        words={"amount": {"normal": ("",), "large": ("high above {own} head", "widely overhead")}},
        weight=2.0, moves="arms",
    ),
    "raise_arms": Action(
        gestures.raise_arms,
        {"speed": ALL_SPEEDS, "count": (1, 1, 2, 3), "side": ("left", "right", "both", "both"),
         "direction": ("front", "side"), "amount": ("small", "large")},
        ("[raise] {arm} {direction} {amount} {count} {speed}",
         "{manner} [lift] {arm} {direction} {amount} {count}",
         "[lift] {arm} {direction} {amount} and [lower] {it} again {count} {speed}"),
        words={
            "direction": {"front": ("in front", "forward"), "side": ("out to the side", "sideways")},
            "amount": {"small": ("to shoulder height", "to shoulder level"), "large": ("overhead",
         "above {own} head")},
        },
        weight=1.8, moves="arms",
    ),
    "clap": Action(
        gestures.clap,
        {"speed": ALL_SPEEDS, "count": (2, 3, 4, 5, 6), "amount": ("normal", "normal", "large")},
        ("[clap] {own} hands {amount} {count} {speed}", "{manner} [clap] {amount} {count}",
         "[raise] both hands and [clap] {amount} {count} {speed}"),
        words={"amount": {"normal": ("", "in front of {own} chest"), "large": ("overhead",
         "above {own} head")}},
        moves="arms",
    ),
    "punch": Action(
        gestures.punch,
        {"speed": ALL_SPEEDS, "count": (1, 2, 3, 4), "side": ("left", "right", "left", "right")},
        ("[punch] forward with {fist} {count} {speed}", "{manner} [punch] with {arm} {count}",
         "[raise] {own} fists and [throw] a {side} punch {count} {speed}"),
        weight=1.2, moves="arms",
    ),
    "box": Action(
        gestures.punch,
        {"speed": ALL_SPEEDS, "count": (2, 4, 6), "side": ("both",)},
        ("[box] with both fists {speed}", "{manner} [punch] forward with the left and right fist by turns",
         "[throw] {number} punches alternately with both hands",
         "[raise] {own} fists and [box] {speed}"),
        weight=0.8, moves="arms",
    ),
    "throw": Action(
        gestures.throw,
        {"speed": ALL_SPEEDS, "side": SIDES},
        ("[throw] something forward with {hand} {speed}", "{manner} [throw] a ball with {arm}",
         "[draw] {arm} back and [throw] an object {speed}", "[throw] something overhand with {hand} {speed}"),
    ),
    "side_bend": Action(
        gestures.side_bend,
        {"speed": ALL_SPEEDS, "count": (1, 2, 3), "direction": SIDES},
        ("[bend] {own} upper body {direction} {count} {speed}",
         "{manner} [lean] {own} trunk {direction} {count}",
         "[stretch] sideways {direction} {count} {speed}"),
        words={"direction": {"left": ("to the left", "to {own} left"), "right": ("to the right",
         "to {own} right")}},
    ),
    "kick": Action(
        whole_body.kick,
        {"speed": ALL_SPEEDS, "count": (1, 2, 3), "side": ("left", "right"), "amount": AMOUNTS},
        ("[kick] {amount} with {leg} {count} {speed}", "[kick] forward {amount} with {foot} {count} {speed}",
         "[swing] {leg} forward and [kick] {amount} {count} {speed}"),
        words={"amount": {"small": ("low",), "normal": ("",), "large": ("high", "up high")}},
        weight=1.6,
    ),
    "lunge": Action(
        whole_body.lunge,
        {"speed": ALL_SPEEDS, "count": (1, 2, 3), "side": ("left", "right"), "amount": AMOUNTS},
        ("[lunge] forward {amount} with {leg} {count} {speed}",
         "[step] forward with {foot} into a lunge and [return] {count} {speed}",
         "{manner} [do] a lunge with {leg} {count}"),
        words={"amount": {"small": ("a little",), "normal": ("",), "large": ("deeply", "far")}},
    ),
    "bow": Action(
        whole_body.bow,
        {"speed": ALL_SPEEDS, "count": (1, 1, 2, 3), "amount": AMOUNTS},
        ("[bow] {amount} {count} {speed}", "{manner} [bow] forward {amount} {count}",
         "[bend] {amount} forward at the waist in a bow {count} {speed}"),
        words={"amount": {"small": ("slightly", "a little"), "normal": ("",), "large": ("deeply", "low")}},
    ),
    "pick_up": Action(
        whole_body.pick_up,
        {"speed": ALL_SPEEDS, "side": SIDES},
        ("[pick] something up from the floor with {hand} {speed}",
         "{manner} [bend] down and [pick] up an object with {hand}",
         "[reach] down to the ground with {arm} {speed} and [stand] back up",
         "{manner} [crouch] and [take] something off the floor with {hand}"),
    ),
}  # fmt: skip
