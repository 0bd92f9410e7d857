"""How much of a training goes by while it waits for what it trains on."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Waiting:
    """A clock of the seconds that steps wait for their items.

    It starts with the first of them. What is done aside, such as validations, is no part of the steps.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began: float | None = None
        self._aside = 0.0

    @contextmanager
    def for_items(self) -> Iterator[None]:
        """Inside, a step waits."""
        start = perf_counter()
        self._began = start if self._began is None else self._began
        yield
        self.seconds += perf_counter() - start

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Inside, something is done that is no step."""
        start = perf_counter()
        yield
        self._aside += perf_counter() - start

    @property
    def step_seconds(self) -> float:
        """Seconds of the steps until now."""
        return 0.0 if self._began is None else perf_counter() - self._began - self._aside

    @property
    def share(self) -> float:
        """Share of the steps' seconds that they waited; 0 before the first."""
        return self.seconds / self.step_seconds if self._began is not None else 0.0
