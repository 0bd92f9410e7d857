"""Motion tokens of every item in one Parquet file, bound to what they were made from.

``tokens`` holds the codes of the tokenizer's first layer, which pretraining and text to motion work on. A
residual tokenizer's cache has one more field, ``layers``, with the codes of all its layers, the first among
them; a VQ-VAE's has none. The schema's metadata holds the hashes of the codebooks, of the features and of the
split. Reading with other hashes is refused: tokens of another codebook are numbers without meaning, and
nothing else would notice.
Shapes: S motion tokens, R quantiser layers.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.errors import LampError
from lamp_core.io.parquet import atomic_path, check_rows, field
from lamp_core.tokenizers.vqvae import MotionTokenizer

SCHEMA = pa.schema(
    [
        field("clip", pa.string(), "name of the clip"),
        field("split", pa.string(), "train, val or test"),
        field("start", pa.int32(), "first frame", unit="frames"),
        field("frames", pa.int32(), "feature frames", unit="frames"),
        field(
            "tokens",
            pa.list_(pa.field("code", pa.uint16(), nullable=False)),
            "codes of the first layer, one for four frames",
            shape="(frames // 4)",
        ),
    ]
)
LAYERS = "layers"
HASHES = ("codebook_hash", "feature_hash", "split_hash")


@dataclass(frozen=True)
class TokenCache:
    """Tokens by item: a clip, or a span of it that has captions of its own.

    Args:
        clips: name of each item's clip.
        splits: split of each item.
        starts: first frame of each item.
        frames: feature frames of each item.
        tokens_S: codes of each item by the first layer, uint16.
        codebook_hash: of the tokenizer that made them.
        feature_hash: of the features they were made from.
        split_hash: of the split.
        layers_SR: codes of each item by all layers of a residual tokenizer, uint16; None for a VQ-VAE.
    """

    clips: list[str]
    splits: list[str]
    starts: list[int]
    frames: list[int]
    tokens_S: list[np.ndarray]
    codebook_hash: str
    feature_hash: str
    split_hash: str
    layers_SR: list[np.ndarray] | None = None

    @cached_property
    def by_item(self) -> dict[tuple[str, int, int], np.ndarray]:
        """Tokens by clip, first frame and frames (`Item.key`)."""
        keys = zip(self.clips, self.starts, self.frames, strict=True)
        return dict(zip(keys, self.tokens_S, strict=True))


def codebook_hash(tokenizer: MotionTokenizer) -> str:
    """Return the SHA-256 of a tokenizer's encoder and codebooks: everything that decides a code."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tokenizer.state_dict().items()):
        if name.startswith("encoder.") or name.endswith(".codes_KC"):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def write_tokens(path: Path, cache: TokenCache) -> None:
    """Write the cache by rename.

    Raises:
        ValueError: a code does not fit uint16.
        LampError: an item with another number of codes than one for four frames.
    """
    layers = [] if cache.layers_SR is None else cache.layers_SR
    if any(codes.size and int(codes.max()) > np.iinfo(np.uint16).max for codes in [*cache.tokens_S, *layers]):
        raise ValueError("a code does not fit the uint16 of the token cache")
    metadata = {name: getattr(cache, name) for name in HASHES}
    table = pa.Table.from_pydict(
        {
            "clip": cache.clips,
            "split": cache.splits,
            "start": cache.starts,
            "frames": cache.frames,
            "tokens": [tokens.astype(np.uint16) for tokens in cache.tokens_S],
        },
        schema=SCHEMA.with_metadata(metadata),
    )
    if layers:
        table = table.append_column(_layers_field(layers[0].shape[1]), _layers_column(layers))
    check_rows(table, table.schema, path.name)
    _check_counts(table, path.name)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_tokens(path: Path, *, codebook_hash: str, feature_hash: str, split_hash: str) -> TokenCache:
    """Read a cache made with this codebook, these features and this split.

    Raises:
        LampError: the file is missing or no token cache, a hash differs (which one is named), or an item has
            another number of codes than one for four frames.
    """
    if not path.exists():
        raise LampError(f"{path} is missing; `lamp run --until tokens` makes it")
    table = pq.read_table(path)
    if not _is_token_cache(table.schema):
        raise LampError(f"{path} is no token cache: its fields are {', '.join(table.schema.names)}")
    found = {name: (table.schema.metadata or {}).get(name.encode(), b"").decode() for name in HASHES}
    wanted = {"codebook_hash": codebook_hash, "feature_hash": feature_hash, "split_hash": split_hash}
    for name in HASHES:
        if found[name] != wanted[name]:
            raise LampError(
                f"{path} was made with another {name.removesuffix('_hash')} ({found[name][:12] or 'none'}, "
                f"expected {wanted[name][:12]}); `lamp run --force tokens` makes it anew"
            )
    check_rows(table, table.schema, str(path))
    _check_counts(table, str(path))
    column = table.column("tokens").combine_chunks()
    offsets = column.offsets.to_numpy()
    flat = column.values.to_numpy()
    return TokenCache(
        clips=table.column("clip").to_pylist(),
        splits=table.column("split").to_pylist(),
        starts=table.column("start").to_pylist(),
        frames=table.column("frames").to_pylist(),
        tokens_S=[flat[start:end] for start, end in pairwise(offsets)],
        layers_SR=_read_layers(table) if LAYERS in table.schema.names else None,
        **found,
    )


