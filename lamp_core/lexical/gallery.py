"""A lexical index with its words: what is searched, explained and kept on disk.

``items.parquet`` names the items and the file of postings that belongs to it, ``postings-HASH.parquet``
(term, item, weight). The postings are written first and the items take their place by a rename, so that a
reader sees the old index or the whole new one; one that was reading the old one while its postings went reads
the new one. One process at a time changes an index (`LexicalIndex.changing`).

Shapes: N items, V vocabulary, P postings.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from lamp_core.errors import LampError
from lamp_core.indexes.index import Groups
from lamp_core.indexes.named_motions import DENSE, NamedMotions
from lamp_core.indexes.sparse_index import NO_GROUP, SparseIndex, pruned
from lamp_core.io.parquet import atomic_path, read_table
from lamp_core.io.parquet import field as column
from lamp_core.lexical.keywords import Keywords
from lamp_core.lexical.vectors import units
from lamp_core.lexical.words import Vocabulary, WeightedWord, heaviest_first, shared

ITEMS, POSTINGS = "items.parquet", "postings-{}.parquet"
MOST_TERMS = 64
REMEDY = "`lamp index build` makes it anew, and `lamp run --force lexical_index` that of the test split"
ITEM_SCHEMA = pa.schema(
    [
        column("name", pa.string(), "of the motion: the clip, or the file below the folder that was indexed"),
        column("caption", pa.string(), "its first caption; empty where it has none"),
        column("file", pa.string(), "whole path of its file; null for a clip of the data set", nullable=True),
    ]
)
POSTING_SCHEMA = pa.schema(
    [
        column("term", pa.int32(), "number of the word in the vocabulary, which is part of the metadata"),
        column("item", pa.int32(), "row of the item in items.parquet"),
        column("weight", pa.float32(), "of the word in the motion's unit vector"),
    ]
)


@dataclass(frozen=True)
class LexicalHit:
    """One line of a search result.

    Args:
        rank: from 1.
        name: of the motion.
        caption: its caption, or nothing.
        score: product of the query with the motion's unit vector.
        words: those that matched, with their share of the score (0..1), the largest first.
    """

    rank: int
    name: str
    caption: str
    score: float
    words: tuple[WeightedWord, ...]


@dataclass
class LexicalIndex(NamedMotions):
    """Motions by the words that they are made of.

    Args:
        vocabulary: of the words.
        joined: words in several pieces, by these.
        most_terms: words that are kept of a motion.
        names: of all items that were ever added.
        captions: of these.
        files: whole paths of these; None where a motion is none of a file.
        sparse: their weights.
        model: hash of the model's weights that the motions were embedded with; empty where that is unknown.
    """

    vocabulary: Vocabulary
    joined: Mapping[tuple[int, ...], str]
    most_terms: int = MOST_TERMS
    names: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    files: list[str | None] = field(default_factory=list)
    sparse: SparseIndex = field(default_factory=lambda: SparseIndex(0))
    model: str = ""

    def __post_init__(self) -> None:
        """An empty index has the width of the vocabulary."""
        if not self.sparse.width:
            self.sparse = SparseIndex(len(self.vocabulary))

    @property
    def vectors(self) -> SparseIndex:
        """Their weights."""
        return self.sparse

    def described(self) -> str:
        """How many words a motion has."""
        words = self.sparse.rows().nnz / max(1, len(self))
        return f"{words:.1f} words a motion, at most {self.most_terms}"

    def empty(self) -> Self:
        """An index of the same words and model without motions."""
        return type(self)(self.vocabulary, self.joined, self.most_terms, model=self.model)

    def kept_of(self, weights_NV: np.ndarray) -> csr_array:
        """The heaviest words of unit vectors, of weights that are not normalised."""
        return pruned(units(weights_NV), self.most_terms)

    @cached_property
    def keywords(self) -> Keywords:
        """The words that can be asked for."""
        return Keywords(self.vocabulary, self.joined)

    def search(
        self,
        query_V: np.ndarray,
        top: int,
        without: Groups = (),
        together: Mapping[tuple[int, ...], float] = NO_GROUP,
    ) -> list[LexicalHit]:
        """The motions that have the query's words, best first, and what each word gave to the score.

        Args:
            query_V: weights of words.
            top: how many.
            without: pieces of words; motions that have all pieces of one are passed over.
            together: weights of words in several pieces, which a motion has when it has all of these.

        Raises:
            LampError: there is no motion to find, or the query has no word.
        """
        if not len(self):
            raise LampError("the index is empty; `lamp index add` fills it")
        if not query_V.any() and not together:
            raise LampError("the query has no word that says something of a motion; say what the person does")
        hits = []
        for rank, found in enumerate(self.sparse.search(query_V, top, without, together), start=1):
            shares = [value / found.score for value in found.shares.values()]
            words = shared(self.vocabulary, list(found.shares), shares, self.joined)
            words += [
                WeightedWord(self.joined[parts], value / found.score, parts)
                for parts, value in found.together.items()
            ]
            name, caption = self.names[found.item], self.captions[found.item]
            hits.append(LexicalHit(rank, name, caption, found.score, tuple(heaviest_first(words))))
        return hits

    def save(self, folder: Path) -> None:
        """Write the motions that can be found, their postings first, `alone_in` a folder of users."""
        kept = np.flatnonzero(~self.sparse.removed_N)
        postings = self.sparse.rows()[kept].tocoo()
        order = np.lexsort((postings.row, postings.col))
        table = pa.table(
            {
                "term": postings.col[order].astype(np.int32),
                "item": postings.row[order].astype(np.int32),
                "weight": postings.data[order].astype(np.float32),
            },
            schema=POSTING_SCHEMA,
        )
        file = folder / _postings_name(table)
        with atomic_path(file) as temporary:
            pq.write_table(table, temporary, compression="zstd")
        described = {
            "postings": file.name,
            "count": str(len(table)),
            "most_terms": str(self.most_terms),
            "model": self.model,
            "pieces": json.dumps(self.vocabulary.pieces),
            "joined": json.dumps([[list(parts), word] for parts, word in self.joined.items()]),
        }
        items = pa.table(
            {
                "name": [self.names[item] for item in kept],
                "caption": [self.captions[item] for item in kept],
                "file": [self.files[item] for item in kept],
            },
            schema=ITEM_SCHEMA.with_metadata(described),
        )
        with atomic_path(folder / ITEMS) as temporary:
            pq.write_table(items, temporary, compression="zstd")
        for old in folder.glob(POSTINGS.format("*")):
            if old.name != file.name:
                old.unlink()

    @classmethod
    def require(cls, folder: Path) -> None:
        """Raise LampError where there is no index of words in a folder."""
        if (folder / ITEMS).exists():
            return
        if (folder / DENSE).exists():
            raise LampError(f"the index in {folder} is dense, which has no words; search it by a text alone")
        raise LampError(
            f"no lexical index in {folder}; `lamp index build` makes one, and "
            "`lamp run --until lexical_index` that of the test split"
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            LampError: there is none, or a file is damaged or belongs to another.
        """
        cls.require(folder)
        made, path, count = cls._without_postings(folder)
        while True:
            try:
                made.sparse.add(_postings(path, count, len(made.names), len(made.vocabulary)))
                return made
            except LampError:
                missed = path
                made, path, count = cls._without_postings(folder)
                if path == missed:  # they were not taken away by a save of another process
                    raise

    @classmethod
    def _without_postings(cls, folder: Path) -> tuple[Self, Path, int]:
        """The items, the file of their postings, and how many these are."""
        items = read_table(folder / ITEMS, ITEM_SCHEMA, REMEDY)
        described = {key.decode(): value.decode() for key, value in (items.schema.metadata or {}).items()}
        try:
            pieces = tuple(json.loads(described["pieces"]))
            joined = {tuple(parts): word for parts, word in json.loads(described["joined"])}
            path, count = folder / described["postings"], int(described["count"])
            most_terms = int(described["most_terms"])
        except (KeyError, ValueError) as error:
            raise LampError(f"{folder / ITEMS} is no lexical index; {REMEDY}") from error
        made = cls(Vocabulary(pieces), joined, most_terms, model=described.get("model", ""))
        made.names, made.captions = items["name"].to_pylist(), items["caption"].to_pylist()
        has_files = "file" in items.column_names
        made.files = items["file"].to_pylist() if has_files else [None] * len(items)
        return made, path, count


def _postings(path: Path, count: int, items: int, words: int) -> csr_array:
    """The postings of a file as rows (N, V); LampError where they are damaged."""
    table = read_table(path, POSTING_SCHEMA, REMEDY)
    term_P, item_P, weight_P = (table[name].to_numpy() for name in ("term", "item", "weight"))
    inside = len(table) == count and (
        not count or (min(term_P.min(), item_P.min()) >= 0 and term_P.max() < words and item_P.max() < items)
    )
    if not inside:
        raise LampError(f"{path} is damaged: its postings do not fit its {items} items; {REMEDY}")
    if not (np.isfinite(weight_P) & (weight_P > 0)).all():
        raise LampError(f"{path} is damaged: weights of words are above 0; {REMEDY}")
    if path.name != _postings_name(table):
        raise LampError(f"{path} is damaged: its postings are not those of the hash in its name; {REMEDY}")
    return csr_array((weight_P, (item_P, term_P)), shape=(items, words))


def _postings_name(table: pa.Table) -> str:
    """The name of the file of postings, with the hash of its columns."""
    digest = hashlib.sha256()
    for name in POSTING_SCHEMA.names:
        digest.update(table[name].to_numpy().tobytes())
    return POSTINGS.format(digest.hexdigest()[:16])
