"""Places on this machine: so many stages run side by side, the first declared of those that may start."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

SECONDS_FOR_A_STAGE_TO_COME = 5.0
"""A stage whose inputs are ready has this long to ask for its place before a later one takes it."""


class Places:
    """Gives stages their places in the order in which they are declared, the longest ones first.

    The stages that one stage releases come within a moment of each other and in any order. Were a place
    given to whoever comes first, a short stage could take it from the longest, and the run would end later.

    Args:
        count: stages that run side by side.
        order: all stages of the run, as the catalogue declares them.
        before: the stages of the run that write what a stage reads.
    """

    def __init__(self, count: int, order: Sequence[str], before: Callable[[str], Sequence[str]]) -> None:
        self._free, self._order, self._before = count, list(order), before
        self._changed = threading.Condition()
        self._waiting: set[str] = set()
        self._begun: set[str] = set()
        self._ready: set[str] = set()
        self._may_come: dict[str, float] = {}
        self._note_who_may_come()

    @contextmanager
    def taken(self, name: str) -> Iterator[None]:
        """Wait for a place, and give it back as the block ends."""
        with self._changed:
            self._waiting.add(name)
            while not self._may_start(name):
                self._changed.wait(timeout=SECONDS_FOR_A_STAGE_TO_COME)
            self._free -= 1
            self._waiting.discard(name)
            self._begun.add(name)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def note_ready(self, name: str) -> None:
        """Say that what a stage writes is there, before the stage gives its place back."""
        with self._changed:
            self._ready.add(name)
            self._note_who_may_come()
            self._changed.notify_all()

    def _may_start(self, name: str) -> bool:
        """Whether there is a place that no stage declared earlier waits for, or is about to ask for."""
        earlier = self._order[: self._order.index(name)]
        return self._free > sum(each in self._waiting or self._comes(each) for each in earlier)

    def _comes(self, name: str) -> bool:
        """Whether all that a stage reads is there since a moment, and it has not asked for a place yet."""
        since = self._may_come.get(name)
        is_near = since is not None and time.monotonic() - since < SECONDS_FOR_A_STAGE_TO_COME
        return is_near and name not in self._begun and name not in self._waiting

    def _note_who_may_come(self) -> None:
        for name in self._order:
            if self._ready.issuperset(self._before(name)):
                self._may_come.setdefault(name, time.monotonic())
