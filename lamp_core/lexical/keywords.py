"""Queries by keywords: which words of a vocabulary they mean, with weights, and what is excluded.

``run, jump`` finds motions that have either; ``run:2,-jump`` weighs the one twice and passes over motions
that have the other. A keyword stands for all forms of its word that are known (run, runs, running).

Shapes: V vocabulary.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lamp_core.datasets.preprocessing.tagging import word_list
from lamp_core.errors import LampError
from lamp_core.indexes.index import Groups
from lamp_core.lexical.words import CONTINUED, Vocabulary, stop_words
from lamp_core.remarks import remark

ENDINGS = ("ing", "ed", "es", "s")
ENDINGS_OF_Y = ("ies", "ied")
FURTHER_FORMS = {
    "caught": "catch",
    "crept": "creep",
    "drew": "draw",
    "drove": "drive",
    "felt": "feel",
    "flew": "fly",
    "fought": "fight",
    "knelt": "kneel",
    "leant": "lean",
    "leapt": "leap",
    "rode": "ride",
    "shook": "shake",
    "shaken": "shake",
    "slid": "slide",
    "strode": "stride",
    "swam": "swim",
    "swept": "sweep",
}
"""Base forms of words that `word_list` lacks; what is added there changes the tags of captions."""
SHORTEST_STEM = 3
SUGGESTED = 3


@dataclass(frozen=True)
class KeywordQuery:
    """What is searched.

    Args:
        weights_V: of the wanted words of one piece.
        without: pieces of the words whose motions are passed over: those that have all pieces of one.
        together: weights of the wanted words of several pieces, by these.
    """

    weights_V: np.ndarray
    without: Groups = ()
    together: Mapping[tuple[int, ...], float] = field(default_factory=dict)


class Keywords:
    """The words that can be asked for.

    Args:
        vocabulary: of the index.
        joined: words in several pieces, by these.
    """

    def __init__(self, vocabulary: Vocabulary, joined: Mapping[tuple[int, ...], str]) -> None:
        self.width = len(vocabulary)
        self.parts: dict[str, tuple[int, ...]] = {
            piece: (int(number),)
            for number in np.flatnonzero(vocabulary.is_term_V)
            if not (piece := vocabulary.pieces[number]).startswith(CONTINUED)
        }
        for parts, word in joined.items():
            if all(vocabulary.is_term_V[part] for part in parts):
                self.parts.setdefault(word, parts)
        self.forms: dict[str, list[str]] = {}
        for word in self.parts:
            self.forms.setdefault(stem(word), []).append(word)

    def query(self, text: str) -> KeywordQuery:
        """Read ``word, word:weight, -word``.

        Raises:
            LampError: nothing is asked for, only stop or unknown words, or a weight is no number above 0.
        """
        asked = [part.strip().lower() for part in text.split(",") if part.strip(" -")]
        if not asked:
            raise LampError("the keywords are empty; write words with commas between them: run,jump")
        known = self._known(part.lstrip("-").partition(":")[0].strip() for part in asked)
        wanted: dict[tuple[int, ...], float] = {}
        without: dict[tuple[int, ...], None] = {}
        for part in asked:
            word, _, weight = part.lstrip("-").partition(":")
            forms = known.get(word.strip(), ())
            if part.startswith("-"):
                without |= dict.fromkeys(forms)
            elif forms:
                wanted |= dict.fromkeys(forms, _weight(part, weight))
        if not wanted:
            raise LampError("the keywords only exclude; add one to look for: run,-jump")
        weights_V = np.zeros(self.width, dtype=np.float32)
        for parts in [parts for parts in wanted if len(parts) == 1]:
            weights_V[parts] = wanted.pop(parts)
        return KeywordQuery(weights_V, tuple(without), wanted)

    def _known(self, words: Iterable[str]) -> dict[str, Groups]:
        """The forms of each word, by their pieces; what has none is said, and refused where nothing else is
        asked."""
        found: dict[str, Groups] = {}
        faults = []
        for word in dict.fromkeys(words):
            forms = self.forms.get(stem(word), [])
            if word in stop_words():
                faults.append(f"{word!r} says nothing of a motion")
            elif forms:
                found[word] = [self.parts[form] for form in forms]
            else:
                faults.append(f"{word!r} is unknown{self._nearest(word)}")
        if not found:
            raise LampError(f"no keyword can be looked for: {'; '.join(faults)}")
        for fault in faults:
            remark(f"keyword {fault}; it is passed over")
        return found

    def _nearest(self, word: str) -> str:
        near = difflib.get_close_matches(word, self.parts, SUGGESTED, cutoff=0.6)
        return f", nearest known: {', '.join(near)}" if near else ""


def stem(word: str) -> str:
    """A word without its ending: the same for run, runs, running and ran, for raise and raising, for try and
    tries."""
    word = word_list().base_forms.get(word) or FURTHER_FORMS.get(word, word)
    if word.endswith(ENDINGS_OF_Y) and len(word) > len("dies"):
        return word[:-3] + "y"
    for ending in ENDINGS:
        root = word.removesuffix(ending)
        if root != word and len(root) >= SHORTEST_STEM and not word.endswith("ss"):
            doubled = len(root) > SHORTEST_STEM and root[-1] == root[-2] and root[-1] not in "ls"
            return _without_e(root[:-1] if doubled else root)
    return _without_e(word)


def _without_e(root: str) -> str:
    return root.rstrip("e") if len(root) > SHORTEST_STEM else root


def _weight(part: str, text: str) -> float:
    try:
        weight = float(text) if text else 1.0
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise LampError(f"keyword {part!r}: its weight is no number above 0; write it as run:2")
    return weight
