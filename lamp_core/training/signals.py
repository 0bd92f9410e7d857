"""Stopping a training between two steps, where it can still be saved.

Whoever wants the process to end (a signal's handler) asks here first. A training that is in its loop takes
the wish, saves itself after the present step and raises what it was given; anything else is to be ended at
once by the one who asks.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lamp_core.training.distribution import is_shared


class _Stopping:
    def __init__(self) -> None:
        self.is_in_loop = False
        self.wish: BaseException | None = None


_stopping = _Stopping()


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, the loop looks after every step whether it is `wanted`; a wish that comes too late is raised.

    Several processes cannot save between steps of their own: they are ended at once, and go on from the last
    checkpoint.
    """
    _stopping.is_in_loop, _stopping.wish = not is_shared(), None
    try:
        yield
    finally:
        _stopping.is_in_loop = False
    if _stopping.wish:
        raise _stopping.wish


def ask(error: BaseException) -> bool:
    """Ask the training to save itself and raise ``error``; return whether there is one that will."""
    if _stopping.is_in_loop:
        _stopping.wish = error
    return _stopping.is_in_loop


def is_pending() -> bool:
    """Whether the training still has to save itself."""
    return _stopping.is_in_loop and _stopping.wish is not None


def wanted() -> BaseException | None:
    """What the loop is to raise after it has saved the run; None while nobody asked."""
    return _stopping.wish
