"""What an index of motions as words keeps for the report: a few motions, hits of keywords, what fewer words
cost.

Shapes: W words.
"""

import pyarrow as pa

from lamp_core.io.parquet import field

WORDS_FILE, KEYWORDS_FILE, SPARSITY_FILE = "words.parquet", "keywords.parquet", "sparsity.parquet"
_WORDS = field("words", pa.list_(pa.string()), "words, the heaviest first", shape="(W,)")
_NAME = field("name", pa.string(), "of the motion, as in items.parquet")
WORDS = pa.schema(
    [
        _NAME,
        field("captions", pa.list_(pa.string()), "what people said of it"),
        _WORDS,
        field("weights", pa.list_(pa.float32()), "of the words in the motion's unit vector", shape="(W,)"),
    ]
)
"""``words.parquet``: test motions as words."""
KEYWORDS = pa.schema(
    [
        field("keywords", pa.string(), "the query, as `lamp search --keywords` takes it"),
        field("rank", pa.int64(), "place of the hit, from 1"),
        _NAME,
        field("caption", pa.string(), "its first caption"),
        field("score", pa.float32(), "product of the query with the motion's unit vector"),
        _WORDS,
        field("shares", pa.list_(pa.float32()), "what each word gives to the score, of 1", shape="(W,)"),
    ]
)
"""``keywords.parquet``: the first hits of queries by keywords."""
SPARSITY = pa.schema(
    [
        field("terms", pa.int64(), "words that a motion and a query keep at most"),
        field(
            "text_to_motion_r10",
            pa.float64(),
            "R@10 of the first captions over the full test split",
            unit="%",
        ),
        field("text_to_motion_r1", pa.float64(), "R@1 of the same", unit="%", nullable=True),
        field(
            "motion_to_text_r1",
            pa.float64(),
            "R@1 of the motions over these captions",
            unit="%",
            nullable=True,
        ),
        field("motion_to_text_r10", pa.float64(), "R@10 of the same", unit="%", nullable=True),
        field("query_ms", pa.float64(), "time of a query in the inverted index", unit="ms"),
    ]
)
"""``sparsity.parquet``: recall and time by the words that are kept."""
RECALLS = {
    "text_to_motion_r1": "text to motion R@1",
    "text_to_motion_r10": "text to motion R@10",
    "motion_to_text_r1": "motion to text R@1",
    "motion_to_text_r10": "motion to text R@10",
}
"""Its columns of recall in words; a file from before has the second alone."""
