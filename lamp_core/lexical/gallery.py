"""A lexical index with its words: what is searched, explained and kept on disk.

``items.parquet`` names the items and the file of postings that belongs to it, ``postings-HASH.parquet``
(term, item, weight). The postings are written first and the items take their place by a rename, so that a
reader sees the old index or the whole new one.

Shapes: N items, V vocabulary, P postings.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from lamp_core.errors import LampError
from lamp_core.io.parquet import atomic_path, open_parquet, read_table
from lamp_core.io.parquet import field as column
from lamp_core.lexical.index import NO_GROUP, Groups, SparseIndex, pruned
from lamp_core.lexical.keywords import Keywords
from lamp_core.lexical.vectors import units
from lamp_core.lexical.words import Vocabulary, WeightedWord, heaviest_first, shared

ITEMS, POSTINGS = "items.parquet", "postings-{}.parquet"
MOST_TERMS = 64
REMEDY = "`lamp index build` makes it anew"
ITEM_SCHEMA = pa.schema(
    [
        column("name", pa.string(), "of the motion: the clip, or the file below the folder that was indexed"),
        column("caption", pa.string(), "its first caption; empty where it has none"),
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
class LexicalIndex:
    """Motions by the words that they are made of.

    Args:
        vocabulary: of the words.
        joined: words in several pieces, by these.
        most_terms: words that are kept of a motion.
        names: of all items that were ever added.
        captions: of these.
        sparse: their weights.
    """

    vocabulary: Vocabulary
    joined: Mapping[tuple[int, ...], str]
    most_terms: int = MOST_TERMS
    names: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    sparse: SparseIndex = field(default_factory=lambda: SparseIndex(0))

    def __post_init__(self) -> None:
        """An empty index has the width of the vocabulary."""
        if not self.sparse.width:
            self.sparse = SparseIndex(len(self.vocabulary))

    def __len__(self) -> int:
        return len(self.sparse)

    @property
    def places(self) -> dict[str, int]:
        """The number of each motion that can be found."""
        gone_N = self.sparse.removed_N
        return {name: item for item, name in enumerate(self.names) if not gone_N[item]}

    def add(self, names: Sequence[str], captions: Sequence[str], weights_NV: np.ndarray) -> None:
        """Add motions by their weights of words, not normalised.

        Raises:
            LampError: a name is there already, or the weights are of another vocabulary.
        """
        known = self.places
        twice = next((name for name in names if name in known), None) or _repeated(names)
        if twice is not None:
            raise LampError(f"the index has {twice!r} already; `lamp index remove` takes it out first")
        self.sparse.add(pruned(units(weights_NV), self.most_terms))
        self.names += names
        self.captions += captions

    def remove(self, names: Sequence[str]) -> None:
        """Take motions out; LampError for one that is not there, and then none is taken out."""
        known = self.places
        missing = next((name for name in names if name not in known), None)
        if missing is not None:
            raise LampError(f"the index has no {missing!r}: it was removed, or never added")
        self.sparse.remove(known[name] for name in names)

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
        """Write the motions that can be found, their postings first."""
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
        digest = hashlib.sha256()
        for name in table.column_names:
            digest.update(table[name].to_numpy().tobytes())
        file = folder / POSTINGS.format(digest.hexdigest()[:16])
        with atomic_path(file) as temporary:
            pq.write_table(table, temporary, compression="zstd")
        described = {
            "postings": file.name,
            "count": str(len(table)),
            "most_terms": str(self.most_terms),
            "pieces": json.dumps(self.vocabulary.pieces),
            "joined": json.dumps([[list(parts), word] for parts, word in self.joined.items()]),
        }
        items = pa.table(
            {
                "name": [self.names[item] for item in kept],
                "caption": [self.captions[item] for item in kept],
            },
            schema=ITEM_SCHEMA.with_metadata(described),
        )
        with atomic_path(folder / ITEMS) as temporary:
            pq.write_table(items, temporary, compression="zstd")
        for old in folder.glob(POSTINGS.format("*")):
            if old.name != file.name:
                old.unlink()

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        """Read what `save` wrote.

        Raises:
            LampError: there is none, or a file is damaged or belongs to another.
        """
        if not (folder / ITEMS).exists():
            raise LampError(f"no lexical index in {folder}; `lamp index build` makes one")
        items = read_table(folder / ITEMS, ITEM_SCHEMA, REMEDY)
        described = {key.decode(): value.decode() for key, value in (items.schema.metadata or {}).items()}
        try:
            pieces = tuple(json.loads(described["pieces"]))
            joined = {tuple(parts): word for parts, word in json.loads(described["joined"])}
            path, count = folder / described["postings"], int(described["count"])
            most_terms = int(described["most_terms"])
        except (KeyError, ValueError) as error:
            raise LampError(f"{folder / ITEMS} is no lexical index; {REMEDY}") from error
        made = cls(Vocabulary(pieces), joined, most_terms)
        made.names, made.captions = items["name"].to_pylist(), items["caption"].to_pylist()
        made.sparse.add(_postings(path, count, len(items), len(pieces)))
        return made


def _postings(path: Path, count: int, items: int, words: int) -> csr_array:
    """The postings of a file as rows (N, V); LampError where they are damaged."""
    open_parquet(path, POSTING_SCHEMA, REMEDY)
    table = read_table(path, POSTING_SCHEMA, REMEDY)
    term_P, item_P, weight_P = (table[name].to_numpy() for name in ("term", "item", "weight"))
    inside = len(table) == count and (
        not count or (min(term_P.min(), item_P.min()) >= 0 and term_P.max() < words and item_P.max() < items)
    )
    if not inside or not np.isfinite(weight_P).all():
        raise LampError(f"{path} is damaged: its postings do not fit its {items} items; {REMEDY}")
    return csr_array((weight_P, (item_P, term_P)), shape=(items, words))


def _repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
