"""The parameters that an action is performed with; what each action allows stands in `actions.ACTIONS`."""

from collections.abc import Collection
from dataclasses import dataclass

from lamp_core.datasets.synthetic.plan import Plan

TEMPO = {"slow": 0.66, "normal": 1.0, "fast": 1.5}


@dataclass(frozen=True)
class Parameters:
    """How an action is performed.

    Args:
        speed: slow, normal or fast.
        count: repetitions; 1 where the action has none.
        side: left, right or both: the arm or leg that acts.
        direction: forward, backward, left, right, up, front, side ...: which ones, the action says.
        amount: small, normal or large.
        extent: 0 to 1, how long the action goes on; never spoken of.
    """

    speed: str = "normal"
    count: int = 1
    side: str = "right"
    direction: str = "forward"
    amount: str = "normal"
    extent: float = 0.5

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides that act."""
        return ("left", "right") if self.side == "both" else (self.side,)

    def told(self, options: Collection[str]) -> str:
        """What an action with these options is asked for but its speed, in words: ``2 left small``."""
        return " ".join(str(getattr(self, name)) for name in options if name != "speed")

    def tempo(self, plan: Plan) -> float:
        """Factor on the speed of the movement."""
        return TEMPO[self.speed] * plan.manner.tempo


def other(side: str) -> str:
    """The other side."""
    return "right" if side == "left" else "left"
