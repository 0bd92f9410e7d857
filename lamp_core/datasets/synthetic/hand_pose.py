"""The hand: which angles pose it, and the shapes that people have names for.

Radians; every angle is an offset from a straight hand, fingers together, that hangs beside the body.
"""

from collections.abc import Mapping, Sequence

FINGERS = {"index": 1.0, "middle": 0.25, "ring": -0.45, "pinky": -1.1}
"""How far a finger moves to the side of the thumb when the hand is spread by 1."""
ANGLES = (
    "palm_down", "wrist", "spread", "thumb_out", "thumb_across", "thumb_bend",
    *(f"{finger}_{joint}" for finger in FINGERS for joint in ("knuckle", "curl")),
)  # fmt: skip
"""``palm_down`` turns the forearm so that the palm of a hand held forward looks down, ``wrist`` bends to the
palm, ``knuckle`` is a finger's first joint and ``curl`` its second."""
STRAIGHT, FOLDED, LOOSE = (0.0, 0.0), (1.45, 1.75), (0.3, 0.4)

Shape = Mapping[str, float]


def shape(
    fingers: Sequence[tuple[float, float]], *, spread: float = 0.0, thumb: tuple[float, float, float]
) -> dict[str, float]:
    """Angles of a hand.

    Args:
        fingers: knuckle and curl of index, middle, ring and little finger.
        spread: of the fingers.
        thumb: out, across and bend.
    """
    bends = {
        f"{finger}_{joint}": angle
        for finger, angles in zip(FINGERS, fingers, strict=True)
        for joint, angle in zip(("knuckle", "curl"), angles, strict=True)
    }
    return (
        bends
        | {"spread": spread}
        | dict(zip(("thumb_out", "thumb_across", "thumb_bend"), thumb, strict=True))
    )


THUMB_LOOSE, THUMB_OUT = (0.0, 0.3, 0.1), (0.5, 0.0, -0.1)
THUMB_OVER, THUMB_TO_INDEX = (0.3, 2.05, -0.1), (0.2, 1.55, -0.1)
TO_THUMB = (1.0, 1.2)
"""Thumb over folded fingers; thumb and index finger so that their tips meet."""
SHAPES: dict[str, Shape] = {
    "relaxed": shape([LOOSE] * 4, thumb=THUMB_LOOSE),
    "flat": shape([STRAIGHT] * 4, thumb=(0.1, 0.0, 0.0)),
    "open": shape([STRAIGHT] * 4, spread=0.22, thumb=THUMB_OUT),
    "fist": shape([FOLDED] * 4, thumb=THUMB_OVER),
    "point": shape([STRAIGHT, *[FOLDED] * 3], thumb=THUMB_OVER),
    "thumbs_up": shape([FOLDED] * 4, thumb=(0.95, 0.0, -0.15)),
    "ok": shape([TO_THUMB, (0.15, 0.1), (0.05, 0.05), STRAIGHT], thumb=THUMB_TO_INDEX),
    "pinch": shape([TO_THUMB, (1.2, 1.45), (1.3, 1.55), (1.35, 1.6)], thumb=THUMB_TO_INDEX),
    "grasp": shape([(0.75, 0.95)] * 4, spread=0.05, thumb=(0.1, 1.2, 0.1)),
    "piano": shape([(0.45, 0.5)] * 4, spread=0.12, thumb=(0.1, 0.4, 0.1)),
}


def counting(number: int) -> dict[str, float]:
    """A hand that holds up 1 to 5 fingers: from the index on, the thumb last."""
    up = [STRAIGHT if place < number else FOLDED for place in range(len(FINGERS))]
    thumb = THUMB_OUT if number > len(FINGERS) else THUMB_OVER
    return shape(up, spread=0.12, thumb=thumb)


def from_relaxed(wanted: Shape) -> dict[str, float]:
    """What the angles of a shape are more than those of a hand at ease."""
    at_ease = SHAPES["relaxed"]
    return {name: wanted.get(name, 0.0) - at_ease.get(name, 0.0) for name in ANGLES}
