"""The Parquet schemas of clips, rejected clips and features, and what is known about a whole data set.

Shapes: T frames, J joints, D feature numbers a frame. Arrays lie flattened in a list; their shape and unit
stand in the metadata of the field.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamp_core.errors import LampError

METADATA_KEY = b"lamp"


class DatasetMetadata(BaseModel):
    """What holds for every clip of a Parquet file; stored as JSON in its metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(description="name of the registered data set")
    skeleton: str = Field(description="smpl22, kit21 or smplx52")
    version: str = Field(description="SHA-256 over clip names, source hashes, captions and splits")
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
PART_CAPTION = pa.struct(
    [
        _field("part", pa.string(), "body part, as the source names it (`hands`, `left_arm`)"),
        _field("text", pa.string(), "a sentence about it, as it was written"),
    ]
)
_CLIP = _field("clip", pa.string(), "name of the clip, unique in the data set")
_SOURCE = _field(
    "source", pa.string(), "file, relative to the source's folder, or generator the clip came from"
)
_SPLIT = _field("split", pa.string(), "train, val or test")
_CAPTIONS = _field(
    "captions", pa.list_(CAPTION), "sentences about the whole body; none when the source has no captions"
)
_PART_CAPTIONS = _field(
    "part_captions",
    pa.list_(PART_CAPTION),
    "sentences about parts of the body; null when the source has none",
    nullable=True,
)

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
        _PART_CAPTIONS,
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
        _PART_CAPTIONS,
        _field(
            "features", pa.list_(pa.float32()), "not normalised", shape="(T, D)", layout="lamp_core.features"
        ),
    ]
)

_SENTENCES = pa.list_(pa.string())
MANIFEST = pa.schema(
    [
        _field("file", pa.string(), "motion file, relative to the folder of the motions"),
        _field("clip", pa.string(), "name of the clip; the file's without its ending", nullable=True),
        _field("split", pa.string(), "train, val or test; by the clip's name", nullable=True),
        _field("captions", _SENTENCES, "sentences about the whole body", nullable=True),
        _field("start", pa.float64(), "begin of the clip in its file; 0", nullable=True, unit="s"),
        _field("end", pa.float64(), "end of the clip in its file; the file's end", nullable=True, unit="s"),
        _field("captions_PART", _SENTENCES, "sentences about PART, a column a part", nullable=True),
    ]
)
"""What a manifest may hold; an optional field says what counts where it is left out."""


def check_rows(
    table: pa.Table, expected: pa.Schema, where: str, widths: Mapping[str, int] | None = None
) -> None:
    """Hold rows against a schema, as they are written and as they are read.

    Args:
        table: the rows.
        expected: their schema.
        where: what an error names.
        widths: numbers a frame of the arrays whose skeleton is known; of others any whole number.

    Raises:
        LampError: a null where there may be none, or an array whose length is no multiple of its frames.
    """
    for field in expected:
        if field.name not in table.column_names or field.nullable:
            continue
        column = table[field.name]
        if column.null_count:
            raise LampError(f"{where}: field {field.name!r} is null in {column.null_count} rows")
        if (field.metadata or {}).get(b"shape", b"").startswith(b"(T"):
            width = (widths or {}).get(field.name)
            _check_lengths(column, table["frames"], width, f"{where}: field {field.name!r}")


def _check_lengths(column: pa.ChunkedArray, frames: pa.ChunkedArray, width: int | None, where: str) -> None:
    lengths_N = pc.list_value_length(column).to_numpy()
    frames_N = frames.to_numpy()
    whole_N = lengths_N // frames_N.clip(min=1) if width is None else width
    faulty_N = (frames_N < 1) | (lengths_N < 1) | (lengths_N != frames_N * whole_N)
    if faulty_N.any():
        row = int(faulty_N.argmax())
        raise LampError(f"{where} holds {lengths_N[row]} numbers for {frames_N[row]} frames in row {row}")


def open_parquet(path: Path, expected: pa.Schema) -> pq.ParquetFile:
    """Open a file of one of the schemas above.

    Raises:
        LampError: without the file, when it is no Parquet file, or when a field is missing, unknown or of
            another type.
    """
    try:
        file = pq.ParquetFile(path)
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
        if field.name not in found.names and field.nullable:
            continue  # a field that may be null may be missing, in a file from before it was known
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
