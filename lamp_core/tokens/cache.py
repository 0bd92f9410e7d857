"""The codes of every item in one Parquet file, bound to what they were made from.

``codes`` holds one code a channel for every motion token. The schema's metadata tell the channels (names,
kinds and codebook sizes) and the frames of a token, and hold the identity of the tokenizer and the hashes of
the features and of the split. Reading for another tokenizer is refused: codes of another codebook are numbers
without meaning, and nothing else would notice.
Shapes: S motion tokens, R channels.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lamp_core.errors import LampError
from lamp_core.io.parquet import atomic_path, check_rows, field, first_line
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer

CODES = "codes"
CHANNELS, DOWNSAMPLING = "channels", "downsampling"
HASHES = ("tokenizer_identity", "feature_hash", "split_hash")
REMEDY = "`lamp run --force tokens` makes it anew"


@dataclass(frozen=True)
class TokenCache:
    """Codes by item: a clip, or a span of it that has captions of its own.

    Args:
        clips: name of each item's clip.
        splits: split of each item.
        starts: first frame of each item.
        frames: feature frames of each item.
        codes_SR: codes of each item, uint16.
        channels: what the R codes of a token are.
        downsampling: frames of a token.
        tokenizer_identity: of the tokenizer that made them.
        feature_hash: of the features they were made from.
        split_hash: of the split.
    """

    clips: list[str]
    splits: list[str]
    starts: list[int]
    frames: list[int]
    codes_SR: list[np.ndarray]
    channels: tuple[Channel, ...]
    downsampling: int
    tokenizer_identity: str
    feature_hash: str
    split_hash: str

    @cached_property
    def by_item(self) -> dict[tuple[str, int, int], np.ndarray]:
        """Codes (S, R) by clip, first frame and frames (`Item.key`)."""
        keys = zip(self.clips, self.starts, self.frames, strict=True)
        return dict(zip(keys, self.codes_SR, strict=True))


def token_schema(channels: int) -> pa.Schema:
    """The schema of a cache of some number of channels, without what its metadata tell."""
    return pa.schema(
        [
            field("clip", pa.string(), "name of the clip"),
            field("split", pa.string(), "train, val or test"),
            field("start", pa.int32(), "first frame", unit="frames"),
            field("frames", pa.int32(), "feature frames", unit="frames"),
            codes_field(channels),
        ]
    )


def codes_field(channels: int) -> pa.Field:
    """The codes of an item, of some number of channels."""
    token = pa.list_(pa.field("code", pa.uint16(), nullable=False), channels)
    return field(
        CODES,
        pa.list_(pa.field("token", token, nullable=False)),
        "one code a channel for every motion token",
        shape=f"(frames // downsampling, {channels})",
    )


def write_tokens(path: Path, cache: TokenCache) -> None:
    """Write the cache by rename.

    Raises:
        LampError: an item with another number of tokens than its frames have, or a code that its channel does
            not have.
    """
    schema = token_schema(len(cache.channels))
    metadata = {name: str(getattr(cache, name)) for name in (*HASHES, DOWNSAMPLING)}
    metadata[CHANNELS] = json.dumps([asdict(channel) for channel in cache.channels])
    check_codes(cache.codes_SR, cache.channels, path.name)
    columns = [cache.clips, cache.splits, cache.starts, cache.frames]
    arrays = [pa.array(column, wanted.type) for column, wanted in zip(columns, schema, strict=False)]
    arrays.append(codes_column(cache.codes_SR, schema.field(CODES).type))
    table = pa.Table.from_arrays(arrays, schema=schema.with_metadata(metadata))
    check_rows(table, schema, path.name)
    _check_counts(table, cache.downsampling, path.name)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_tokens(path: Path, tokenizer: MotionTokenizer, *, feature_hash: str, split_hash: str) -> TokenCache:
    """Read a cache made with this tokenizer, these features and this split.

    Raises:
        LampError: the file is missing, is no token cache or one of an earlier version, was made with another
            tokenizer, features or split (which is named), or its codes do not fit its frames or channels.
    """
    if not path.exists():
        raise LampError(f"{path} is missing; `lamp run --until tokens` makes it")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise LampError(f"{path} is not a readable Parquet file ({first_line(error)}); {REMEDY}") from error
    found = {name.decode(): text.decode() for name, text in (table.schema.metadata or {}).items()}
    channels = _read_channels(path, table.schema, found)
    _check_hashes(path, found, (tokenizer.identity(), feature_hash, split_hash))
    check_rows(table, table.schema, str(path))
    downsampling = int(found[DOWNSAMPLING])
    _check_counts(table, downsampling, str(path))
    codes_SR = read_codes(table)
    check_codes(codes_SR, channels, str(path))
    return TokenCache(
        clips=table.column("clip").to_pylist(),
        splits=table.column("split").to_pylist(),
        starts=table.column("start").to_pylist(),
        frames=table.column("frames").to_pylist(),
        codes_SR=codes_SR,
        channels=channels,
        downsampling=downsampling,
        **{name: found[name] for name in HASHES},
    )


def _read_channels(path: Path, schema: pa.Schema, found: Mapping[str, str]) -> tuple[Channel, ...]:
    if "tokens" in schema.names:
        raise LampError(f"{path} is a token cache of an earlier version, without channels; {REMEDY}")
    try:
        described: list[dict[str, Any]] = json.loads(found[CHANNELS])
        channels = tuple(Channel(**channel) for channel in described)
        int(found[DOWNSAMPLING])
    except (KeyError, TypeError, ValueError) as error:
        names = ", ".join(schema.names)
        raise LampError(f"{path} is no token cache: its fields are {names}; {REMEDY}") from error
    if not schema.equals(token_schema(len(channels)), check_metadata=False):
        raise LampError(f"{path}: its fields are not those of {len(channels)} channels; {REMEDY}")
    return channels


def _check_hashes(path: Path, found: Mapping[str, str], wanted: Sequence[str]) -> None:
    for name, expected in zip(HASHES, wanted, strict=True):
        if found.get(name) != expected:
            raise LampError(
                f"{path} was made with another {name.rpartition('_')[0]} "
                f"({found.get(name, '')[:12] or 'none'}, expected {expected[:12]}); {REMEDY}"
            )


def _check_counts(table: pa.Table, downsampling: int, where: str) -> None:
    wanted_N = table["frames"].to_numpy() // downsampling
    found_N = pc.list_value_length(table[CODES]).to_numpy()
    if (found_N != wanted_N).any():
        row = int((found_N != wanted_N).argmax())
        raise LampError(f"{where}: row {row} holds {found_N[row]} tokens, not {wanted_N[row]}")


def check_codes(codes_SR: Sequence[np.ndarray], channels: Sequence[Channel], where: str) -> None:
    """Raise LampError for a code that its channel does not have, or another number of channels."""
    sizes_R = np.array([channel.codebook_size for channel in channels])
    for row, item_SR in enumerate(codes_SR):
        if item_SR.ndim != 2 or item_SR.shape[1] != len(channels):
            raise LampError(
                f"{where}: row {row} has codes of shape {item_SR.shape}, not of {len(channels)} channels"
            )
        too_large_R = ((item_SR < 0) | (item_SR >= sizes_R)).any(axis=0)
        if too_large_R.any():
            channel = channels[int(too_large_R.argmax())]
            raise LampError(
                f"{where}: row {row} has a code that channel {channel.name!r} of "
                f"{channel.codebook_size} codes does not have"
            )


def codes_column(codes_SR: Sequence[np.ndarray], kind: pa.DataType) -> pa.Array:
    """Codes of items as a column of the type of `codes_field`."""
    flat = np.concatenate([np.zeros((0, kind.value_type.list_size)), *codes_SR]).astype(np.uint16).ravel()
    tokens = pa.FixedSizeListArray.from_arrays(pa.array(flat), type=kind.value_type)
    offsets = np.cumsum([0, *map(len, codes_SR)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), tokens, type=kind)


def read_codes(table: pa.Table) -> list[np.ndarray]:
    """Codes (S, R) of the items of a table: views of it."""
    column = table.column(CODES).combine_chunks()
    offsets = column.offsets.to_numpy()
    codes_SR = column.values.flatten().to_numpy().reshape(-1, column.type.value_type.list_size)
    return [codes_SR[start:end] for start, end in pairwise(offsets)]
