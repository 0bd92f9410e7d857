"""What parts of the body are to do in a generated motion, as a user says it."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamp_core.errors import LampError
from lamp_core.io.text import has_word
from lamp_core.systems.capabilities import EDIT_PARTS, TellsOfParts
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import with_capability

FORM = "give it as PART=TEXT, such as left_arm=waves"


def read_part_texts(given: Sequence[str]) -> dict[str, str]:
    """Return what parts do by their names, of texts such as ``left_arm=waves``.

    Raises:
        LampError: one has no name or no words, or a part is named twice.
    """
    found: dict[str, str] = {}
    for each in given:
        part, is_there, text = (piece.strip() for piece in each.partition("="))
        if not (part and is_there):
            raise LampError(f"--part-text {each}: {FORM}")
        if not has_word(text):
            raise LampError(f"--part-text {each}: say what {part} does; {FORM}")
        if part in found:
            raise LampError(f"--part-text says twice what {part} does; say it once")
        found[part] = text
    return found


def telling(model: Any, of_parts: Mapping[str, str]) -> Any:
    """The model, whose motions do what is said of parts too.

    Raises:
        LampError: it takes no captions of parts, was trained on none, or on none of one of these.
    """
    if not of_parts:
        return model
    if not isinstance(model, TellsOfParts):
        able = " or ".join(f"--model {each.name}" for each in with_capability(MODELS, EDIT_PARTS))
        raise LampError(f"this model takes no captions of parts; {able} does, trained on them")
    return model.telling(of_parts)
