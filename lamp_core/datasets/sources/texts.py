"""What is said about a clip: its captions, and those of its parts where a source has them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.preprocessing.caption_files import caption_lines, read_caption_file
from lamp_core.datasets.sources.caption_table import caption_of_row, is_caption_table, read_caption_table
from lamp_core.errors import RejectedClip
from lamp_core.io.folders import find_file, inside

CAPTION_ENDINGS = (".txt", ".jsonl")
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


def read_clip_texts(folder: Path, name: str) -> ClipTexts:
    """Captions of a clip: its file ``NAME.txt`` (or ``.jsonl``) in a folder, or its rows in a table of all.

    Raises:
        RejectedClip: as `read_caption_file`, and ``outside`` for a name that leads out of the folder.
    """
    if is_caption_table(folder):
        return _texts_of_table(folder, name)
    captions, skipped = read_caption_file(caption_file(folder, name))
    return ClipTexts(captions, skipped=skipped)


def caption_file(folder: Path, name: str) -> Path:
    """The clip's caption file, its ending in any case; where there is none, the one that is expected."""
    expected = inside(folder, f"{name}{CAPTION_ENDINGS[0]}")
    found = (find_file(folder, f"{name}{ending}") for ending in CAPTION_ENDINGS)
    return next((path for path in found if path is not None), expected)


def _texts_of_table(path: Path, name: str) -> ClipTexts:
    table = read_caption_table(path)
    rows = table.get(name)
    if not rows:
        first = f"; its first are of {next(iter(table))!r}" if table else ""
        raise RejectedClip("caption-missing", f"{path} holds no caption of {name!r}{first}")
    captions = [caption_of_row(row) for row in rows]
    kept = [caption for caption in captions if caption is not None]
    if not kept:
        raise RejectedClip(
            "caption-unreadable", f"none of the {len(rows)} captions of {name} in {path} parses"
        )
    return ClipTexts(kept, skipped=len(captions) - len(kept))


def frame_sentences(path: Path) -> list[str]:
    """The sentences of a JSON object that describes every frame (``{"0": "...", "1": "..."}``), each once.

    They stand in the order of the first frame that says them: neighbouring frames say mostly the same.

    Raises:
        RejectedClip: as `read_clip_texts`; ``caption-unreadable`` for anything but texts by frame number.
    """
    try:
        text_of = json.loads("\n".join(caption_lines(path)))
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
