"""Rows of what an index shows of itself: motions as words, and the first hits of keywords."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamp_core.errors import LampError
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.words import readable
from lamp_core.remarks import remark


def motions_as_words(
    index: LexicalIndex, captions: Sequence[Sequence[str]], count: int, most_words: int
) -> list[dict[str, Any]]:
    """Some motions of an index, evenly spread over it, as rows of `samples.WORDS`.

    Args:
        index: of which no item was removed.
        captions: of its motions, in their order.
        count: of motions.
        most_words: of a motion.
    """
    rows = index.sparse.rows()
    shown = np.unique(np.linspace(0, len(index.names) - 1, min(count, len(index.names))).astype(int))
    made = []
    for item in shown:
        start, end = rows.indptr[item : item + 2]
        terms, weights = rows.indices[start:end].tolist(), rows.data[start:end].tolist()
        words = readable(index.vocabulary, terms, weights, index.joined)[:most_words]
        made.append(
            {
                "name": index.names[item],
                "captions": list(captions[item]),
                "words": [word.word for word in words],
                "weights": [word.weight for word in words],
            }
        )
    return made


def keyword_hits(index: LexicalIndex, queries: Iterable[str], top: int) -> list[dict[str, Any]]:
    """The first hits of queries, as rows of `samples.KEYWORDS`; what cannot be answered is said."""
    made = []
    for text in queries:
        try:
            query = index.keywords.query(text)
        except LampError as fault:
            remark(f"keywords {text!r} are left out: {fault}")
            continue
        made += [
            {
                "keywords": text,
                "rank": hit.rank,
                "name": hit.name,
                "caption": hit.caption,
                "score": hit.score,
                "words": [word.word for word in hit.words],
                "shares": [word.weight for word in hit.words],
            }
            for hit in index.search(query.weights_V, top, query.without, query.together)
        ]
    return made
