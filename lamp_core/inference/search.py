"""Search with the trained models below a project's data folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.datasets.motion_file import Gate, read_motion
from lamp_core.inference.models import loaded, say_what_is_lost
from lamp_core.io.text import require_words
from lamp_core.systems.capabilities import SIMILARITY, Compares

if TYPE_CHECKING:
    from lamp_core.retrieval.gallery import Hit


def search_text(data: Path, text: str, top: int, model: str | None = None) -> "list[Hit]":
    """Return the test clips whose motion is most similar to a text.

    Raises:
        LampError: an empty text, no model that compares texts and motions, or none of this name.
    """
    require_words(text)
    comparing: Compares = loaded(data, SIMILARITY, model)
    say_what_is_lost(comparing, text)
    return comparing.search_text(text, top)


def search_motion(
    data: Path, path: Path, top: int, model: str | None = None, gate: Gate | None = None
) -> "list[Hit]":
    """Return the captions of test clips most similar to the motion in a file (.npy joints or features, .bvh).

    Raises:
        LampError: the file cannot be used, or as `search_text`.
    """
    comparing: Compares = loaded(data, SIMILARITY, model)
    return comparing.search_motion(read_motion(path, data / "features", gate), top)
