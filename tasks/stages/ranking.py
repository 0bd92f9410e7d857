"""By what the versions of a model are ranked."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Ranking:
    """By what versions of a model are ranked.

    Args:
        metric: in ``data/metrics/STAGE.json``.
        direction: which values are better.
        same: stages whose outputs two versions must share for the metric to mean the same; losses over tokens
            or words compare only where these are the same ones.
    """

    metric: str
    direction: Literal["higher", "lower"]
    same: tuple[str, ...] = ("features",)

    def is_better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.direction == "higher" else value < other
