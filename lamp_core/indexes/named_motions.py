"""Motions of an index by their names: what indexes of every kind have in common.

Shapes: N items.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from lamp_core.errors import LampError
from lamp_core.indexes.index import Index
from lamp_core.io.file_lock import alone_in

DENSE = "dense.parquet"
"""The file of an index of dense vectors (`dense_gallery`), by which one is known."""
REMOVE_FIRST = "`lamp index remove` takes it out first"


class NamedMotions(ABC):
    """An index whose items have names; these, captions and whole paths of files are of all that were ever
    added, a path None where a motion is none of a file."""

    names: list[str]
    captions: list[str]
    files: list[str | None]

    @property
    @abstractmethod
    def vectors(self) -> Index:
        """What is searched."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; LampError where there is none, or it is damaged."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the motions that can be found, `alone_in` a folder of users."""

    @classmethod
    @abstractmethod
    def require(cls, folder: Path) -> None:
        """Raise LampError where there is no index of this kind in a folder."""

    @abstractmethod
    def described(self) -> str:
        """How its motions are kept, for people."""

    @abstractmethod
    def empty(self) -> Self:
        """An index of the same kind and model without motions."""

    @abstractmethod
    def kept_of(self, vectors: np.ndarray, /) -> Any:
        """What is kept of the vectors (N, ...) that the model made of motions."""

    def add(
        self,
        names: Sequence[str],
        captions: Sequence[str],
        vectors: np.ndarray,
        files: Sequence[str | None] | None = None,
    ) -> None:
        """Add motions by what the model made of them (N, ...), and whole paths of their files.

        Raises:
            LampError: a name is there already, or the vectors are of another shape or vocabulary.
        """
        self._add(names, captions, self.kept_of(vectors), files or [None] * len(names))

    def take(self, other: Self) -> None:
        """Add the motions of an index of the same kind and model, none of which was removed; as `add`."""
        self._add(other.names, other.captions, other.vectors.rows(), other.files)

    def _add(
        self, names: Sequence[str], captions: Sequence[str], rows: Any, files: Sequence[str | None]
    ) -> None:
        self.require_names(self.places, names)
        self.vectors.add(rows)
        self.names += names
        self.captions += captions
        self.files += files

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def places(self) -> dict[str, int]:
        """The number of each motion that can be found."""
        gone_N = self.vectors.removed_N
        return {name: item for item, name in enumerate(self.names) if not gone_N[item]}

    def require_new(self, files: Mapping[str, str]) -> None:
        """Raise where the index has a motion of one of these names, or one of these files under another.

        Args:
            files: whole paths of files by the names that they are to have.
        """
        known = self.places
        self.require_names(known, list(files))
        name_of = {self.files[item]: name for name, item in known.items()}
        file = next((file for file in files.values() if file in name_of), None)
        if file is not None:
            raise LampError(f"the index has {file} already, as {name_of[file]!r}; {REMOVE_FIRST}")

    def require_names(self, known: Collection[str], names: Sequence[str]) -> None:
        """Raise where a name is known already, or is given twice."""
        twice = next((name for name in names if name in known), None) or _repeated(names)
        if twice is not None:
            raise LampError(f"the index has {twice!r} already; {REMOVE_FIRST}")

    def remove(self, names: Sequence[str]) -> None:
        """Take motions out; LampError for one that is not there, and then none is taken out."""
        known = self.places
        missing = next((name for name in names if name not in known), None)
        if missing is not None:
            raise LampError(f"the index has no {missing!r}; `lamp index info --names` lists what it has")
        self.vectors.remove(known[name] for name in names)

    @classmethod
    @contextmanager
    def changing(cls, folder: Path) -> Iterator[Self]:
        """An index that no other process changes while the block runs; saved where it ends well.

        Raises:
            LampError: as `load`.
        """
        cls.require(folder)
        with alone_in(folder):
            index = cls.load(folder)
            yield index
            index.save(folder)


def _repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
