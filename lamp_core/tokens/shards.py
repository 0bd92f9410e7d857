"""A set of items in sharded Parquet: more motion tokens and captions than memory holds.

A folder has ``shard-00000.parquet`` and so on, and ``shards.json``, the manifest, which is written when all
of them stand. Every shard is of one kind of clips and says in its metadata which tokenizer its codes are of
and what it was made from, so that it is known again without the manifest. Codes of another tokenizer are
numbers without meaning, and a shard that was cut off or changed would be trained on unseen: both are refused.
Shapes: S motion tokens, R channels.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from lamp_core.datasets.columns import by_part, part_caption_column
from lamp_core.datasets.schema import PART_CAPTION
from lamp_core.errors import LampError
from lamp_core.io.disk import replacing, write_text
from lamp_core.io.parquet import check_fields, check_rows, first_line
from lamp_core.io.parquet import field as column
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer
from lamp_core.tokens.cache import CODES, check_codes, codes_column, codes_field, read_codes

MANIFEST = "shards.json"
VERSION = 1
"""Of what a shard holds; raised when a reader of before would misread it."""
PARTS = "part_captions"
ABOUT = b"lamp"
"""Key of what the metadata of a shard tell."""


@dataclass(frozen=True)
class StoredItem:
    """An item of a shard.

    Args:
        key: that it is found by, unique in the set.
        codes_SR: of all channels, uint16 where they were read.
        captions: at least one.
        part_captions: sentences by body part; none in a shard from before they were kept.
    """

    key: str
    codes_SR: np.ndarray
    captions: tuple[str, ...]
    part_captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShardAbout(_Told):
    """What a shard's metadata tell.

    Args:
        tokenizer_identity: of the tokenizer whose codes they are.
        downsampling: frames of a token.
        channels: what the R codes of a token are.
        kind: of its clips, a kind of `DataKinds`.
        recipe: what it was made from; equal recipes make equal shards.
        longest: tokens of the longest item.
        version: `VERSION`.
    """

    tokenizer_identity: str
    downsampling: int
    channels: tuple[Channel, ...]
    kind: str
    recipe: str
    longest: int = 0
    version: int = VERSION

    def is_same_but_longest(self, other: "ShardAbout") -> bool:
        """Whether they tell the same of what is known before a shard is made."""
        return self.model_copy(update={"longest": 0}) == other.model_copy(update={"longest": 0})


class ShardEntry(_Told):
    """A shard in the manifest: its file and kind, items, tokens of the longest one, bytes, and their hash."""

    file: str
    kind: str
    items: int
    longest: int
    bytes: int
    sha256: str


class _Manifest(_Told):
    version: int
    tokenizer_identity: str
    downsampling: int
    channels: tuple[Channel, ...]
    shards: tuple[ShardEntry, ...]


@dataclass(frozen=True)
class ShardSet:
    """The shards of a folder.

    Args:
        folder: that they are in.
        tokenizer_identity: of the tokenizer whose codes they hold.
        downsampling: frames of a token.
        channels: what the R codes of a token are.
        shards: in the order of their names.
    """

    folder: Path
    tokenizer_identity: str
    downsampling: int
    channels: tuple[Channel, ...]
    shards: tuple[ShardEntry, ...]

    @classmethod
    def open(cls, folder: Path, tokenizer: MotionTokenizer | None = None) -> "ShardSet":
        """Read the manifest, and look whether every file is there and as long as it says.

        Raises:
            LampError: there is no manifest or one of another version, a file is missing or truncated, or the
                codes are of another tokenizer.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise LampError(
                f"{path} is missing; `lamp data shard {folder}` makes the shards, or goes on with them"
            )
        found = _read_manifest(path)
        told = found.model_dump(include={"tokenizer_identity", "downsampling"})
        shards = cls(folder, channels=found.channels, shards=found.shards, **told)
        for entry in shards.shards:
            _check_length(folder / entry.file, entry.bytes)
        if tokenizer is not None:
            _check_tokenizer(path, shards.tokenizer_identity, tokenizer.identity())
        return shards

    @staticmethod
    def noted(folder: Path) -> tuple[ShardEntry, ...]:
        """The shards of a manifest, whether they are there or not; none without a manifest.

        Raises:
            LampError: it is no manifest, or one of another version.
        """
        path = folder / MANIFEST
        return _read_manifest(path).shards if path.is_file() else ()

    @property
    def items(self) -> int:
        """Items of all shards."""
        return sum(entry.items for entry in self.shards)

    @property
    def content_hash(self) -> str:
        """Hash of the manifest, which has the hash of every shard."""
        return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()[:16]

    def write(self) -> "ShardSet":
        """Write the manifest, and return the set."""
        told = {name: getattr(self, name) for name in _Manifest.model_fields if name != "version"}
        text = _Manifest(version=VERSION, **told).model_dump_json(indent=1)
        write_text(self.folder / MANIFEST, text + "\n", "the manifest of the shards")
        return self

    def read(self, entry: ShardEntry) -> "Shard":
        """Read a shard whole.

        Raises:
            LampError: the file is missing, is no Parquet file or damaged, has another schema, or holds
                codes of another tokenizer.
        """
        path = self.folder / entry.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise LampError(f"{path} cannot be read ({error.strerror}); {_anew(self.folder)}") from error
        table, about = _parse(path, pa.BufferReader(content))
        _check_tokenizer(path, about.tokenizer_identity, self.tokenizer_identity)
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise LampError(
                f"{path} is not what {MANIFEST} was written for; delete it, and {_anew(path.parent)}"
            )
        return Shard(table)


