"""Guidance and steps that a user wants in place of the model's own."""

from dataclasses import dataclass, fields, replace
from typing import Any

from lamp_core.errors import LampError

STRONGEST, MOST_STEPS = 20.0, 100


@dataclass(frozen=True)
class SamplingChange:
    """What is drawn otherwise than the model was set to; None is the model's own.

    Args:
        guidance: s of u + s (c - u); 1 is the text alone, more follows it more closely.
        steps: decoding iterations.

    Raises:
        LampError: a guidance or a number of steps that no model takes.
    """

    guidance: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.guidance is not None and not 0 <= self.guidance <= STRONGEST:
            raise LampError(f"guidance {self.guidance:g}; between 0 and {STRONGEST:g}")
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise LampError(f"{self.steps} steps; between 1 and {MOST_STEPS}")

    @property
    def stated(self) -> dict[str, float]:
        """What is changed, by its name."""
        given = {"guidance": self.guidance, "steps": self.steps}
        return {name: value for name, value in given.items() if value is not None}

    def of(self, model: Any) -> Any:
        """The model with this sampling; LampError where it has none that could be changed."""
        if not self.stated:
            return model
        sampling: Any = getattr(model, "sampling", None)
        known = set() if sampling is None else {each.name for each in fields(sampling)}
        unknown = [name for name in self.stated if name not in known]
        if unknown:
            raise LampError(f"{type(model).__name__} takes no {' and no '.join(unknown)}")
        return replace(model, sampling=replace(sampling, **self.stated))
