"""A block: several plans at once, the frames of each after those of the one before.

What is computed frame by frame is computed for all of them in one call, since a call on the hundred frames of
one clip takes longer to begin than to compute. What looks at neighbouring frames stays within each clip.
Shapes: B plans, T frames of all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lamp_core.datasets.synthetic.body import Body
from lamp_core.datasets.synthetic.easing import largest_around, reach, smooth
from lamp_core.datasets.synthetic.plan import CHANNELS, Manner, Plan

Filter = Callable[[np.ndarray, float, float], np.ndarray]
"""From values (T,), seconds and frames a second to filtered values."""


@dataclass(frozen=True)
class Block:
    """Plans of the same body at the same rate."""

    plans: Sequence[Plan]

    @property
    def body(self) -> Body:
        """Whose lengths the plans are made for."""
        return self.plans[0].body

    @property
    def frames_per_second(self) -> float:
        """Rate of the frames."""
        return self.plans[0].frames_per_second

    @cached_property
    def frames_B(self) -> np.ndarray:
        """How many frames each plan has."""
        return np.array([plan.frames for plan in self.plans])

    @cached_property
    def spans(self) -> list[slice]:
        """Where the frames of each plan lie."""
        ends = np.cumsum(self.frames_B).tolist()
        return list(map(slice, [0, *ends[:-1]], ends))

    @cached_property
    def times_T(self) -> np.ndarray:
        """Seconds since the start of the plan."""
        return np.concatenate([plan.times_T[: plan.frames] for plan in self.plans])

    @cached_property
    def heading_T(self) -> np.ndarray:
        """Direction in which the body goes."""
        return np.concatenate([plan.heading_T[: plan.frames] for plan in self.plans])

    @cached_property
    def path_T2(self) -> np.ndarray:
        """Where the body is on the floor."""
        return np.concatenate([plan.path_T2[: plan.frames] for plan in self.plans])

    @cached_property
    def channel(self) -> dict[str, np.ndarray]:
        """Every channel by its name, (T,)."""
        channels_CT = np.concatenate([plan.channels_CT[:, : plan.frames] for plan in self.plans], axis=1)
        return dict(zip(CHANNELS, channels_CT, strict=True))

    def of_manner(self, number: Callable[[Manner], float | np.ndarray]) -> np.ndarray:
        """A number of each person's manner, at every frame of the plan: (T,), or of six numbers (T, 6)."""
        return np.repeat(np.array([number(plan.manner) for plan in self.plans]), self.frames_B, axis=0)

    def later(self, values_T: np.ndarray, frames: int) -> np.ndarray:
        """Values so many frames later; at the end of a plan its last."""
        last_T = np.repeat(np.cumsum(self.frames_B) - 1, self.frames_B)
        later_T: np.ndarray = values_T[np.minimum(np.arange(len(values_T)) + frames, last_T)]
        return later_T

    def smooth(self, values_T: np.ndarray, seconds: float) -> np.ndarray:
        """Gaussian smoothing of each plan by itself."""
        return self._filtered(smooth, values_T, seconds)

    def smooth_above(self, values_T: np.ndarray, seconds: float) -> np.ndarray:
        """Smooth curves nowhere below `values_T`: the largest of a window, smoothed over less than it."""
        return self.smooth(self._filtered(largest_around, values_T, seconds), seconds)

    def _filtered(self, by: Filter, values_T: np.ndarray, seconds: float) -> np.ndarray:
        """What a filter makes of each plan, which its own first and last values continue at both ends."""
        around = reach(seconds, self.frames_per_second)
        places_P = np.concatenate(
            [
                np.arange(span.start - around, span.stop + around).clip(span.start, span.stop - 1)
                for span in self.spans
            ]
        )
        padding_T = np.repeat(around * (2 * np.arange(len(self.plans)) + 1), self.frames_B)
        filtered_P = by(values_T[places_P], seconds, self.frames_per_second)
        filtered_T: np.ndarray = filtered_P[np.arange(len(values_T)) + padding_T]
        return filtered_T
