"""What is said about a clip: its captions, and those of its parts where a source has them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lamp_core.datasets.captions import Caption, parse_caption_line, read_caption_file
from lamp_core.datasets.preprocessing.tagging import tag_caption
from lamp_core.errors import RejectedClip

BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class ClipTexts:
    """The sentences about one clip.

    Args:
        captions: of the whole body.
        of_parts: sentences by body part (``hands``, ``left_arm``), as the source names it.
        skipped: lines that did not parse.
    """

    captions: list[Caption] = field(default_factory=list)
    of_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: int = 0


def read_clip_texts(path: Path) -> ClipTexts:
    """Captions of a file in the published form; RejectedClip as `read_caption_file`."""
    captions, skipped = read_caption_file(path)
    return ClipTexts(captions, skipped=skipped)


def read_sentences(path: Path) -> ClipTexts:
    """Captions of a file with a sentence a line, in the published form or as plain text.

    Raises:
        RejectedClip: ``caption-missing``, ``caption-empty`` or ``caption-unreadable``.
    """
    lines = text_lines(path)
    captions = [_caption(line) for line in lines]
    kept = [caption for caption in captions if caption is not None]
    if not kept:
        raise RejectedClip("caption-unreadable", f"no line of {path} is a sentence")
    return ClipTexts(kept, skipped=len(captions) - len(kept))


def text_lines(path: Path) -> list[str]:
    """Lines that are not empty; RejectedClip as `read_sentences`."""
    lines = [line.strip() for line in _content(path).splitlines() if line.strip()]
    if not lines:
        raise RejectedClip("caption-empty", f"{path} holds no caption")
    return lines


def frame_sentences(path: Path) -> list[str]:
    """The sentences of a JSON object that describes every frame (``{"0": "...", "1": "..."}``), each once.

    They stand in the order of the first frame that says them: neighbouring frames say mostly the same.

    Raises:
        RejectedClip: as `read_sentences`; ``caption-unreadable`` for anything but texts by frame number.
    """
    try:
        text_of = json.loads(_content(path))
        if not isinstance(text_of, dict) or not all(isinstance(text, str) for text in text_of.values()):
            raise ValueError("wanted one object of texts")
        frames = sorted(text_of, key=int)
    except (ValueError, RecursionError) as error:
        raise RejectedClip("caption-unreadable", f"{path} holds no text a frame: {error}") from error
    sentences = (part.strip() for frame in frames for part in BETWEEN_SENTENCES.split(text_of[frame]))
    found = list(dict.fromkeys(sentence for sentence in sentences if sentence))
    if not found:
        raise RejectedClip("caption-empty", f"{path} holds no caption")
    return found


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RejectedClip("caption-missing", f"there is no caption file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedClip("caption-unreadable", f"{path}: {error}") from error


def _caption(line: str) -> Caption | None:
    published = parse_caption_line(line)
    return published if published is not None or "#" in line else plain_caption(line)


def plain_caption(text: str) -> Caption | None:
    """A sentence without tags, tagged here; None when there is no word in it."""
    caption = tag_caption(text.strip())
    return caption if caption.words else None
