"""What an instruction in free words asks for: which task, and what of it is the description of a motion."""

import re
from dataclasses import dataclass

from lamp_core.errors import LampError

CAPTIONING, PREDICTION, GENERATION = "captioning", "prediction", "generation"
_GO_ON = re.compile(r"\b(continue|predict|complete|finish|extend|next|(go|goes|going) on)\b", re.IGNORECASE)
_SAY = re.compile(r"\b(describe|caption|explain|say|tell|what|which|how)\b", re.IGNORECASE)
_BEGINS_WITH_MOTION = re.compile(
    r"^\W*(please )?(describe|caption|explain|continue|predict|extend|what is|what does|what happens)\b"
    r"(?=.*\b(motion|movement|clip|animation|person|happens|it)\b)",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^\W*(please )?(generate|make|create|show|animate|produce)( me)?( a| an| the| some)?( human)? "
    r"(motion|movement|animation|clip)s?( tokens)?"
    r"( (of|where|in which|for|with|showing|matching))?\s*[:,]?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AskedFor:
    """What is asked for.

    Args:
        task: ``captioning`` and ``prediction`` of a motion that is given, or ``generation``.
        caption: what the person does; empty where a motion is given.
    """

    task: str
    caption: str = ""


def understood(instruction: str, *, has_motion: bool) -> AskedFor:
    """Return what an instruction asks for.

    Args:
        instruction: of a user, in English.
        has_motion: whether a motion is given with it.

    Raises:
        LampError: it is empty, or asks for no task that is known.
    """
    if not instruction.strip():
        raise LampError(
            "the instruction is empty; say what the person does, or what to do with --motion FILE"
        )
    if has_motion:
        if _GO_ON.search(instruction):
            return AskedFor(PREDICTION)
        if _SAY.search(instruction):
            return AskedFor(CAPTIONING)
        raise LampError(
            f"'{instruction}' is no task that is known with a motion; ask to describe the motion, or to "
            "go on from it"
        )
    if _BEGINS_WITH_MOTION.match(instruction):
        raise LampError(f"'{instruction}' asks about a motion; give it with --motion FILE")
    caption = _LEAD.sub("", instruction).strip(" \t\n'\"“”")
    if not re.search(r"\w", caption):
        raise LampError(f"'{instruction}' does not say what the person does")
    return AskedFor(GENERATION, caption)