class Shard:
    """The items of a shard in memory, as Arrow has them: an item is made when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._keys = table["key"].combine_chunks()
        self._captions = table["captions"].combine_chunks()
        self._of_parts = table[PARTS].combine_chunks() if PARTS in table.column_names else None
        self._codes = read_codes(table)

    def __len__(self) -> int:
        return len(self._codes)

    def item(self, row: int) -> StoredItem:
        """An item, which holds nothing of the shard."""
        captions = tuple(self._captions[row].as_py())
        told = None if self._of_parts is None else self._of_parts[row].as_py()
        return StoredItem(self._keys[row].as_py(), np.array(self._codes[row]), captions, by_part(told or []))

    def captions(self) -> list[str]:
        """Every caption once."""
        found: list[str] = pc.unique(self._captions.flatten()).to_pylist()
        return found

    def part_captions(self) -> dict[str, tuple[str, ...]]:
        """Every caption of each part once."""
        told = [] if self._of_parts is None else self._of_parts.flatten().to_pylist()
        return by_part([dict(pair) for pair in dict.fromkeys(tuple(each.items()) for each in told)])


def shard_name(number: int) -> str:
    """The file of a shard."""
    return f"shard-{number:05d}.parquet"


def shard_schema(channels: int) -> pa.Schema:
    """The schema of a shard of some number of channels, without what its metadata tell."""
    captions = pa.list_(pa.field("caption", pa.string(), nullable=False))
    return pa.schema(
        [
            column("key", pa.string(), "clip, first frame and frames of the item"),
            column("captions", captions, "at least one"),
            column(
                PARTS,
                pa.list_(PART_CAPTION),
                "sentences about parts; null for none",
                nullable=True,
            ),
            codes_field(channels),
        ]
    )


def write_shard(path: Path, items: Sequence[StoredItem], about: ShardAbout) -> ShardEntry:
    """Write a shard; its file appears when it is whole and on the disk.

    Raises:
        LampError: there is no item or one without a caption, a code that its channel does not have, or no
            room.
    """
    codes_SR = [item.codes_SR for item in items]
    if not items or not all(item.captions for item in items):
        raise LampError(f"{path.name}: a shard has items, and each of them a caption")
    check_codes(codes_SR, about.channels, path.name)
    schema = shard_schema(len(about.channels))
    told = about.model_copy(update={"longest": max(map(len, codes_SR))})
    columns = [
        pa.array([item.key for item in items], schema.field("key").type),
        pa.array([list(item.captions) for item in items], schema.field("captions").type),
        part_caption_column([item.part_captions for item in items]),
        codes_column(codes_SR, schema.field(CODES).type),
    ]
    table = pa.Table.from_arrays(columns, schema=schema.with_metadata({ABOUT: told.model_dump_json()}))
    with replacing(path, table.nbytes, "a shard of the items") as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    return _entry(path, len(table), told)


def shard_about(path: Path) -> ShardAbout | None:
    """What the metadata of a shard tell; None where there is none, or one whose end is damaged.

    Raises:
        LampError: the file is of another schema or version.
    """
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException):
        return None
    return _about(path, schema)


def check_made_of(path: Path, told: ShardAbout, wanted: ShardAbout) -> None:
    """Raise LampError for a shard of another tokenizer, or one that was made from something else."""
    _check_tokenizer(path, told.tokenizer_identity, wanted.tokenizer_identity)
    if not told.is_same_but_longest(wanted):
        raise LampError(
            f"{path} was made from something else ({told.recipe}, not {wanted.recipe}); give another folder, "
            "or delete this one"
        )


def standing_shard(path: Path, about: ShardAbout, known: ShardEntry | None = None) -> ShardEntry | None:
    """A shard that stands already; None where there is none, or a damaged one, which is made again.

    Args:
        path: of the shard.
        about: what its metadata are to tell.
        known: what it is to be, by the manifest; without it the shard is read once, page by page with their
            checksums, since damage would otherwise be taken for what was written.

    Raises:
        LampError: the file is of another schema or tokenizer, or was made from something else.
    """
    told = shard_about(path)
    if told is None:
        return None
    check_made_of(path, told, about)
    entry = _entry(path, pq.read_metadata(path).num_rows, told)
    return entry if (entry == known if known is not None else _is_whole(path, told)) else None


def _is_whole(path: Path, told: ShardAbout) -> bool:
    """Whether every page can be read, and holds codes that its metadata tell of."""
    try:
        table = pq.read_table(path, use_threads=False, page_checksum_verification=True)
        check_rows(table, table.schema, str(path))
        codes_SR = read_codes(table)
        check_codes(codes_SR, told.channels, path.name)
    except (OSError, ValueError, pa.ArrowException, LampError):
        return False
    return max(map(len, codes_SR), default=0) == told.longest


def _read_manifest(path: Path) -> _Manifest:
    try:
        found = _Manifest.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise LampError(f"{path} is no manifest of shards; delete it, and {_anew(path.parent)}") from error
    if found.version != VERSION:
        raise LampError(f"{path} is of version {found.version}, not {VERSION}; {_anew(path.parent)}")
    return found


def _entry(path: Path, items: int, about: ShardAbout) -> ShardEntry:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    return ShardEntry(
        file=path.name, kind=about.kind, items=items, longest=about.longest, bytes=size, sha256=sha256
    )


def _parse(path: Path, source: pa.BufferReader) -> tuple[pa.Table, ShardAbout]:
    try:
        table = pq.read_table(source, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise LampError(
            f"{path} is truncated or no Parquet file ({first_line(error)}); {_anew(path.parent)}"
        ) from error
    about = _about(path, table.schema)
    check_rows(table, table.schema, str(path))
    return table, about


def _about(path: Path, schema: pa.Schema) -> ShardAbout:
    told = (schema.metadata or {}).get(ABOUT)
    remedy = f"give another folder, or delete it, and {_anew(path.parent)}"
    if told is None:
        raise LampError(f"{path} is no shard: its fields are {', '.join(schema.names)}; {remedy}")
    try:
        about = ShardAbout.model_validate_json(told)
    except ValidationError as error:
        raise LampError(f"{path} is a shard of another version; {remedy}") from error
    if about.version != VERSION:
        raise LampError(f"{path} is a shard of version {about.version}, not {VERSION}; {remedy}")
    check_fields(path, schema, shard_schema(len(about.channels)), remedy)
    return about


def _check_length(path: Path, size: int) -> None:
    found = path.stat().st_size if path.is_file() else None
    if found is None:
        raise LampError(f"{path} is missing; {_anew(path.parent)}")
    if found != size:
        raise LampError(
            f"{path} has {found:,} bytes, and {MANIFEST} says {size:,}: it is truncated or another file; "
            f"delete it, and {_anew(path.parent)}"
        )


def _check_tokenizer(path: Path, found: str, wanted: str) -> None:
    if found != wanted:
        raise LampError(
            f"{path} holds codes of another tokenizer ({found[:12]}, expected {wanted[:12]}); make shards of "
            "this one in another folder with `lamp data shard`"
        )


def _anew(folder: Path) -> str:
    return f"`lamp data shard {folder}` with the options of before makes it again"
