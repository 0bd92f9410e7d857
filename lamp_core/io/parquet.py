"""Parquet files with a written schema: fields that say what they mean, rows that are checked on both ways.

A file appears under its name when it is whole. Meaning, unit and shape of a field stand in its metadata, from
which ``docs/schema.md`` is written.

Shapes: T frames, N rows.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lamp_core.errors import LampError

REMEDY = "run the stage that writes it"


def field(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False, **details: str) -> pa.Field:
    """A field with its meaning, and with ``unit`` and ``shape`` where it has them."""
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning, **details})


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it when the block ends well and removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(
    path: Path,
    rows: Iterable[Mapping[str, Any]],
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Check rows and write them, at once and by rename.

    Args:
        path: of the file; its folder is made.
        rows: values by field.
        schema: of the file.
        metadata: of the whole file.

    Raises:
        LampError: a field without its value or with one of another type, and as `check_rows`.
    """
    described = schema.with_metadata({**(schema.metadata or {}), **(metadata or {})})
    try:
        table = pa.Table.from_pylist(list(rows), schema=described)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise LampError(f"{path.name}: a row does not have its schema: {error}") from error
    check_rows(table, schema, path.name)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path, schema: pa.Schema, remedy: str = REMEDY) -> pa.Table:
    """Read a whole file and check it; LampError as `open_parquet` and `check_rows`."""
    file = open_parquet(path, schema, remedy)
    try:
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise LampError(f"{path} is not a readable Parquet file ({first_line(error)}); {remedy}") from error
    check_rows(table, schema, str(path))
    return table


def open_parquet(path: Path, expected: pa.Schema, remedy: str = REMEDY) -> pq.ParquetFile:
    """Open a file of a known schema.

    Raises:
        LampError: without the file, when it is no Parquet file, or when a field is missing, unknown or of
            another type; it ends with the remedy.
    """
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise LampError(f"{path} is missing; {remedy}") from error
    except (pa.ArrowException, OSError) as error:
        raise LampError(f"{path} is not a readable Parquet file ({first_line(error)}); {remedy}") from error
    check_fields(path, file.schema_arrow, expected, remedy)
    return file


def first_line(error: BaseException) -> str:
    """What an error says, without the lines that Arrow adds about its own code."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def check_fields(path: Path, found: pa.Schema, expected: pa.Schema, remedy: str) -> None:
    """Raise LampError for a field that is missing, unknown or of another type; it ends with the remedy."""
    for wanted in expected:
        if wanted.name not in found.names and wanted.nullable:
            continue  # a field that may be null may be missing, in a file from before it was known
        if wanted.name not in found.names:
            raise LampError(f"{path} has no field {wanted.name!r}; {remedy}")
        if found.field(wanted.name).type != wanted.type:
            kind = found.field(wanted.name).type
            raise LampError(f"{path}: field {wanted.name!r} is {kind}, not {wanted.type}; {remedy}")
    unknown = sorted(set(found.names) - set(expected.names))
    if unknown:
        raise LampError(f"{path} has a field {unknown[0]!r} that its schema does not know; {remedy}")


def check_rows(
    table: pa.Table, expected: pa.Schema, where: str, widths: Mapping[str, int] | None = None
) -> None:
    """Hold rows against a schema, as they are written and as they are read.

    An array whose shape begins with T has as many numbers as the row has ``frames``, or a multiple of them.

    Args:
        table: the rows.
        expected: their schema.
        where: what an error names.
        widths: numbers a frame of the arrays whose skeleton is known; of others any whole number.

    Raises:
        LampError: a null where there may be none, or an array whose length is no multiple of its frames.
    """
    for wanted in expected:
        if wanted.name not in table.column_names:
            continue
        column = table[wanted.name]
        _check_nulls(column, wanted, f"{where}: field {wanted.name!r}")
        if not wanted.nullable and (wanted.metadata or {}).get(b"shape", b"").startswith(b"(T"):
            width = (widths or {}).get(wanted.name)
            _check_lengths(column, table["frames"], width, f"{where}: field {wanted.name!r}")


def _check_nulls(column: pa.ChunkedArray, wanted: pa.Field, where: str) -> None:
    if not wanted.nullable and column.null_count:
        raise LampError(f"{where} is null in {column.null_count} rows")
    if pa.types.is_list(wanted.type) and pa.types.is_struct(wanted.type.value_type):
        structs = pc.list_flatten(column)
        for place in range(wanted.type.value_type.num_fields):
            inner = wanted.type.value_type.field(place)
            nulls = pc.struct_field(structs, inner.name).null_count
            if nulls and not inner.nullable:
                raise LampError(f"{where}: {inner.name!r} is null in {nulls} of its structs")


def _check_lengths(column: pa.ChunkedArray, frames: pa.ChunkedArray, width: int | None, where: str) -> None:
    lengths_N = pc.list_value_length(column).to_numpy()
    frames_N = frames.to_numpy()
    whole_N = lengths_N // frames_N.clip(min=1) if width is None else width
    faulty_N = (frames_N < 1) | (lengths_N < 1) | (lengths_N != frames_N * whole_N)
    if faulty_N.any():
        row = int(faulty_N.argmax())
        raise LampError(f"{where} holds {lengths_N[row]} numbers for {frames_N[row]} frames in row {row}")
