"""What happens in a clip: one action, several in turn, or two at the same time, and the plan of it."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lamp_core.datasets.synthetic.actions import ACTIONS, Action
from lamp_core.datasets.synthetic.body import Body
from lamp_core.datasets.synthetic.hand_actions import EVERY_ACTION
from lamp_core.datasets.synthetic.phrases import Performance
from lamp_core.datasets.synthetic.plan import Manner, Plan

KINDS = {"single": 0.64, "pair": 0.22, "triple": 0.05, "together": 0.09}
"""Shares of clips with one action, two or three after each other, two at the same time."""
UNDER_WAY = 0.35
"""Share of the clips of walking and running that begin and end in the middle of it."""
SHORTEST, LONGEST = 2.0, 9.75
"""Seconds of a clip: 41 to 196 frames at 20 frames a second."""
DRAWS = 200
"""Draws of actions after which to give up finding a clip of such a length; about one in ten is refused."""


@dataclass(frozen=True)
class Script:
    """What happens in a clip.

    Args:
        performances: one to three actions.
        together: whether they happen at the same time, legs first, arms second.
        plan: the movement.
        start: seconds of the plan before the clip begins.
    """

    performances: list[Performance]
    together: bool
    plan: Plan
    start: float

    @property
    def labels(self) -> dict[str, str]:
        """What its captions are made from: the actions, how each is performed, and how fast."""
        link = " while " if self.together else ", then "
        told = (each.parameters.told(each.action.options) for each in self.performances)
        return {
            "actions": link.join(each.name for each in self.performances),
            "parameters": ", then ".join(told),
            "speed": ", then ".join(each.parameters.speed for each in self.performances),
        }

    @property
    def duration(self) -> float:
        """Seconds of the clip."""
        return self.plan.now - self.start


def draw_script(body: Body, frames_per_second: float, rng: np.random.Generator) -> Script:
    """A clip at random, between `SHORTEST` and `LONGEST` seconds long; a body with hands makes gestures too.

    Raises:
        RuntimeError: no draw had an allowed length, which an entry of the action table has made impossible.
    """
    repertoire = EVERY_ACTION if body.has_hands else ACTIONS
    for _ in range(DRAWS):
        kind = _draw(KINDS, rng)
        performances = _draw_performances(kind, repertoire, rng)
        script = _perform(
            performances, kind == "together", Plan(body, Manner.draw(rng), rng, frames_per_second)
        )
        if script is not None and SHORTEST <= script.duration <= LONGEST:
            return script
    raise RuntimeError(f"no clip of {SHORTEST} to {LONGEST} seconds in {DRAWS} draws")


def _draw_performances(
    kind: str, repertoire: Mapping[str, Action], rng: np.random.Generator
) -> list[Performance]:
    if kind == "together":
        names = [
            _draw({n: action.weight for n, action in repertoire.items() if action.moves == part}, rng)
            for part in ("legs", "arms")
        ]
        return [Performance(name, repertoire[name].draw(rng)) for name in names]
    length = {"single": 1, "pair": 2, "triple": 3}[kind]
    names = []
    for place in range(length):
        last = place == length - 1
        left = {
            n: action.weight
            for n, action in repertoire.items()
            if n not in names and (last or not action.last_only)
        }
        names.append(_draw(left, rng))
    return [Performance(name, repertoire[name].draw(rng, brief=length > 1)) for name in names]


def _draw(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """One of the names, each as often as its weight says: the draw of ``rng.choice`` without its checks."""
    place = bisect_right(_shares_up_to(tuple(weights.values())), rng.random())
    return list(weights)[place]


@lru_cache(maxsize=4096)
def _shares_up_to(weights: tuple[float, ...]) -> list[float]:
    """Share of each weight and of all before it."""
    shares = np.array(weights)
    up_to = (shares / shares.sum()).cumsum()
    return list((up_to / up_to[-1]).tolist())


def _perform(performances: list[Performance], together: bool, plan: Plan) -> Script | None:
    """Write the actions to the plan; None as soon as it grows too long."""
    rng = plan.rng
    plan.now = rng.uniform(0.1, 0.45)
    begin = plan.now
    ends = [begin]
    for performance in performances:
        if together:
            plan.now = begin + (0.25 if len(ends) > 1 else 0.0)
        performance.action.motion(plan, performance.parameters)
        ends.append(plan.now)
        if plan.now > LONGEST + 2.0:
            return None
    plan.now = max(ends) + rng.uniform(0.05, 0.45)
    start = 0.0
    if len(performances) == 1 and performances[0].action.may_start_under_way and rng.random() < UNDER_WAY:
        start = begin + rng.uniform(0.5, 0.9)
        plan.now = ends[-1] - rng.uniform(0.5, 0.9)
    elif plan.now < SHORTEST:
        plan.now = SHORTEST + rng.uniform(0.0, 0.3)
    return Script(performances, together, plan, start)
