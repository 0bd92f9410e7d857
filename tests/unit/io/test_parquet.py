"""Rows are held against the written schema, on the way out and on the way in."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.errors import LampError
from lamp_core.io.parquet import check_rows, field, read_table, write_table

WORD = pa.struct([field("text", pa.string(), "a word"), field("note", pa.string(), "", nullable=True)])
SCHEMA = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("frames", pa.int32(), "T", unit="frames"),
        field("features", pa.list_(pa.float32()), "values", shape="(T, D)"),
        field("words", pa.list_(WORD), "said of it"),
        field("later", pa.float64(), "known later", nullable=True, unit="s"),
    ]
)
ROW = {"clip": "a", "frames": 2, "features": [1.0, 2.0, 3.0, 4.0], "words": [{"text": "walk"}], "later": 0.5}


def test_rows_come_back_with_their_meaning(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.parquet"
    write_table(path, [ROW, {**ROW, "words": [], "later": None}], SCHEMA, {"made_by": "test"})
    table = read_table(path, SCHEMA)
    assert table["frames"].to_pylist() == [2, 2] and table["later"].to_pylist() == [0.5, None]
    assert table.schema.metadata[b"made_by"] == b"test"
    assert table.schema.field("frames").metadata == {b"meaning": b"T", b"unit": b"frames"}
    assert [path.name for path in path.parent.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"clip": None}, "'clip' is null in 1 rows"),
        ({"frames": "two"}, "does not have its schema"),
        ({"frames": 3}, "'features' holds 4 numbers for 3 frames in row 0"),
        ({"features": []}, "'features' holds 0 numbers for 2 frames in row 0"),
        ({"words": [{"text": "walk"}, {"text": None}]}, "'words': 'text' is null in 1 of its structs"),
    ],
)
def test_a_row_that_does_not_fit_is_not_written(tmp_path: Path, change: dict, fault: str) -> None:
    path = tmp_path / "rows.parquet"
    with pytest.raises(LampError, match=fault):
        write_table(path, [{**ROW, **change}], SCHEMA)
    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"clip": None}, "'clip' is null in 1 rows"),
        ({"frames": 3}, "'features' holds 4 numbers for 3 frames in row 0"),
    ],
)
def test_a_row_that_does_not_fit_is_not_read(tmp_path: Path, change: dict, fault: str) -> None:
    """As another program may have written it, which does not say what may be null."""
    path = tmp_path / "rows.parquet"
    loose = pa.schema([each.with_nullable(True) for each in SCHEMA])
    pq.write_table(pa.Table.from_pylist([{**ROW, **change}], schema=loose), path)
    with pytest.raises(LampError, match=fault):
        read_table(path, SCHEMA)


def test_a_field_that_is_missing_unknown_or_of_another_type_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_table(path, [ROW], SCHEMA)
    whole = pq.read_table(path)
    for table, fault in (
        (whole.drop_columns(["words"]), "no field 'words'"),
        (whole.append_column("colour", pa.array(["red"])), "field 'colour' that its schema does not know"),
        (whole.set_column(1, "frames", pa.array([2.0])), "'frames' is double, not int32"),
    ):
        pq.write_table(table, path)
        with pytest.raises(LampError, match=f"{fault}; make it anew"):
            read_table(path, SCHEMA, "make it anew")
    pq.write_table(whole.drop_columns(["later"]), path)
    assert read_table(path, SCHEMA).num_rows == 1


def test_missing_and_torn_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with pytest.raises(LampError, match=r"rows\.parquet is missing; run the stage"):
        read_table(path, SCHEMA)
    write_table(path, [ROW] * 50, SCHEMA)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LampError, match="not a readable Parquet file"):
        read_table(path, SCHEMA)
    path.write_bytes(whole[:20] + bytes(80) + whole[100:])
    with pytest.raises(LampError, match=r"rows\.parquet"):
        read_table(path, SCHEMA)


def test_widths_of_a_known_skeleton_are_exact() -> None:
    table = pa.Table.from_pylist([ROW], schema=SCHEMA)
    check_rows(table, SCHEMA, "here", {"features": 2})
    with pytest.raises(LampError, match="here: field 'features' holds 4 numbers for 2 frames"):
        check_rows(table, SCHEMA, "here", {"features": 3})
