"""By what the versions of a model are ranked."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Union

from lamp_core.errors import LampError
from lamp_core.evaluation.stages import direction_of


@dataclass(frozen=True)
class Ranking:
    """By what versions of a model are ranked.

    Args:
        metric: in ``data/metrics/STAGE.json``.
        same: stages whose outputs two versions must share for the metric to mean the same; losses over tokens
            or words compare only where these are the same ones.
        rather: by what those versions are ranked that have its metric.

    Raises:
        LampError: it is not known which values of the metric are better.
    """

    metric: str
    same: tuple[str, ...] = ("features",)
    rather: Union["Ranking", None] = None

    def __post_init__(self) -> None:
        """Refuse a metric that ranks nothing."""
        if not self.direction:
            raise LampError(
                f"'{self.metric}' has no direction; lamp_core/evaluation/stages.py says which is better"
            )

    @property
    def direction(self) -> str:
        """Which values are better, ``higher`` or ``lower``."""
        return direction_of(self.metric)

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
