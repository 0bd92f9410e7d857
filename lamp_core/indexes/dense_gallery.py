"""An index of motions by dense vectors: those of any model that compares texts and motions.

``dense.parquet`` names the motions and has their vectors as the model gave them; it takes its place by one
rename. How similar a text is to a vector says the model, so that vectors may be of any shape.

Shapes: N items.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.errors import LampError
from lamp_core.indexes.dense_index import DenseIndex, Similarity, sized
from lamp_core.indexes.named_motions import DENSE, NamedMotions
from lamp_core.io.parquet import atomic_path, read_table
from lamp_core.io.parquet import field as column
from lamp_core.retrieval.gallery import Hit

REMEDY = "`lamp index build --dense` makes it anew"
SCHEMA = pa.schema(
    [
        column("name", pa.string(), "of the motion: the file below the folder that was indexed"),
        column("caption", pa.string(), "empty"),
        column("file", pa.string(), "whole path of its file", nullable=True),
        column(
            "vector",
            pa.list_(pa.float32()),
            "as the model gave it; its shape is in the metadata",
            shape="(numbers of a vector,)",
        ),
    ]
)


@dataclass
class DenseGallery(NamedMotions):
    """Motions by dense vectors.

    Args:
        model: name of the model.
        weights: hash of what the model is made of.
        names: of all items that were ever added.
        captions: of these.
        files: whole paths of these; None where a motion is none of a file.
        dense: their vectors.
    """

    model: str
    weights: str
    names: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    files: list[str | None] = field(default_factory=list)
    dense: DenseIndex = field(default_factory=DenseIndex)

    @property
    def vectors(self) -> DenseIndex:
        """Their vectors."""
        return self.dense

    def described(self) -> str:
        """The size of a vector, and whose it is."""
        return f"vectors of {sized(self.dense.shape or (0,))} numbers by {self.model}"

    def empty(self) -> Self:
        """An index of the same model without motions."""
        return type(self)(self.model, self.weights)

    def kept_of(self, vectors: np.ndarray) -> np.ndarray:
        """The vectors (N, ...) as they are."""
        return vectors

    def search(self, query: np.ndarray, top: int, similarity: Similarity) -> list[Hit]:
        """The motions most similar to a text, best first; LampError where there is none to find."""
        if not len(self):
            raise LampError("the index is empty; `lamp index add` fills it")
        found = self.dense.search(query, top, similarity=similarity)
        return [
            Hit(rank, self.names[hit.item], self.captions[hit.item], hit.score)
            for rank, hit in enumerate(found, start=1)
        ]

    def save(self, folder: Path) -> None:
        """Write the motions that can be found, `alone_in` a folder of users."""
        kept = np.flatnonzero(~self.dense.removed_N)
        shape = self.dense.shape or ()
        described = {"model": self.model, "weights": self.weights, "shape": json.dumps(shape)}
        rows = self.dense.rows()[kept].reshape(len(kept), int(np.prod(shape)))
        table = pa.table(
            {
                "name": [self.names[item] for item in kept],
                "caption": [self.captions[item] for item in kept],
                "file": [self.files[item] for item in kept],
                "vector": list(rows),
            },
            schema=SCHEMA.with_metadata(described),
        )
        with atomic_path(folder / DENSE) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def require(cls, folder: Path) -> None:
        """Raise LampError where there is no dense index in a folder."""
        if not (folder / DENSE).exists():
            raise LampError(f"no dense index in {folder}; `lamp index build --dense` makes one")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; LampError where there is none, or it is damaged."""
        cls.require(folder)
        path = folder / DENSE
        table = read_table(path, SCHEMA, REMEDY)
        described = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        try:
            made = cls(described["model"], described["weights"])
            shape = tuple(json.loads(described["shape"]))
        except (KeyError, ValueError, TypeError) as error:
            raise LampError(f"{path} is no dense index; {REMEDY}") from error
        widths_N = table["vector"].combine_chunks().value_lengths().to_numpy()
        numbers = table["vector"].combine_chunks().flatten().to_numpy()
        if (widths_N != np.prod(shape)).any() or not np.isfinite(numbers).all():
            raise LampError(f"{path} is damaged: its vectors are not of shape {shape}; {REMEDY}")
        made.add(
            table["name"].to_pylist(),
            table["caption"].to_pylist(),
            numbers.reshape(len(table), *shape),
            table["file"].to_pylist(),
        )
        return made
