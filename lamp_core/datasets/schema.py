"""The Parquet schemas of clips, rejected clips and features, and what is known about a whole data set.

Shapes: T frames, J joints, D feature numbers a frame. Arrays lie flattened in a list; their shape and unit
stand in the metadata of the field.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamp_core.errors import LampError

METADATA_KEY = b"lamp"


class DatasetMetadata(BaseModel):
    """What holds for every clip of a Parquet file; stored as JSON in its metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(description="name of the registered data set")
    skeleton: str = Field(description="smpl22 or kit21")
    version: str = Field(description="SHA-256 over clip names, source hashes, captions and splits")
    split_hash: str = Field(description="SHA-256 over clip names and splits")
    reference: list[list[float]] = Field(
        description="pose (J, 3) whose bone lengths all clips get, skeleton's unit"
    )
    published_mean: list[float] | None = Field(None, description="Mean.npy of the source (D)")
    published_std: list[float] | None = Field(None, description="Std.npy of the source (D)")
    content_hash: str | None = Field(
        None, description="SHA-256 over the features of all clips; features only"
    )


def _field(name: str, kind: pa.DataType, meaning: str, nullable: bool = False, **details: str) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning, **details})


CAPTION = pa.struct(
    [
        _field("text", pa.string(), "the sentence as it was written"),
        _field("words", pa.list_(pa.string()), "its words in base form"),
        _field("tags", pa.list_(pa.string()), "universal part of speech of each word"),
        _field(
            "start", pa.float32(), "begin of the described span; start = end = 0 is the whole clip", unit="s"
        ),
        _field("end", pa.float32(), "end of the described span", unit="s"),
    ]
)
_CLIP = _field("clip", pa.string(), "name of the clip, unique in the data set")
_SOURCE = _field(
    "source", pa.string(), "file, relative to the source's folder, or generator the clip came from"
)
_SPLIT = _field("split", pa.string(), "train, val or test")
_CAPTIONS = _field("captions", pa.list_(CAPTION), "at least one caption")

CLIPS = pa.schema(
    [
        _CLIP,
        _SOURCE,
        _field("source_sha256", pa.string(), "SHA-256 of what the clip was made from"),
        _SPLIT,
        _field("frames_per_second", pa.float32(), "rate of the joints", unit="1/s"),
        _field("frames", pa.int32(), "T, number of joint frames", unit="frames"),
        _field(
            "joints",
            pa.list_(pa.float32()),
            "positions, Y up",
            shape="(T, J, 3)",
            unit="the skeleton's: m or mm",
        ),
        _field(
            "features",
            pa.list_(pa.float32()),
            "ready features of the source, used as they are",
            nullable=True,
            shape="(T, D)",
        ),
        _CAPTIONS,
    ]
)
REJECTED = pa.schema(
    [
        _CLIP,
        _SOURCE,
        _field("reason", pa.string(), "short key, the same for every clip with this fault"),
        _field("detail", pa.string(), "a sentence with the figures of this clip"),
    ]
)
FEATURES = pa.schema(
    [
        _CLIP,
        _SPLIT,
        _field("frames", pa.int32(), "T, number of feature frames", unit="frames"),
        _CAPTIONS,
        _field(
            "features", pa.list_(pa.float32()), "not normalised", shape="(T, D)", layout="lamp_core.features"
        ),
    ]
)


def open_parquet(path: Path, expected: pa.Schema) -> pq.ParquetFile:
    """Open a file of one of the schemas above.

    Raises:
        LampError: without the file, when it is no Parquet file, or when a field is missing, unknown or of
            another type.
    """
    try:
        file = pq.ParquetFile(path, memory_map=True)
    except FileNotFoundError as error:
        raise LampError(f"{path} is missing; run the stage that writes it") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise LampError(
            f"{path} is not a readable Parquet file ({error}); run the stage that writes it again"
        ) from error
    _check_fields(path, file.schema_arrow, expected)
    return file


def _check_fields(path: Path, found: pa.Schema, expected: pa.Schema) -> None:
    remedy = "run the stage that writes it again"
    for field in expected:
        if field.name not in found.names:
            raise LampError(f"{path} has no field {field.name!r}; {remedy}")
        if found.field(field.name).type != field.type:
            kind = found.field(field.name).type
            raise LampError(f"{path}: field {field.name!r} is {kind}, not {field.type}; {remedy}")
    unknown = sorted(set(found.names) - set(expected.names))
    if unknown:
        raise LampError(f"{path} has a field {unknown[0]!r} that its schema does not know; {remedy}")


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
