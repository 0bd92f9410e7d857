"""The Parquet schemas of clips, rejected clips and features, and what is known about a whole data set.

Shapes: T frames, J joints, D feature numbers a frame. Arrays lie flattened in a list; their shape and unit
stand in the metadata of the field.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lamp_core.errors import LampError
from lamp_core.io.parquet import field

METADATA_KEY = b"lamp"


class DatasetMetadata(BaseModel):
    """What holds for every clip of a Parquet file; stored as JSON in its metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(description="name of the registered data set")
    skeleton: str = Field(description="smpl22, kit21 or smplx52")
    version: str = Field(description="SHA-256 over clip names, source hashes, captions, labels and splits")
    split_hash: str = Field(description="SHA-256 over clip names and splits")
    reference: list[list[float]] = Field(
        description="pose (J, 3) whose bone lengths all clips get, skeleton's unit"
    )
    published_mean: list[float] | None = Field(None, description="Mean.npy of the source (D)")
    published_std: list[float] | None = Field(None, description="Std.npy of the source (D)")
    tags_by: dict[str, int] = Field(
        default_factory=dict,
        description="captions by who tagged their words: file, built-in, generator, or spaCy's model",
    )
    remarks: list[str] = Field(
        default_factory=list,
        description="what of the source's files was passed over, or read otherwise than it says",
    )
    joint_map: dict[str, JsonValue] | None = Field(
        None, description="joint map of the source's BVH files, by which other files of the rig are read"
    )
    content_hash: str | None = Field(
        None, description="SHA-256 over the features of all clips; features only"
    )


CAPTION = pa.struct(
    [
        field("text", pa.string(), "the sentence as it was written"),
        field("words", pa.list_(pa.string()), "its words in base form"),
        field("tags", pa.list_(pa.string()), "universal part of speech of each word"),
        field(
            "start", pa.float32(), "begin of the described span; start = end = 0 is the whole clip", unit="s"
        ),
        field("end", pa.float32(), "end of the described span", unit="s"),
    ]
)
PART_CAPTION = pa.struct(
    [
        field("part", pa.string(), "body part, as the source names it (`hands`, `left_arm`)"),
        field("text", pa.string(), "a sentence about it, as it was written"),
    ]
)
LABEL = pa.struct(
    [
        field("name", pa.string(), "what it says (`content`, `style`)"),
        field("value", pa.string(), "what it is of this clip (`walk`, `angry`)"),
    ]
)
_CLIP = field("clip", pa.string(), "name of the clip, unique in the data set")
_SOURCE = field(
    "source", pa.string(), "file, relative to the source's folder, or generator the clip came from"
)
_SPLIT = field("split", pa.string(), "train, val or test")
_CAPTIONS = field(
    "captions", pa.list_(CAPTION), "sentences about the whole body; none when the source has no captions"
)
_PART_CAPTIONS = field(
    "part_captions",
    pa.list_(PART_CAPTION),
    "sentences about parts of the body; null when the source has none",
    nullable=True,
)
_LABELS = field(
    "labels",
    pa.list_(LABEL),
    "what the captions were made from, the coarsest first; null when the source has no labels",
    nullable=True,
)

CLIPS = pa.schema(
    [
        _CLIP,
        _SOURCE,
        field("source_sha256", pa.string(), "SHA-256 of what the clip was made from"),
        _SPLIT,
        field("frames_per_second", pa.float32(), "rate of the joints", unit="1/s"),
        field("frames", pa.int32(), "T, number of joint frames", unit="frames"),
        field(
            "joints",
            pa.list_(pa.float32()),
            "positions, Y up",
            shape="(T, J, 3)",
            unit="the skeleton's: m or mm",
        ),
        field(
            "features",
            pa.list_(pa.float32()),
            "ready features of the source, used as they are",
            nullable=True,
            shape="(T, D)",
        ),
        _CAPTIONS,
        _PART_CAPTIONS,
        _LABELS,
    ]
)
REJECTED = pa.schema(
    [
        _CLIP,
        _SOURCE,
        field("reason", pa.string(), "short key, the same for every clip with this fault"),
        field("detail", pa.string(), "a sentence with the figures of this clip"),
    ]
)
FEATURES = pa.schema(
    [
        _CLIP,
        _SPLIT,
        field("frames", pa.int32(), "T, number of feature frames", unit="frames"),
        _CAPTIONS,
        _PART_CAPTIONS,
        _LABELS,
        field(
            "features", pa.list_(pa.float32()), "not normalised", shape="(T, D)", layout="lamp_core.features"
        ),
    ]
)

_SENTENCES = pa.list_(pa.string())
MANIFEST = pa.schema(
    [
        field("file", pa.string(), "motion file, relative to the folder of the motions"),
        field("clip", pa.string(), "name of the clip; the file's without its ending", nullable=True),
        field("split", pa.string(), "train, val or test; by the clip's name", nullable=True),
        field("captions", _SENTENCES, "sentences about the whole body", nullable=True),
        field("start", pa.float64(), "begin of the clip in its file; 0", nullable=True, unit="s"),
        field("end", pa.float64(), "end of the clip in its file; the file's end", nullable=True, unit="s"),
        field("captions_PART", _SENTENCES, "sentences about PART, a column a part", nullable=True),
        field(
            "label_NAME",
            pa.string(),
            "what the captions were made from (`label_content`), a column a label, the coarsest first",
            nullable=True,
        ),
    ]
)
"""What a manifest may hold; an optional field says what counts where it is left out."""


def dump_metadata(metadata: DatasetMetadata) -> dict[str, str]:
    """The key-value metadata of a Parquet file."""
    return {METADATA_KEY.decode(): metadata.model_dump_json()}


def load_metadata(path: Path, file: pq.ParquetFile) -> DatasetMetadata:
    """What `dump_metadata` wrote into an open file; LampError when it is missing or of another version."""
    stored = (file.metadata.metadata or {}).get(METADATA_KEY)
    try:
        return DatasetMetadata.model_validate(json.loads(stored or "null"))
    except (ValidationError, json.JSONDecodeError) as error:
        raise LampError(
            f"{path} has no readable metadata {METADATA_KEY.decode()!r}; write it again"
        ) from error
