"""Captions: the sentences about a clip and the form they are published in.

The line form is that of HumanML3D (Guo et al. 2022): ``caption#word/POS word/POS#start#end``, times in
seconds, where ``0.0#0.0`` is the whole clip. Tags are those of the universal set (``DET NOUN VERB ADP ...``).
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from lamp_core.errors import RejectedClip

FROM_FILE, BUILT_IN = "file", "built-in"
"""Who tagged a caption: whoever wrote its file, or `lamp_core.datasets.preprocessing.tagging`."""
TAGGED_WORD = re.compile(r"(?P<word>#?[^\s#]*[^\s#/])/(?P<tag>[A-Z]+)")


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


def parse_caption_file(path: Path) -> list[Caption]:
    """Read the captions of one clip; see `read_caption_file` for the errors."""
    return read_caption_file(path)[0]


def read_caption_file(path: Path) -> tuple[list[Caption], int]:
    """Read the captions of one clip, a line each.

    Returns:
        The captions, and how many lines that are not empty were skipped because they do not parse.

    Raises:
        RejectedClip: ``caption-missing`` without the file, ``caption-empty`` without a text in it,
            ``caption-unreadable`` when it is no text or none of its lines parses.
    """
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RejectedClip("caption-missing", f"there is no caption file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedClip("caption-unreadable", f"{path}: {error}") from error
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines:
        raise RejectedClip("caption-empty", f"{path} holds no caption")
    captions = [caption for caption in map(parse_caption_line, lines) if caption is not None]
    if not captions:
        raise RejectedClip(
            "caption-unreadable", f"no line of {path} has the form caption#word/TAG ...#start#end"
        )
    return captions, len(lines) - len(captions)


def parse_caption_line(line: str) -> Caption | None:
    """Read one line, or None when it has not the form or can be read in more than one way.

    A ``#`` inside the sentence or a tagged word is accepted where only one place can part the sentence from
    its words.
    """
    fields = line.strip().rsplit("#", 2)
    if len(fields) != 3:
        return None
    times = _parse_span(fields[1], fields[2])
    readings = _sentence_readings(fields[0])
    if times is None or len(readings) != 1:
        return None
    text, tagged = readings[0]
    return Caption(text, tuple(word for word, _ in tagged), tuple(tag for _, tag in tagged), *times)


def _parse_span(start: str, end: str) -> tuple[float, float] | None:
    """Both times in seconds; the published files write ``nan`` for a missing one, which means 0."""
    try:
        span = [0.0 if math.isnan(float(time)) else float(time) for time in (start, end)]
    except ValueError:
        return None
    return (span[0], span[1]) if 0.0 <= span[0] <= span[1] < math.inf else None


def _sentence_readings(body: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every way to part ``sentence#word/TAG ...`` at a ``#`` that leaves words only on the right."""
    readings = []
    for place in (index for index, letter in enumerate(body) if letter == "#"):
        text, tagged = (
            body[:place].strip(),
            [TAGGED_WORD.fullmatch(token) for token in body[place + 1 :].split()],
        )
        if text and tagged and all(tagged) and not TAGGED_WORD.search(text):
            readings.append((text, [(token["word"].lower(), token["tag"]) for token in tagged if token]))
    return readings
