"""By what the versions of a model are ranked."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Union


@dataclass(frozen=True)
class Ranking:
    """By what versions of a model are ranked.

    Args:
        metric: in ``data/metrics/STAGE.json``.
        direction: which values are better.
        same: stages whose outputs two versions must share for the metric to mean the same; losses over tokens
            or words compare only where these are the same ones.
        rather: by what those versions are ranked that have its metric.
    """

    metric: str
    direction: Literal["higher", "lower"]
    same: tuple[str, ...] = ("features",)
    rather: Union["Ranking", None] = None

    def of(self, metrics: Collection[str]) -> "Ranking":
        """The ranking of a version that has these metrics."""
        return self.rather if self.rather is not None and self.rather.metric in metrics else self

    @property
    def told(self) -> str:
        """It in words."""
        own = f"{self.direction} {self.metric}"
        return f"{self.rather.told} where it is measured, otherwise {own}" if self.rather else own

    def is_better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.direction == "higher" else value < other
