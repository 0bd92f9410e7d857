"""A small word splitter and part-of-speech tagger for captions that come without tags.

Closed classes come from a word list, verbs and nouns that share a spelling are told apart by the word before,
everything else by its ending. Enough for sentences about movement, and the same on every machine.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import regex

from lamp_core.datasets.captions import BUILT_IN, Caption
from lamp_core.io.text import composed
from lamp_core.io.yaml_text import parse_yaml

WORD = re.compile(r"[a-z]+|\d+")
ANY_WORD = regex.compile(r"\p{Han}|[\p{L}--\p{Han}][[\p{L}--\p{Han}]\p{M}]*|\p{N}+", regex.VERSION1)
"""In any script; Chinese characters stand alone, since no blanks part the words."""
VOWELS = "aeiou"
KNOWN_WORDS = 1 << 16
"""Words, beside those before and after them, of which the tag is remembered: sentences repeat theirs."""
BEFORE_A_NOUN = {"DET", "ADJ", "NUM", "ADP", "VERB"}
TAG_BY_ENDING = {"ly": "ADV", "wards": "ADV", "ways": "ADV", "wise": "ADV", "ing": "VERB", "ed": "VERB"}
ADJECTIVE_ENDINGS = ("ful", "ous", "ish", "less", "able", "ible", "ive", "al")


@dataclass(frozen=True)
class WordList:
    """The content of ``tag_words.yaml``."""

    tag_of: dict[str, str]
    sides: frozenset[str]
    verbs: frozenset[str]
    nouns: frozenset[str]
    base_forms: dict[str, str]

    def known(self, tag: str) -> frozenset[str]:
        """Base forms of the verbs or of the nouns."""
        return self.verbs if tag == "VERB" else self.nouns


@lru_cache(maxsize=1)
def word_list() -> WordList:
    """The word list that stands beside this module."""
    table = parse_yaml((Path(__file__).parent / "tag_words.yaml").read_text(encoding="utf-8"))
    return WordList(
        tag_of={word: tag for tag, listed in table["words"].items() for word in listed.split()},
        sides=frozenset(table["sides"].split()),
        verbs=frozenset(table["verbs"].split()),
        nouns=frozenset(table["nouns"].split()),
        base_forms=table["base_forms"],
    )


def plain_caption(text: str) -> Caption | None:
    """A sentence without tags, tagged here; None when there is no word in it."""
    caption = tag_caption(text.strip())
    return caption if caption.words else None


def tag_caption(text: str) -> Caption:
    """A caption of the whole clip, split and tagged here."""
    return Caption(text, *tag_words(text), tags_by=BUILT_IN)


def tag_words(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a sentence into words and tag them.

    Returns:
        The words in lower case without punctuation, verbs and nouns in their base form, and as many tags.
    """
    lower = composed(text.lower()).replace("\u2019", "'").replace("'s ", " ")
    written = WORD.findall(lower) if lower.isascii() else ANY_WORD.findall(lower)
    words: list[str] = []
    tags: list[str] = []
    for word, following in pairwise([*written, ""]):
        tag = _tag(word, tags[-1] if tags else "", following)
        words.append(_base_form(word, tag))
        tags.append(tag)
    return tuple(words), tuple(tags)


@lru_cache(maxsize=KNOWN_WORDS)
def _tag(word: str, tag_before: str, following: str) -> str:
    known = word_list()
    if word.isdigit():
        return "NUM"
    if word in known.sides:
        return "ADJ" if _is_noun(following) else "NOUN" if tag_before == "DET" else "ADV"
    if word == "to" and following in known.verbs:
        return "PART"
    if word in known.tag_of:
        return known.tag_of[word]
    is_verb, is_noun = _base_form(word, "VERB") in known.verbs, _is_noun(word)
    if is_verb and is_noun:
        return "NOUN" if tag_before in BEFORE_A_NOUN and not word.endswith("ing") else "VERB"
    if is_verb or is_noun:
        return "VERB" if is_verb else "NOUN"
    return _tag_by_ending(word)


def _is_noun(word: str) -> bool:
    known = word_list()
    return word not in known.tag_of and _base_form(word, "NOUN") in known.nouns


def _tag_by_ending(word: str) -> str:
    for ending, tag in TAG_BY_ENDING.items():
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return tag
    return "ADJ" if word.endswith(ADJECTIVE_ENDINGS) else "NOUN"


@lru_cache(maxsize=KNOWN_WORDS)
def _base_form(word: str, tag: str) -> str:
    if not word.isascii():  # the endings below are those of English
        return word
    if tag not in {"VERB", "NOUN"} or word in word_list().known(tag):
        return word
    if word in word_list().base_forms:
        return word_list().base_forms[word]
    candidates = _verb_candidates(word) if tag == "VERB" else _noun_candidates(word)
    listed = [candidate for candidate in candidates if candidate in word_list().known(tag)]
    return (listed or candidates or [word])[0]


def _noun_candidates(word: str) -> list[str]:
    if word.endswith("ies") and len(word) > 4:
        return [word[:-3] + "y"]
    if word.endswith(("ches", "shes", "sses", "xes")):
        return [word[:-2]]
    return (
        [word[:-1]] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else []
    )


def _verb_candidates(word: str) -> list[str]:
    """Base forms that could stand behind an inflected verb, the likeliest first."""
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1:
            return _stem_candidates(stem, ending)
    return _noun_candidates(word)


def _stem_candidates(stem: str, ending: str) -> list[str]:
    if ending == "ed" and stem.endswith("i"):
        return [stem[:-1] + "y"]
    if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in VOWELS + "sl":
        return [stem[:-1], stem]
    one_vowel_before = stem[-2] in VOWELS and (len(stem) < 3 or stem[-3] not in VOWELS)
    silent_e = stem[-1] not in VOWELS + "wxy" and one_vowel_before and not stem.endswith("er")
    return [stem + "e", stem] if silent_e else [stem, stem + "e"]