def with_layers(layers: int) -> pa.Schema:
    """The schema of a residual tokenizer's cache, with the codes of all its layers."""
    return SCHEMA.append(_layers_field(layers))


def _layers_field(layers: int) -> pa.Field:
    """Field of the codes of all layers: a list as long as ``tokens`` of one code a layer."""
    frame = pa.list_(pa.field("code", pa.uint16(), nullable=False), layers)
    kind = pa.list_(pa.field("token", frame, nullable=False))
    return field(LAYERS, kind, "codes of every quantiser layer", shape=f"(frames // 4, {layers})")


def _check_counts(table: pa.Table, where: str) -> None:
    wanted_N = table["frames"].to_numpy() // DOWNSAMPLING
    for name in (LAYERS, "tokens"):
        if name in table.column_names:
            found_N = pc.list_value_length(table[name]).to_numpy()
            if (found_N != wanted_N).any():
                row = int((found_N != wanted_N).argmax())
                raise LampError(
                    f"{where}: field {name!r} holds {found_N[row]} codes in row {row}, not {wanted_N[row]}"
                )


def _is_token_cache(schema: pa.Schema) -> bool:
    """Whether a file has the fields of a token cache, with or without those of all layers."""
    if schema.names == [*SCHEMA.names, LAYERS]:
        kind = schema.field(LAYERS).type
        if not (pa.types.is_list(kind) and pa.types.is_fixed_size_list(kind.value_type)):
            return False
        return bool(schema.equals(with_layers(kind.value_type.list_size), check_metadata=False))
    return bool(schema.equals(SCHEMA, check_metadata=False))


def _layers_column(layers_SR: list[np.ndarray]) -> pa.Array:
    field = _layers_field(layers_SR[0].shape[1])
    codes = pa.array(np.concatenate(layers_SR).astype(np.uint16).ravel())
    tokens = pa.FixedSizeListArray.from_arrays(codes, type=field.type.value_type)
    offsets = np.cumsum([0, *map(len, layers_SR)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), tokens, type=field.type)


def _read_layers(table: pa.Table) -> list[np.ndarray]:
    column = table.column(LAYERS).combine_chunks()
    offsets = column.offsets.to_numpy()
    codes_SR = column.values.flatten().to_numpy().reshape(-1, column.type.value_type.list_size)
    return [codes_SR[start:end] for start, end in pairwise(offsets)]
