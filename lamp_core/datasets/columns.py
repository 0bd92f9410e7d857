"""Between Python lists and the nested Arrow columns of `schema`; the numbers are not copied."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.schema import CAPTION, LABEL, PART_CAPTION


def ragged_column(arrays: Sequence[np.ndarray | None]) -> pa.ListArray:
    """A list<float32> column: every array flattened, None as null."""
    flat = [np.ascontiguousarray(array, dtype=np.float32).ravel() for array in arrays if array is not None]
    lengths = [0 if array is None else array.size for array in arrays]
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)
    values = np.concatenate(flat) if flat else np.zeros(0, dtype=np.float32)
    missing = pa.array([array is None for array in arrays], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=missing)


def ragged_views(column: pa.Array | pa.ChunkedArray, row_shape: tuple[int, ...]) -> list[np.ndarray | None]:
    """Read-only views (T, *row_shape) into a list<float32> column; None for null."""
    array = one_array(column)
    values = array.values.to_numpy(zero_copy_only=True)
    spans = pairwise(array.offsets.to_numpy())
    present = array.is_valid().to_numpy(zero_copy_only=False)
    return [
        values[start:end].reshape(-1, *row_shape) if valid else None
        for (start, end), valid in zip(spans, present, strict=True)
    ]


def caption_column(captions: Sequence[Sequence[Caption]]) -> pa.Array:
    """A list<struct> column of the captions of each clip."""
    rows = [
        [{"text": c.text, "words": c.words, "tags": c.tags, "start": c.start, "end": c.end} for c in of_clip]
        for of_clip in captions
    ]
    return pa.array(rows, pa.list_(CAPTION))


def captions_of(column: pa.Array | pa.ChunkedArray) -> list[list[Caption]]:
    """The captions of each clip, from the column that `caption_column` makes."""
    array = one_array(column)
    fields = array.values
    texts, starts, ends = (fields.field(name).to_pylist() for name in ("text", "start", "end"))
    words, tags = _tuples(fields.field("words")), _tuples(fields.field("tags"))
    captions = [Caption(*parts) for parts in zip(texts, words, tags, starts, ends, strict=True)]
    return [captions[start:end] for start, end in pairwise(array.offsets.to_pylist())]


def part_caption_column(of_parts: Sequence[Mapping[str, Sequence[str]]]) -> pa.Array:
    """A list<struct> column of the sentences about the body parts of each clip; null where there are none."""
    rows = [
        [{"part": part, "text": text} for part, texts in of_clip.items() for text in texts] or None
        for of_clip in of_parts
    ]
    return pa.array(rows, pa.list_(PART_CAPTION))


def part_captions_of(table: pa.Table) -> list[Mapping[str, tuple[str, ...]]]:
    """Sentences by body part of each clip; empty everywhere in a file from before there were any."""
    if "part_captions" not in table.column_names:
        return [{} for _ in range(len(table))]
    return [by_part(rows or []) for rows in table["part_captions"].to_pylist()]


def by_part(rows: Sequence[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Sentences by body part, of the structs of one clip."""
    texts: dict[str, list[str]] = {}
    for row in rows:
        texts.setdefault(row["part"], []).append(row["text"])
    return {part: tuple(of_part) for part, of_part in texts.items()}


def label_column(labels: Sequence[Mapping[str, str]]) -> pa.Array:
    """A list<struct> column of the labels of each clip; null where there are none."""
    rows = [[{"name": name, "value": value} for name, value in of_clip.items()] or None for of_clip in labels]
    return pa.array(rows, pa.list_(LABEL))


def labels_of(table: pa.Table) -> list[Mapping[str, str]]:
    """Labels of each clip; empty everywhere in a file from before there were any."""
    if "labels" not in table.column_names:
        return [{} for _ in range(len(table))]
    return [{row["name"]: row["value"] for row in rows or []} for rows in table["labels"].to_pylist()]


def _tuples(lists: pa.ListArray) -> list[tuple[Any, ...]]:
    # Sliced once from one flat list: several times faster than a nested to_pylist.
    values = lists.values.to_pylist()
    return [tuple(values[start:end]) for start, end in pairwise(lists.offsets.to_pylist())]


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column as one array; copies only when it really lies in several chunks."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
