"""Which pieces of a vocabulary are words that can say something of a motion, and how they read.

Shapes: V word pieces of the vocabulary.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from itertools import chain

import numpy as np
import yaml

from lamp_core.lamp.text import SPECIAL, TextTokenizer

CONTINUED = "##"
PART = "…"
"""Before a part of a word, as it is shown; no word begins with it."""
WORD = re.compile(r"[^\W_]+")


@cache
def stop_words() -> frozenset[str]:
    """Words that say nothing of a motion (``stop_words.yaml``)."""
    text = resources.files("lamp_core.lexical").joinpath("stop_words.yaml").read_text(encoding="utf-8")
    return frozenset(chain.from_iterable(yaml.safe_load(text).values()))


def is_content(piece: str) -> bool:
    """Whether a word piece can say something of a motion: a word, or part of one, that is no stop word.

    Single letters spell out words that the vocabulary lacks and say nothing by themselves.
    """
    plain = piece.removeprefix(CONTINUED)
    return len(plain) > 1 and WORD.fullmatch(plain) is not None and piece not in stop_words()


@dataclass(frozen=True)
class Vocabulary:
    """The word pieces of a tokenizer, by number.

    Args:
        pieces: V pieces.
    """

    pieces: tuple[str, ...]

    @classmethod
    def of(cls, tokenizer: TextTokenizer) -> "Vocabulary":
        """The vocabulary of a tokenizer."""
        numbers: Mapping[str, int] = tokenizer.pieces.get_vocab()
        return cls(tuple(sorted(numbers, key=numbers.__getitem__)))

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each piece."""
        return {piece: number for number, piece in enumerate(self.pieces)}

    @cached_property
    def is_term_V(self) -> np.ndarray:
        """Which pieces are terms: content words and their parts, no special token, no punctuation."""
        return np.array([is_content(piece) for piece in self.pieces])

    @cached_property
    def is_special_V(self) -> np.ndarray:
        """Which pieces are [CLS] and the like, or slots that no text fills."""
        return np.array(
            [piece in SPECIAL or (piece.startswith("[") and piece.endswith("]")) for piece in self.pieces]
        )


@dataclass(frozen=True)
class WeightedWord:
    """A word of a motion or a text.

    Args:
        word: as it is shown.
        weight: above 0.
        terms: the numbers of its pieces.
    """

    word: str
    weight: float
    terms: tuple[int, ...]


def split_words(tokenizer: TextTokenizer, captions: Iterable[str]) -> dict[tuple[int, ...], str]:
    """The words of captions that the vocabulary has in several pieces, by the numbers of these, most frequent
    first."""
    counts: dict[str, int] = {}
    for caption in captions:
        for word in WORD.findall(caption.lower()):
            counts[word] = counts.get(word, 0) + 1
    found: dict[tuple[int, ...], str] = {}
    for word in sorted(counts, key=lambda word: (-counts[word], word)):
        terms = tuple(tokenizer.pieces.encode(word, add_special_tokens=False).ids)
        if len(terms) > 1:
            found.setdefault(terms, word)
    return found


def readable(
    vocabulary: Vocabulary,
    terms: Sequence[int],
    weights: Sequence[float],
    joined: Mapping[tuple[int, ...], str],
) -> list[WeightedWord]:
    """Terms and weights as words, the heaviest first.

    Pieces that make up a known word and are all there stand together as that word, with the smallest of their
    weights; other parts of words ("##ing") are not shown.

    Args:
        vocabulary: of the terms.
        terms: numbers of word pieces.
        weights: of the terms.
        joined: words in several pieces, by these.
    """
    words = _as_words(vocabulary, dict(zip(terms, weights, strict=True)), joined, min)
    return [word for word in words if not word.word.startswith(PART)]


def shared(
    vocabulary: Vocabulary,
    terms: Sequence[int],
    shares: Sequence[float],
    joined: Mapping[tuple[int, ...], str],
) -> list[WeightedWord]:
    """Terms and their shares of a score as words, which have all of it between them; else as `readable`.

    A word of several pieces has what these have together, and another part of a word is shown as one: "…ing".
    """
    return _as_words(vocabulary, dict(zip(terms, shares, strict=True)), joined, sum)


def heaviest_first(words: Iterable[WeightedWord]) -> list[WeightedWord]:
    """Words by their weight; those of equal weight by the alphabet."""
    return sorted(words, key=lambda word: (-word.weight, word.word))


def _as_words(
    vocabulary: Vocabulary,
    weight_of: Mapping[int, float],
    joined: Mapping[tuple[int, ...], str],
    together: Callable[[Iterable[float]], float],
) -> list[WeightedWord]:
    words: list[WeightedWord] = []
    used: set[int] = set()
    for parts, word in joined.items():
        if used.isdisjoint(parts) and all(part in weight_of for part in parts):
            # a piece that a word has twice ("##tap ##tap") has one weight
            words.append(WeightedWord(word, together(weight_of[part] for part in set(parts)), parts))
            used.update(parts)
    for term, weight in weight_of.items():
        piece = vocabulary.pieces[term]
        if term not in used:
            shown = piece if not piece.startswith(CONTINUED) else PART + piece.removeprefix(CONTINUED)
            words.append(WeightedWord(shown, weight, (term,)))
    return heaviest_first(words)
