"""What is said about a clip: its captions, and those of its parts where a source has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lamp_core.datasets.captions import Caption, parse_caption_line, read_caption_file, tag_caption
from lamp_core.errors import RejectedClip


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
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RejectedClip("caption-missing", f"there is no caption file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RejectedClip("caption-unreadable", f"{path}: {error}") from error
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not lines:
        raise RejectedClip("caption-empty", f"{path} holds no caption")
    return lines


def _caption(line: str) -> Caption | None:
    published = parse_caption_line(line)
    return published if published is not None or "#" in line else plain_caption(line)


def plain_caption(text: str) -> Caption | None:
    """A sentence without tags, tagged here; None when there is no word in it."""
    caption = tag_caption(text.strip())
    return caption if caption.words else None
