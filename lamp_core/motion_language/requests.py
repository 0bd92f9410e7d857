"""What an instruction in free words asks for: which task, and what of it is the description of a motion."""

import re
from dataclasses import dataclass

from lamp_core.errors import LampError

CAPTIONING, PREDICTION, GENERATION = "captioning", "prediction", "generation"
IN_BETWEENING = "in-betweening"
_GO_ON = re.compile(
    r"\b(continue|predict|(?<!the )(?<!this )(?<!whole )complete|finish|extend|next|(go|goes|going) on)\b",
    re.IGNORECASE,
)
_SAY_FIRST = re.compile(
    r"^\W*((please|can you|could you) )*(describe|caption|explain|say|tell)\b", re.IGNORECASE
)
_NEXT = re.compile(r"\b(next|(go|goes|going) on)\b", re.IGNORECASE)
_SAY = re.compile(r"\b(describe|caption|explain|say|tell|what|which|how)\b", re.IGNORECASE)
_BEGINS_WITH_MOTION = re.compile(
    r"^\W*(please )?(describe|caption|explain|continue|predict|extend|what is|what does|what happens)\b"
    r"(?=.*\b(motion|movement|clip|animation|person|happens|it)\b)",
    re.IGNORECASE,
)
_FILLER = re.compile(
    "a|an|and|animation|as|can|clip|comes|continues?|could|complete|completed|do|does|end|extend|fill|finish|"
    "follows?|"
    "for|from|further|gap|given|go|goes|going|happen|happened|happens|he|her|his|how|human|in|it|its|just|like|"
    "longer|man|me|more|motion|movement|naturally|next|now|of|on|or|person|please|predict|seconds?|sequence|"
    "she|show|someone|something|tell|that|the|their|then|there|they|this|to|tokens|until|we|what|which|will|"
    "woman|would|you",
    re.IGNORECASE,
)
"""Words of an instruction to go on, or to fill a gap, that say nothing of how."""
_POLITE = re.compile(
    r"^\W*((please|hey|(can|could|would|will) you|i (want|would like) you to)\b[\s,]*)*", re.IGNORECASE
)
_ANYONE = r"i|you|it|he|she|they|we|there|this|that|any\w*"
_VERB = "is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|happens|many|much|old|far"
_TEXTS = (
    "advice|articles?|code|e-?mails?|essays?|facts?|functions?|haikus?|images?|jokes?|lists?|news|paragraphs?|"
    "passwords?|photos?|pictures?|poems?|programs?|quotes?|recipes?|reports?|scripts?|sentences?|stor(y|ies)|"
    "summar(y|ies)|texts?|translations?"
)
_ELSEWHERE = (
    rf"(what|who|whose|whom|where|when|why|which|how)( (time|day|year|language|colou?r))?('s| ({_VERB}))\b",
    rf"(is|are|was|were|am|will|should|would) ({_ANYONE}|the)\b",
    rf"(does|did|has|have) ({_ANYONE})\b|do (i|you|we|they)\b",
    r"(translate|summari[sz]e|calculate|compute|define|recommend|suggest|google|proofread|rephrase)\b",
    r"(explain|convert|compare|classify)\b(?!.*\b(hands?|arms?|fingers?)\b)",
    r"(tell|help|teach|remind|inform|advise) (me|us)\b|tell (an?|some|the) (\w+ )?(jokes?|stor(y|ies))\b",
    r"solve\b.*\b(equations?|problems?|integrals?)\b|answer (my|the|this|these|an?) (\w+ )?questions?\b",
    rf"((generate|make|create|write|compose|draft|produce|give|send|find)( me| us)?|(show|list) (me|us))"
    rf"( \w+){{0,2}} ({_TEXTS})\b",
    r"(hello|hi|hey|thanks|thank you|good (morning|evening|night)|bye|goodbye|yes|no|ok|okay)"
    r"( (there|you|all|everyone|very much))?\W*$",
)
_OTHER = re.compile("|".join(_ELSEWHERE), re.IGNORECASE)
"""Beginnings of what is asked of other models: questions, work on texts, talk."""
_LINKS = ("by", "while", "but", "with")
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
        task: ``captioning``, ``prediction`` and ``in-betweening`` of a motion that is given, or
            ``generation``.
        caption: what the person does; empty where a motion is given.
        unread: words that say how a given motion is to be completed, which no task reads.
    """

    task: str
    caption: str = ""
    unread: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the answer is a text."""
        return self.task == CAPTIONING


def understood(instruction: str, *, has_motion: bool, has_gap: bool = False) -> AskedFor:
    """Return what an instruction asks for.

    Args:
        instruction: of a user, in English.
        has_motion: whether a motion is given with it.
        has_gap: whether a stretch of the motion is to be made anew, which no word has to say.

    Raises:
        LampError: it is empty, or asks for no task that is known, or for a text of a gap.
    """
    if not instruction.strip():
        raise LampError(
            "the instruction is empty; say what the person does, or what to do with --motion FILE"
        )
    if has_motion:
        if has_gap:
            if _SAY_FIRST.match(instruction):
                raise LampError(f"'{instruction}' asks for a text; leave --gap out, or ask to fill it")
            return AskedFor(IN_BETWEENING, unread=_unread(instruction))
        if _SAY_FIRST.match(instruction) and not _NEXT.search(instruction):
            return AskedFor(CAPTIONING)
        if _GO_ON.search(instruction):
            return AskedFor(PREDICTION, unread=_unread(instruction))
        if _SAY.search(instruction):
            return AskedFor(CAPTIONING)
        raise LampError(
            f"'{instruction}' is no task that is known with a motion; ask to describe the motion, to go on "
            "from it, or to fill a stretch of it (--gap FROM:TO)"
        )
    if has_gap:
        raise LampError("--gap is a stretch of a motion; give it with --motion FILE")
    if _BEGINS_WITH_MOTION.match(instruction):
        raise LampError(f"'{instruction}' asks about a motion; give it with --motion FILE")
    if _OTHER.match(_POLITE.sub("", instruction)):
        raise LampError(
            f"'{instruction}' is no task that is known; say what the person does, or give a motion "
            "(--motion FILE) and ask to describe it, to go on from it, or "
            "to fill a stretch of it (--gap FROM:TO)"
        )
    caption = _LEAD.sub("", instruction).strip(" \t\n'\"“”")
    if not re.search(r"[^\W\d_]", caption):
        raise LampError(f"'{instruction}' does not say what the person does")
    return AskedFor(GENERATION, caption)


def _unread(instruction: str) -> str:
    """What of an instruction to complete a motion says how."""
    words = re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", instruction)
    found = [word for word in words if not _FILLER.fullmatch(word)]
    while found and found[0].lower() in _LINKS:
        del found[0]
    return " ".join(found)
