"""Words of a prompt that the models hardly saw: a model says nothing of them, and stands there idly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.tagging import tag_caption

RARE = 5
"""A word in the captions of fewer training clips than this is rare."""
CONTENT = {"VERB", "NOUN", "ADJ", "ADV"}


@dataclass(frozen=True)
class Prompt:
    """A text as the training split knows it.

    Args:
        text: of the user.
        rare: its verbs, nouns, adjectives and adverbs in base form, with the number of training clips whose
            captions have them, where these are few.
        nearest: the training caption with most words in common.
        shared: share (0..1) of the words of either that both have.
    """

    text: str
    rare: dict[str, int]
    nearest: str
    shared: float

    @property
    def warning(self) -> str:
        """A line for the user; empty where every word is known."""
        if not self.rare:
            return ""
        unknown = [word for word, clips in self.rare.items() if not clips]
        seldom = [f"{word} ({clips})" for word, clips in self.rare.items() if clips]
        told = [f"never saw: {', '.join(unknown)}" if unknown else ""]
        told += [f"hardly saw (training clips): {', '.join(seldom)}" if seldom else ""]
        return (
            f"the models {'; '.join(filter(None, told))}. The nearest training caption, "
            f"{self.shared:.0%} of the words shared: {self.nearest!r}"
        )


def look_up(data: Path, text: str) -> Prompt:
    """Compare a text with the captions of the train split below a project's data folder; LampError as
    `FeatureSet.load`."""
    features = FeatureSet.load(data / "features")
    return familiarity(text, [features.captions[place] for place in features.of_split("train")])


def familiarity(text: str, clips: Sequence[Sequence[Caption]]) -> Prompt:
    """Compare a text with the captions of training clips, by the base forms that the tagger gives."""
    told = tag_caption(text)
    seen = Counter(word for captions in clips for word in {w for caption in captions for w in caption.words})
    content = dict.fromkeys(word for word, tag in zip(told.words, told.tags, strict=True) if tag in CONTENT)
    rare = {word: seen[word] for word in content if seen[word] < RARE}
    words = set(told.words)
    every = {caption for captions in clips for caption in captions}
    shares = {caption.text: _shared(words, set(caption.words)) for caption in every}
    nearest = max(sorted(shares), key=shares.__getitem__, default="")
    return Prompt(text, rare, nearest, shares.get(nearest, 0.0))


def _shared(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(1, len(one | other))
