"""Animated 3-D player of motions as HTML: nothing is loaded from elsewhere.

The figure is drawn by `figure.js` with three.js, which the page carries packed, and on a plain canvas where
there is no WebGL. A page holds `player_style()` and `player_script()` once and any number of
`player_fragment(...)`. Positions travel as base64 of little-endian 16-bit integers, a millimetre a count,
relative to an origin.

Shapes: T frames, J joints, 3 coordinates (Y up).
"""

import base64
import gzip
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from lamp_core.errors import LampError
from lamp_core.skeleton.planting import toe_contacts
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.figure import SIDES, camera_path, figure_bones, head_joint, joints_in_metres
from lamp_core.viz.templating import asset, render_template

MILLIMETRE = 0.001
LARGEST_COUNT = 32767


@dataclass(frozen=True, eq=False)
class PlayerMotion:
    """One motion of a player.

    Args:
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion.
        title: label above the motion (``true``, ``generated``).
        caption: what the motion shows; a caption that all motions of a player share is written once.
        made: from and to, in seconds, of a stretch that a model made; marked on a line of time, and at the
            label while it plays.
    """

    joints_TJ3: np.ndarray
    skeleton: Skeleton
    frames_per_second: float
    title: str = ""
    caption: str = ""
    made: tuple[float, float] | None = None


def player_style() -> str:
    """The `<style>` element that the players of a page need, once."""
    return f"<style>\n{asset('theme.css')}{asset('player.css')}</style>"


SCRIPTS = ("canvas_figure.js", "player.js")
PACKED = ("three.js", "floor.js", "figure.js")
"""Each after those that it imports."""
SMALLEST = 9  # of gzip


def player_script() -> str:
    """The `<script>` elements that drive every player of the page, once, behind the players."""
    scripts = "".join(f"<script>{asset(name)}</script>" for name in SCRIPTS)
    return f'<script type="application/json" id="lamp-figure">{packed_figure()}</script>{scripts}'


@cache
def packed_figure() -> str:
    """The figure's modules, [name, gzip in base64] each, as a JSON list; the same bytes every time."""
    packed = {name: gzip.compress(asset(name).encode(), SMALLEST, mtime=0) for name in PACKED}
    return json.dumps([[name, base64.b64encode(text).decode()] for name, text in packed.items()])


def content_security_policy() -> str:
    """A policy under which the page loads nothing at all and runs the player's scripts alone."""
    digests = (hashlib.sha256(asset(name).encode()).digest() for name in SCRIPTS)
    own = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {own} blob:"


def player_fragment(motions: Sequence[PlayerMotion], element_id: str, *, compact: bool = False) -> str:
    """A player of motions side by side, in sync, to embed in a page.

    Args:
        motions: at least one; the longest sets the duration, the others rest at their last frame.
        element_id: id of the element, unique in the page.
        compact: a small player that plays when asked to, for lists of many.

    Raises:
        LampError: when a motion does not fit its skeleton or is not finite.
    """
    if not motions:
        raise LampError(f"player {element_id}: no motion to show")
    captions = {motion.caption for motion in motions}
    return render_template(
        "player_fragment.html",
        element_id=element_id,
        compact=compact,
        motions=motions,
        shared_caption=captions.pop() if len(captions) == 1 else "",
        duration=max((len(motion.joints_TJ3) - 1) / motion.frames_per_second for motion in motions),
        data={"motions": [motion_data(motion) for motion in motions]},
    )


def player_page(motions: Sequence[PlayerMotion], title: str) -> str:
    """A whole HTML page with one player of `motions`; arguments and errors as `player_fragment`."""
    from markupsafe import Markup

    return render_template(
        "player_page.html",
        title=title,
        policy=content_security_policy(),
        style=Markup(player_style()),
        script=Markup(player_script()),
        player=Markup(player_fragment(motions, "player")),
    )


def motion_data(motion: PlayerMotion) -> dict[str, object]:
    """What the script reads of one motion.

    Positions are ``origin + metres_per_count * counts``; a motion wider than 65 m takes a coarser count.
    """
    joints_TJ3 = joints_in_metres(motion.joints_TJ3, motion.skeleton, motion.title or "motion")
    low, high = joints_TJ3.min(axis=(0, 1)), joints_TJ3.max(axis=(0, 1))
    origin = np.round((low + high) / 2, 3)
    metres_per_count = max(MILLIMETRE, math.ceil((high - low).max() / 2 * 1e6 / LARGEST_COUNT) / 1e6)
    counts = np.clip(np.round((joints_TJ3 - origin) / metres_per_count), -LARGEST_COUNT, LARGEST_COUNT)
    path_T2 = camera_path(joints_TJ3, motion.frames_per_second)
    return {
        "title": motion.title,
        "made": motion.made,
        "framesPerSecond": motion.frames_per_second,
        "frames": len(joints_TJ3),
        "joints": motion.skeleton.joint_count,
        "origin": origin.tolist(),
        "metresPerCount": metres_per_count,
        "floor": round(float(low[1]), 3),
        "positions": _base64_counts(counts),
        "camera": _base64_counts(np.round((path_T2 - origin[[0, 2]]) / metres_per_count)),
        "bones": [
            [bone.child, bone.parent, SIDES.index(bone.side), bone.radius]
            for bone in figure_bones(motion.skeleton)
        ],
        "head": head_joint(motion.skeleton),
        "face": list(motion.skeleton.face),
        "feet": list(motion.skeleton.feet),
        "contacts": foot_contacts(motion),
    }


def foot_contacts(motion: PlayerMotion) -> str:
    """A digit a frame: 1 where the left foot stands on the floor, 2 the right one, 3 both."""
    joints_TJ3 = np.asarray(motion.joints_TJ3)
    contacts_T2 = toe_contacts(joints_TJ3, motion.skeleton, motion.frames_per_second)
    return "".join(map(str, (contacts_T2 @ np.array([1, 2])).tolist()))


def _base64_counts(counts: np.ndarray) -> str:
    return base64.b64encode(counts.astype("<i2").tobytes()).decode()
