"""What the stage ``evaluate`` keeps of a few test motions for the report: generated ones, and captions.

Shapes: T frames, D feature numbers a frame, W words.
"""

import pyarrow as pa

from lamp_core.io.parquet import field

_CLIP = field("clip", pa.string(), "name of the test clip")
_START = field("start", pa.int64(), "first frame of the item within the clip", unit="frames")

GENERATED = pa.schema(
    [
        _CLIP,
        _START,
        field("system", pa.string(), "what generated it"),
        field("caption", pa.string(), "the text that the motion was generated for"),
        field("frames", pa.int64(), "T, frames of the generated motion", unit="frames"),
        field("features", pa.list_(pa.float32()), "the generated motion, not normalised", shape="(T, D)"),
    ]
)
"""``generated.parquet``: a generated motion a test item and system."""
CAPTIONED = pa.schema(
    [
        _CLIP,
        _START,
        field("references", pa.list_(pa.string()), "the true captions"),
        field("system", pa.string(), "what captioned it"),
        field("caption", pa.string(), "its caption"),
        field("nearest", pa.string(), "the training caption that retrieval finds nearest"),
        field(
            "words",
            pa.list_(pa.string()),
            "words of the caption; null where their attention was not asked for",
            nullable=True,
        ),
        field(
            "attention",
            pa.list_(pa.float32()),
            "attention of each word to the frames, each row sums to 1",
            nullable=True,
            shape="(W, T)",
        ),
    ]
)
"""``captions.parquet``: captions a test item and system."""
