"""What a validation in training measures, and which of the numbers decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Validation:
    """How a training is validated.

    Args:
        measure: the numbers of the module as it is, in evaluation mode; they are logged under their names.
        monitor: the name of the number that decides.
        better: whether a lower or a higher number is better.
    """

    measure: Callable[[], Mapping[str, float]]
    monitor: str
    better: Literal["lower", "higher"]
