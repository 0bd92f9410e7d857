"""Embeddings of the test items, computed once for every evaluator: within a run, and across runs.

The key of an embedding is the hash of who embeds (weights and settings) and of what is embedded, so nothing
in the cache is ever out of date.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lamp_core.evaluation.protocols.common import Embedded, MotionTextEvaluator, TestItems

KEPT_FILES = 16
"""The least recently used ones go: embeddings of a large model are large."""


class EmbeddingCache:
    """Keeps arrays in memory, and in a folder when there is one.

    Args:
        identity_of: hash of the weights and settings of an evaluator, by its label.
        folder: where arrays outlive the process; nowhere without it.
    """

    def __init__(self, identity_of: Callable[[str], str], folder: Path | None = None) -> None:
        self.identity_of = lru_cache(identity_of)
        self._folder = folder
        self._memory: dict[str, dict[str, np.ndarray]] = {}

    def embed(self, test: TestItems, evaluator: MotionTextEvaluator) -> Embedded:
        """Embed the test items, or take what was embedded before."""
        # Two evaluators of one stage have the same weights' hash; their labels tell them apart.
        who = f"{evaluator.label} {self.identity_of(evaluator.label)}"

        def compute() -> dict[str, np.ndarray]:
            embedded = Embedded.of(test, evaluator)
            return {"motions": embedded.motions, "texts": embedded.texts_CE}

        found = self.arrays(digest([who.encode(), *motion_content(test.motions), *_captions(test)]), compute)
        return Embedded(evaluator, found["motions"], found["texts"])

    def arrays(self, key: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the arrays of this key, computed if they are not here."""
        if key not in self._memory:
            stored = self._read(key)
            self._memory[key] = compute() if stored is None else stored
            if stored is None:
                self._write(key, self._memory[key])
        return self._memory[key]

    def _read(self, key: str) -> dict[str, np.ndarray] | None:
        path = self._folder / f"{key}.npz" if self._folder else None
        if path is None or not path.exists():
            return None
        os.utime(path)
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def _write(self, key: str, arrays: dict[str, Any]) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{key}.{os.getpid()}.npz"
        np.savez(temporary, **arrays)
        os.replace(temporary, self._folder / f"{key}.npz")
        by_age = sorted(self._folder.glob("[!.]*.npz"), key=lambda path: path.stat().st_mtime)
        for path in by_age[:-KEPT_FILES]:
            path.unlink(missing_ok=True)


def digest(parts: Iterable[bytes | memoryview]) -> str:
    """Return the SHA-256 of parts, each with its length, so that no two lists of parts are alike."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(f"{len(part)}\n".encode())
        hashed.update(part)
    return hashed.hexdigest()


def folder_digest(*folders: Path) -> str:
    """Return the hash of the models in folders: every file but the curves of their training."""
    parts: list[bytes] = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".csv":
                parts += [path.relative_to(folder).as_posix().encode(), _file_digest(path)]
    return digest(parts)


def motion_content(motions: Sequence[np.ndarray]) -> Iterator[bytes | memoryview]:
    """Yield all that tells motions from others, for a `digest`."""
    for motion_TD in motions:
        yield repr((motion_TD.shape, motion_TD.dtype.str)).encode()
        yield np.ascontiguousarray(motion_TD).data.cast("B")


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _captions(test: TestItems) -> Iterator[bytes]:
    for caption in test.captions:
        yield repr((caption.text, caption.words, caption.tags)).encode()
