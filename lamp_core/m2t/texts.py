"""Sentences about motion from elsewhere, for the own language model."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lamp_core.datasets.preprocessing.caption_files import read_caption_file
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.text import text_lines

ANNOTATIONS = "annotations.json"
TRAIN = "train.txt"


@dataclass(frozen=True)
class Texts:
    """Sentences of some folders.

    Args:
        sentences: all of them, in the order of folders and ids.
        unreadable: caption files that hold no caption.
    """

    sentences: tuple[str, ...]
    unreadable: int

    def divided(self, share: float) -> tuple[list[str], list[str]]:
        """Return the sentences that are trained on, and a share that is held out.

        A sentence's own hash decides, so that equal ones stay together and others change nothing.
        """
        kept: list[str] = []
        held_out: list[str] = []
        for sentence in self.sentences:
            first = hashlib.sha256(" ".join(sentence.lower().split()).encode()).digest()[:8]
            (held_out if int.from_bytes(first) < share * 2**64 else kept).append(sentence)
        return kept, held_out


def read_texts(folders: Sequence[Path]) -> Texts:
    """Read folders in the form of HumanML3D (``texts/*.txt``, or the files themselves; a line may also be a
    plain sentence) or KIT-ML
    (``annotations.json``: id -> {annotations: [{text}]}).

    Where ``train.txt`` lies beside them, only its ids are read: sentences of a test split stay unknown.

    Raises:
        LampError: a folder is not there, or holds no sentence.
    """
    sentences: list[str] = []
    unreadable = 0
    for folder in folders:
        if not folder.is_dir():
            raise LampError(f"there is no folder {folder}")
        found, failed = _annotations(folder) if (folder / ANNOTATIONS).exists() else _caption_files(folder)
        if not found:
            raise LampError(f"{folder} holds no caption; it needs {ANNOTATIONS} or texts/*.txt")
        sentences += found
        unreadable += failed
    return Texts(tuple(sentences), unreadable)


def _annotations(folder: Path) -> tuple[list[str], int]:
    path = folder / ANNOTATIONS
    try:
        motions = json.loads(path.read_text(encoding="utf-8"))
        texts = {name: [row["text"] for row in motion["annotations"]] for name, motion in motions.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LampError(f"{path} is no file of annotations (id -> annotations -> text)") from error
    wanted = _train_ids(folder)
    names = [name for name in sorted(texts) if wanted is None or name in wanted]
    return [text.strip() for name in names for text in texts[name] if str(text).strip()], 0


def _caption_files(folder: Path) -> tuple[list[str], int]:
    wanted = _train_ids(folder)
    place = folder / "texts" if (folder / "texts").is_dir() else folder
    sentences: list[str] = []
    unreadable = 0
    for path in sorted(place.glob("*.txt")):
        if path.parent == folder and path.name in {TRAIN, "val.txt", "test.txt"}:
            continue
        if wanted is not None and path.stem not in wanted:
            continue
        try:
            captions, _ = read_caption_file(path)
        except RejectedClip:
            unreadable += 1
            continue
        sentences += [caption.text for caption in captions]
    return sentences, unreadable


def _train_ids(folder: Path) -> set[str] | None:
    path = folder / TRAIN
    return set(text_lines(path)) if path.exists() else None
