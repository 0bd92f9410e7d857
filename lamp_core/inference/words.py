"""A motion in words, by the trained model below a project's data folder that says them."""

from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.datasets.motion_file import Gate, read_motion
from lamp_core.inference.models import loaded
from lamp_core.systems.capabilities import SAY_WORDS, SaysWords

if TYPE_CHECKING:
    from lamp_core.lexical.words import WeightedWord


def explain(data: Path, path: Path, top: int, gate: Gate | None = None) -> "list[WeightedWord]":
    """The words of the motion in a file with their weights, the heaviest first.

    Raises:
        LampError: the file cannot be used, or no model that says words is trained.
    """
    saying: SaysWords = loaded(data, SAY_WORDS)
    return saying.words_of(read_motion(path, data / "features", gate), top)
