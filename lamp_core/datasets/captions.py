"""Captions: the sentences about a clip."""

from dataclasses import dataclass, field

FROM_FILE, BUILT_IN = "file", "built-in"
"""Who tagged a caption: whoever wrote its file, or `lamp_core.datasets.preprocessing.tagging`."""


@dataclass(frozen=True)
class Caption:
    """One sentence about a clip.

    Args:
        text: the sentence as it was written.
        words: its words in lower case, verbs and nouns in their base form.
        tags: the part of speech of each word, as many as `words`.
        start: begin of the described span in seconds.
        end: end of that span in seconds; start = end = 0 means the whole clip.
        tags_by: who tagged it; known while the data set is ingested, whose metadata count it.
    """

    text: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    start: float = 0.0
    end: float = 0.0
    tags_by: str = field(default=FROM_FILE, compare=False)

    @property
    def is_whole_clip(self) -> bool:
        """Whether the caption speaks of the whole clip."""
        return self.start == 0.0 and self.end == 0.0
