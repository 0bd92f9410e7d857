"""Where a training goes on from, and who is told of it."""

from dataclasses import dataclass
from pathlib import Path

from lamp_core.training.log import OnLog, OnProgress


@dataclass(frozen=True)
class Watching:
    """Where a training goes on from, and who is told; see ``fit``."""

    checkpoints: Path | None = None
    on_log: OnLog | None = None
    on_progress: OnProgress | None = None


UNWATCHED = Watching()
"""Begun anew, and nobody is told."""
