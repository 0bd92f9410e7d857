"""What each part of the body does in an action: the table beside `hand_actions.EVERY_ACTION`.

Phrases are those of `actions`, with a part as their subject: ``[swing] {speed}``, the left arm swings slowly.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lamp_core.datasets.synthetic.parameters import Parameters, other

ARM_AT_EASE, LEG_AT_EASE, HAND_AT_EASE = "[stay] down", "[stand]", "[stay] loose"
AT_THE_SIDE = "[stay] at the side"
SWINGING, DOWN = "[stay] straight with swinging arms", "[stay] straight with the arms down"


def by_side(p: Parameters) -> tuple[str, ...]:
    """The sides that an action is asked for."""
    return p.sides


def away_from_direction(p: Parameters) -> tuple[str, ...]:
    """The side that a body bends away from."""
    return (other(p.direction),)


@dataclass(frozen=True)
class PartPhrases:
    """What parts do in one action, of those that act and those of the other side.

    Args:
        upper: of the upper body: trunk and arms.
        lower: of the lower body: both legs.
        arm, other_arm: of each arm.
        leg, other_leg: of each leg.
        hand, other_hand: of each hand, said where the body has fingers.
        acting: which sides act.
    """

    upper: str
    lower: str = LEG_AT_EASE
    arm: str = ARM_AT_EASE
    other_arm: str = ARM_AT_EASE
    leg: str = LEG_AT_EASE
    other_leg: str = LEG_AT_EASE
    hand: str = HAND_AT_EASE
    other_hand: str = HAND_AT_EASE
    acting: Callable[[Parameters], tuple[str, ...]] = by_side


def _alike(
    upper: str,
    lower: str = LEG_AT_EASE,
    arm: str = ARM_AT_EASE,
    leg: str = LEG_AT_EASE,
    hand: str = HAND_AT_EASE,
) -> PartPhrases:
    """An action in which both sides do the same."""
    return PartPhrases(upper, lower, arm, arm, leg, leg, hand, hand)


def _gesture(arm: str, hand: str, upper: str = "") -> PartPhrases:
    """A gesture of a hand that the arm holds somewhere."""
    return PartPhrases(upper or f"{hand} with {{hand}}", arm=arm, hand=hand)


_PUNCH = PartPhrases(
    "[punch] forward with {arm} {count} {speed}",
    arm="[punch] forward {count} {speed}", other_arm="[stay] up with a fist",
    hand="[make] a fist", other_hand="[make] a fist",
)  # fmt: skip
PARTS_OF_ACTION: dict[str, PartPhrases] = {
    "walk": _alike(
        SWINGING, "[walk] {direction} {speed} {amount}",
        arm="[swing] {speed}", leg="[step] {direction} {speed} {amount}",
    ),
    "run": _alike(
        "[lean] forward with swinging arms", "[run] forward {speed}",
        arm="[bend] and [swing] {speed}", leg="[run] forward {speed}",
    ),
    "walk_backward": _alike(
        SWINGING, "[walk] backward {speed}", arm="[swing] {speed}", leg="[step] backward {speed}",
    ),
    "circle": _alike(
        SWINGING, "[walk] in a circle {direction} {speed}",
        arm="[swing] {speed}", leg="[step] in a circle {direction} {speed}",
    ),
    "turn": _alike(
        "[turn] {amount} {direction} {speed}", "[turn] {amount} {direction} {speed}",
        leg="[step] on the spot {speed}",
    ),
    "side_step": _alike(
        DOWN, "[step] sideways {direction} {amount} {count} {speed}",
        leg="[step] {direction} {amount} {count} {speed}",
    ),
    "jog": _alike(
        SWINGING, "[jog] on the spot {speed}", arm="[bend] and [swing] {speed}",
        leg="[run] on the spot {speed}",
    ),
    "march": _alike(
        SWINGING, "[march] on the spot {speed}", arm="[swing] {speed}",
        leg="[lift] high on the spot {speed}",
    ),
    "jump": _alike(
        "[bend] forward and [swing] both arms up {count}", "[jump] {direction} {amount} {count}",
        arm="[swing] back and up {count}", leg="[bend] and [jump] {direction} {amount} {count}",
    ),
    "jumping_jack": _alike(
        "[raise] both arms sideways overhead {count} {speed}", "[jump] out and back {count} {speed}",
        arm="[lift] sideways overhead {count} {speed}", leg="[jump] out and back {count} {speed}",
    ),
    "squat": _alike(
        "[lean] forward and [raise] both arms in front {count}", "[squat] {amount} {count} {speed}",
        arm="[lift] in front {count}", leg="[bend] {amount} {count} {speed}",
    ),
    "sit": _alike(
        "[lean] forward {count} {speed}", "[sit] down and [stand] up again {count} {speed}",
        arm="[bend] a little {count}", leg="[bend] and [stand] up again {count} {speed}",
    ),
    "sit_down": _alike(
        "[lean] forward {speed}", "[sit] down {speed} and [stay] seated",
        arm="[bend] a little", leg="[bend] {speed} and [stay] seated",
    ),
    "wave": PartPhrases(
        "[wave] with {hand} {amount} {count} {speed}", arm="[wave] {amount} {count} {speed}",
        hand="[wave] {count} {speed}",
    ),
    "raise_arms": PartPhrases(
        "[raise] {arm} {direction} {amount} {count} {speed}",
        arm="[lift] {direction} {amount} {count} {speed}",
    ),
    "clap": _alike(
        "[clap] {amount} {count} {speed}", arm="[clap] {amount} {count} {speed}",
        hand="[clap] {count} {speed}",
    ),
    "punch": _PUNCH,
    "box": replace(_PUNCH, upper="[box] with both fists {speed}", arm="[punch] forward {speed}"),
    "throw": PartPhrases(
        "[throw] something forward with {hand} {speed}",
        arm="[draw] back and [throw] something forward {speed}", other_arm="[lift] forward and [swing] back",
    ),
    "side_bend": PartPhrases(
        "[bend] {direction} {count} {speed}", arm="[stretch] overhead {count} {speed}",
        other_arm=AT_THE_SIDE, acting=away_from_direction,
    ),
    "kick": PartPhrases(
        SWINGING, "[kick] {amount} with {leg} {count} {speed}",
        arm="[swing] {count}", other_arm="[swing] {count}", leg="[kick] {amount} {count} {speed}",
    ),
    "lunge": PartPhrases(
        SWINGING, "[lunge] forward {amount} with {leg} {count} {speed}",
        arm="[swing] {count}", other_arm="[swing] {count}",
        leg="[step] forward {amount} and back {count} {speed}", other_leg="[bend] {count} {speed}",
    ),
    "bow": _alike("[bow] forward {amount} {count} {speed}", arm=AT_THE_SIDE),
    "pick_up": PartPhrases(
        "[bend] down and [pick] something up with {hand} {speed}", "[bend] and [stand] up again {speed}",
        arm="[reach] down and [pick] something up {speed}", other_arm="[bend] and [lower] again",
        leg="[bend] {speed}", other_leg="[bend] {speed}",
    ),
    "fist": _gesture("[lift] in front {speed}", "[make] a fist {count} {speed}"),
    "point": _gesture("[stretch] {direction} {speed}", "[point] {direction} {count} {speed}"),
    "open_hand": _gesture(
        "[lift] in front {speed}", "[open] wide {count} {speed}", "[open] {hand} wide {count} {speed}"
    ),
    "count": _gesture("[lift] in front {speed}", "[count] to {number} {speed}"),
    "wave_fingers": _gesture(
        "[lift] in front {speed}", "[wave] with the fingers {count} {speed}",
        "[wave] with the fingers of {hand} {count} {speed}",
    ),
    "grasp": _gesture("[reach] forward {speed}", "[grasp] something {count} {speed}"),
    "thumbs_up": _gesture("[lift] in front {speed}", "[give] a thumbs up {count} {speed}"),
    "ok": _gesture("[lift] in front {speed}", "[make] the OK sign {count} {speed}"),
    "pinch": _gesture("[lift] in front {speed}", "[pinch] something {count} {speed}"),
    "play_piano": _alike(
        "[play] the piano {speed}", arm="[lift] in front {speed}", hand="[play] the piano {speed}",
    ),
}  # fmt: skip
