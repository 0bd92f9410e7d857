"""Words and parts of speech as the numbers that the text encoder of Guo et al. reads."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from lamp_core.datasets.captions import Caption
from lamp_core.io.yaml_text import parse_yaml

UNKNOWN, START, END = "unk", "sos", "eos"
SPECIAL = (UNKNOWN, START, END)
OTHER = "OTHER"
TAG_COUNT = 15
WORD_GROUPS = Path(__file__).with_name("word_groups.yaml")


class Vocabulary:
    """The words that have a vector; every other word is ``unk``.

    Args:
        words: in the order of their vectors, `SPECIAL` first.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._index = {word: index for index, word in enumerate(self.words)}

    @classmethod
    def of(cls, captions: Iterable[Caption], min_count: int = 2) -> "Vocabulary":
        """Collect the words that stand ``min_count`` times or more in the captions, sorted."""
        counts = Counter(word for caption in captions for word in caption.words)
        known = sorted(word for word, count in counts.items() if count >= min_count and word not in SPECIAL)
        return cls((*SPECIAL, *known))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, caption: Caption, max_words: int) -> tuple[list[int], list[int]]:
        """Return word and tag indexes of the first ``max_words`` words between start and end.

        A caption without words is start and end alone. An unknown word has no tag either, as published.
        """
        tags, group_of = _tags()
        words = [self._index[START]]
        parts = [tags[OTHER]]
        for word, tag in zip(caption.words[:max_words], caption.tags[:max_words], strict=True):
            index = self._index.get(word, self._index[UNKNOWN])
            known_tag = group_of.get(word, tag) if index != self._index[UNKNOWN] else OTHER
            words.append(index)
            parts.append(tags.get(known_tag, tags[OTHER]))
        return [*words, self._index[END]], [*parts, tags[OTHER]]


@lru_cache(maxsize=1)
def _tags() -> tuple[dict[str, int], dict[str, str]]:
    """Index of each tag, and the group of each word that is in one."""
    table = parse_yaml(WORD_GROUPS.read_text(encoding="utf-8"))
    groups = {word: group for group, listed in table["groups"].items() for word in listed}
    return {tag: index for index, tag in enumerate(table["tags"])}, groups
