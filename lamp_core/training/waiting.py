"""How much of a training goes by while it waits for what it trains on."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Waiting:
    """A clock of the seconds that steps wait for their items.

    It starts with the first of them, and stands still from `end` on. What is done aside, such as validations,
    is no part of the steps.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began: float | None = None
        self._aside = 0.0
        self._ended: float | None = None

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
        if self._ended is None:
            self._aside += perf_counter() - start

    def end(self) -> None:
        """The last step is done: what comes behind it, such as writing the model, is no part of the steps."""
        if self._ended is None:
            self._ended = perf_counter()

    @property
    def step_seconds(self) -> float:
        """Seconds of the steps until now."""
        if self._began is None:
            return 0.0
        return (perf_counter() if self._ended is None else self._ended) - self._began - self._aside

    @property
    def share(self) -> float:
        """Share of the steps' seconds that they waited; 0 before the first."""
        return self.seconds / self.step_seconds if self._began is not None else 0.0
