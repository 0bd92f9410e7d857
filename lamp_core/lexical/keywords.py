"""Queries by keywords: which words of a vocabulary they mean, with weights, and what is excluded.

``run, jump`` finds motions that have either; ``run:2,-jump`` weighs the one twice and passes over motions
that have the other. A keyword stands for all forms of its word that are known (run, runs, running).

Shapes: V vocabulary.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lamp_core.errors import LampError
from lamp_core.lexical.words import CONTINUED, Vocabulary, stop_words
from lamp_core.remarks import remark

ENDINGS = ("ing", "ed", "es", "s")
SHORTEST_STEM = 3
SUGGESTED = 3


@dataclass(frozen=True)
class KeywordQuery:
    """What is searched.

    Args:
        weights_V: of the wanted words.
        without: numbers of the words whose motions are passed over.
    """

    weights_V: np.ndarray
    without: tuple[int, ...] = ()


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
        weights_V = np.zeros(self.width, dtype=np.float32)
        without: list[int] = []
        asked = [part.strip().lower() for part in text.split(",") if part.strip(" -")]
        if not asked:
            raise LampError("the keywords are empty; write words with commas between them: run,jump")
        known = self._known(part.lstrip("-").partition(":")[0].strip() for part in asked)
        for part in asked:
            word, _, weight = part.lstrip("-").partition(":")
            terms = known.get(word.strip(), ())
            if part.startswith("-"):
                without += terms
            elif terms:
                weights_V[list(terms)] = _weight(part, weight)
        if not weights_V.any():
            raise LampError("the keywords only exclude; add one to look for: run,-jump")
        return KeywordQuery(weights_V, tuple(dict.fromkeys(without)))

    def _known(self, words: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The terms of each word; what has none is said, and refused where nothing else is asked."""
        found: dict[str, tuple[int, ...]] = {}
        faults = []
        for word in dict.fromkeys(words):
            forms = self.forms.get(stem(word), [])
            if word in stop_words():
                faults.append(f"{word!r} says nothing of a motion")
            elif forms:
                found[word] = tuple(dict.fromkeys(term for form in forms for term in self.parts[form]))
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
    """A word without its ending: the same for run, runs and running, for raise and raising."""
    for ending in ENDINGS:
        root = word.removesuffix(ending)
        if root != word and len(root) >= SHORTEST_STEM and not word.endswith("ss"):
            doubled = len(root) > SHORTEST_STEM and root[-1] == root[-2] and root[-1] not in "ls"
            return (root[:-1] if doubled else root).rstrip("e")
    return word.rstrip("e") if len(word) > SHORTEST_STEM else word


def _weight(part: str, text: str) -> float:
    try:
        weight = float(text) if text else 1.0
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise LampError(f"keyword {part!r}: its weight is no number above 0; write it as run:2")
    return weight
