"""Motion tokens of every item in one Parquet file, bound to what they were made from.

The schema's metadata holds the hashes of the codebook, of the features and of the split. Reading with other
hashes is refused: tokens of another codebook are numbers without meaning, and nothing else would notice.
Shapes: S motion tokens.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.errors import LampError
from lamp_core.tokenizers.vqvae import VQVAE

SCHEMA = pa.schema(
    [
        pa.field("clip", pa.string(), nullable=False, metadata={"meaning": "name of the clip"}),
        pa.field("split", pa.string(), nullable=False, metadata={"meaning": "train, val or test"}),
        pa.field("start", pa.int32(), nullable=False, metadata={"meaning": "first frame", "unit": "frames"}),
        pa.field(
            "frames", pa.int32(), nullable=False, metadata={"meaning": "feature frames", "unit": "frames"}
        ),
        pa.field(
            "tokens",
            pa.list_(pa.field("code", pa.uint16(), nullable=False)),
            nullable=False,
            metadata={"meaning": "codes, one for four frames", "shape": "frames // 4"},
        ),
    ]
)
HASHES = ("codebook_hash", "feature_hash", "split_hash")


@dataclass(frozen=True)
class TokenCache:
    """Tokens by item: a clip, or a span of it that has captions of its own.

    Args:
        clips: name of each item's clip.
        splits: split of each item.
        starts: first frame of each item.
        frames: feature frames of each item.
        tokens_S: codes of each item, uint16.
        codebook_hash: of the tokenizer that made them.
        feature_hash: of the features they were made from.
        split_hash: of the split.
    """

    clips: list[str]
    splits: list[str]
    starts: list[int]
    frames: list[int]
    tokens_S: list[np.ndarray]
    codebook_hash: str
    feature_hash: str
    split_hash: str

    @cached_property
    def by_item(self) -> dict[tuple[str, int, int], np.ndarray]:
        """Tokens by clip, first frame and frames (`Item.key`)."""
        keys = zip(self.clips, self.starts, self.frames, strict=True)
        return dict(zip(keys, self.tokens_S, strict=True))


def codebook_hash(tokenizer: VQVAE) -> str:
    """Return the SHA-256 of a tokenizer's encoder and codebook: everything that decides a code."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tokenizer.state_dict().items()):
        if name.startswith(("encoder.", "codebook.codes")):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def write_tokens(path: Path, cache: TokenCache) -> None:
    """Write the cache by rename.

    Raises:
        ValueError: a code does not fit uint16.
    """
    if any(len(tokens) and int(tokens.max()) > np.iinfo(np.uint16).max for tokens in cache.tokens_S):
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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    pq.write_table(table, temporary, compression="zstd")
    os.replace(temporary, path)


def read_tokens(path: Path, *, codebook_hash: str, feature_hash: str, split_hash: str) -> TokenCache:
    """Read a cache made with this codebook, these features and this split.

    Raises:
        LampError: the file is missing or no token cache, or a hash differs; which one is named.
    """
    if not path.exists():
        raise LampError(f"{path} is missing; `lamp run --until tokens` makes it")
    table = pq.read_table(path)
    if not table.schema.equals(SCHEMA, check_metadata=False):
        raise LampError(f"{path} is no token cache: its fields are {', '.join(table.schema.names)}")
    found = {name: (table.schema.metadata or {}).get(name.encode(), b"").decode() for name in HASHES}
    wanted = {"codebook_hash": codebook_hash, "feature_hash": feature_hash, "split_hash": split_hash}
    for name in HASHES:
        if found[name] != wanted[name]:
            raise LampError(
                f"{path} was made with another {name.removesuffix('_hash')} ({found[name][:12] or 'none'}, "
                f"expected {wanted[name][:12]}); `lamp run --force tokens` makes it anew"
            )
    column = table.column("tokens").combine_chunks()
    offsets = column.offsets.to_numpy()
    flat = column.values.to_numpy()
    return TokenCache(
        clips=table.column("clip").to_pylist(),
        splits=table.column("split").to_pylist(),
        starts=table.column("start").to_pylist(),
        frames=table.column("frames").to_pylist(),
        tokens_S=[flat[start:end] for start, end in pairwise(offsets)],
        **found,
    )
