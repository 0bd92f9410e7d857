"""Shards: what is written is read; what is damaged, of another schema or tokenizer is refused in a line."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.errors import LampError
from lamp_core.tokenizers.protocol import Channel
from lamp_core.tokens import shards
from lamp_core.tokens.shards import (
    ABOUT,
    MANIFEST,
    ShardAbout,
    ShardSet,
    StoredItem,
    shard_name,
    shard_schema,
    standing_shard,
    write_shard,
)

CHANNELS = (Channel("body", "body part", 2**16), Channel("hands", "body part", 9))
ABOUT_THEM = ShardAbout(
    tokenizer_identity="t" * 64, downsampling=4, channels=CHANNELS, kind="synthetic", recipe="numbers 0 to 9"
)


def stored(first: int, count: int) -> list[StoredItem]:
    """Items of one to four tokens, the number of each in its codes."""
    return [
        StoredItem(f"clip_{n}:0:8", np.full((1 + n % 4, 2), n % 9), (f"a person walks {n} steps", "walking"))
        for n in range(first, first + count)
    ]


def shard_set(folder: Path, sizes: Sequence[int] = (3, 5)) -> ShardSet:
    firsts = np.cumsum([0, *sizes])
    entries = [
        write_shard(folder / shard_name(place), stored(int(firsts[place]), size), ABOUT_THEM)
        for place, size in enumerate(sizes)
    ]
    return ShardSet(folder, "t" * 64, 4, CHANNELS, tuple(entries)).write()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = shard_set(tmp_path)
    found = ShardSet.open(tmp_path)
    assert found == written and found.items == 8
    assert [entry.longest for entry in found.shards] == [3, 4]
    items = [shard.item(row) for shard in map(found.read, found.shards) for row in range(len(shard))]
    for one, other in zip(items, stored(0, 8), strict=True):
        assert (one.key, one.captions) == (other.key, other.captions)
        assert one.codes_SR.dtype == np.uint16 and np.array_equal(one.codes_SR, other.codes_SR)
        assert one.codes_SR.base is None  # holds nothing of its shard


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1  # in the codes or the texts
    path.write_bytes(content)


def _other_items(path: Path) -> None:
    write_shard(path, stored(100, 5), ABOUT_THEM)


def _other_tokenizer(path: Path) -> None:
    write_shard(path, stored(3, 5), ABOUT_THEM.model_copy(update={"tokenizer_identity": "u" * 64}))


def _other_fields(path: Path) -> None:
    table = pq.read_table(path)
    renamed = table.rename_columns({"captions": "texts"})
    pq.write_table(renamed.replace_schema_metadata(table.schema.metadata), path)


def _other_version(path: Path) -> None:
    table = pq.read_table(path)
    told = json.loads(table.schema.metadata[ABOUT])
    pq.write_table(table.replace_schema_metadata({ABOUT: json.dumps({**told, "version": 0})}), path)


def _no_shard(path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), path)


FAULTS: dict[Callable[[Path], None], str] = {
    _cut: r"truncated or no Parquet file .*; `lamp data shard .*makes it again",
    _changed: r"shard-00001.parquet is (not what shards.json was written for|truncated or no Parquet file)",
    _other_items: r"is not what shards.json was written for; delete it, and `lamp data shard",
    _other_tokenizer: r"holds codes of another tokenizer \(uuuuuuuuuuuu, expected tttttttttttt\); make",
    _other_fields: r"has no field 'captions'; give another folder, or delete it, and `lamp data shard",
    _other_version: r"is a shard of version 0, not 1; give another folder, or delete it",
    _no_shard: r"is no shard: its fields are a; give another folder",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_shard_that_is_not_what_it_was_is_refused(fault: Callable[[Path], None], tmp_path: Path) -> None:
    found = shard_set(tmp_path)
    fault(tmp_path / shard_name(1))
    with pytest.raises(LampError, match=FAULTS[fault]) as caught:
        found.read(found.shards[1])
    assert shard_name(1) in str(caught.value) and "\n" not in str(caught.value)


def test_a_set_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"shards.json is missing; `lamp data shard .*` makes the shards"):
        ShardSet.open(tmp_path)
    shard_set(tmp_path)
    _cut(tmp_path / shard_name(0))
    with pytest.raises(LampError, match=r"shard-00000.parquet has [\d,]+ bytes, and shards.json says"):
        ShardSet.open(tmp_path)
    (tmp_path / shard_name(0)).unlink()
    with pytest.raises(LampError, match=r"shard-00000.parquet is missing; `lamp data shard"):
        ShardSet.open(tmp_path)
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(LampError, match=r"shards.json is no manifest of shards; delete it, and"):
        ShardSet.open(tmp_path)


def test_the_codes_of_another_tokenizer_are_refused(tmp_path: Path) -> None:
    class Other:
        def identity(self) -> str:
            return "o" * 64

    shard_set(tmp_path)
    with pytest.raises(LampError, match=r"another tokenizer \(tttttttttttt, expected oooooooooooo\)"):
        ShardSet.open(tmp_path, Other())  # type: ignore[arg-type]


def test_the_content_is_the_shards(tmp_path: Path) -> None:
    one, same = shard_set(tmp_path / "a"), shard_set(tmp_path / "b")
    other = shard_set(tmp_path / "c", (3, 6))
    assert one.content_hash == same.content_hash != other.content_hash


def test_a_shard_that_stands_whole_is_known_and_another_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / shard_name(0)
    assert standing_shard(path, ABOUT_THEM) is None
    entry = write_shard(path, stored(0, 5), ABOUT_THEM)
    assert standing_shard(path, ABOUT_THEM) == entry
    with pytest.raises(
        LampError, match=r"was made from something else \(numbers 0 to 9, not numbers 0 to 8\)"
    ):
        standing_shard(path, ABOUT_THEM.model_copy(update={"recipe": "numbers 0 to 8"}))
    with pytest.raises(LampError, match="holds codes of another tokenizer"):
        standing_shard(path, ABOUT_THEM.model_copy(update={"tokenizer_identity": "u" * 64}))
    _cut(path)
    assert standing_shard(path, ABOUT_THEM) is None


def test_changed_bytes_of_a_shard_that_nothing_is_known_of_are_found_where_they_change_its_items(
    tmp_path: Path,
) -> None:
    path = tmp_path / shard_name(0)
    entry = write_shard(path, stored(0, 40), ABOUT_THEM)
    whole, table = path.read_bytes(), pq.read_table(path)
    columns = [pq.read_metadata(path).row_group(0).column(place) for place in range(5)]
    ends = [each.dictionary_page_offset + each.total_compressed_size for each in columns]
    for place in (*(end - back for end in ends for back in (1, 9)), *range(4, ends[-1], 17)):
        content = bytearray(whole)
        content[place] ^= 1
        path.write_bytes(content)
        assert standing_shard(path, ABOUT_THEM, known=entry) is None, place
        if standing_shard(path, ABOUT_THEM) is not None:  # statistics in the head of a page, say
            assert pq.read_table(path).equals(table), place
            assert place + 9 not in ends and place + 1 not in ends
    path.write_bytes(whole)
    assert standing_shard(path, ABOUT_THEM) == standing_shard(path, ABOUT_THEM, known=entry) == entry


def test_a_shard_from_before_pages_had_checksums_is_read_by_its_values(tmp_path: Path) -> None:
    path = tmp_path / shard_name(0)
    write_shard(path, stored(0, 5), ABOUT_THEM)
    table = pq.read_table(path)
    pq.write_table(table, path, compression="zstd")
    assert standing_shard(path, ABOUT_THEM) is not None
    told = json.loads(table.schema.metadata[ABOUT])
    for change in ({"longest": 3}, {"channels": [{**each, "codebook_size": 2} for each in told["channels"]]}):
        other = ShardAbout.model_validate({**told, **change})
        pq.write_table(table.replace_schema_metadata({ABOUT: other.model_dump_json()}), path)
        assert standing_shard(path, other) is None, change


def test_a_writer_that_is_killed_leaves_no_half_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(table: pa.Table, path: Path, **options: object) -> None:
        path.write_bytes(b"PAR1 half a shard")
        raise KeyboardInterrupt

    monkeypatch.setattr(shards.pq, "write_table", killed)
    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / shard_name(0), stored(0, 5), ABOUT_THEM)
    assert standing_shard(tmp_path / shard_name(0), ABOUT_THEM) is None


def test_what_is_no_item_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / shard_name(0)
    silent = [replace(stored(0, 1)[0], captions=())]
    for items in ([], silent):
        with pytest.raises(LampError, match="a shard has items, and each of them a caption"):
            write_shard(path, items, ABOUT_THEM)
    with pytest.raises(LampError, match="row 0 has a code that channel 'hands' of 9 codes does not have"):
        write_shard(path, [replace(stored(0, 1)[0], codes_SR=np.full((2, 2), 9))], ABOUT_THEM)
    assert not path.exists()


def test_a_shard_has_the_codes_of_the_token_cache() -> None:
    assert shard_schema(2).field("codes").type == pa.list_(
        pa.field("token", pa.list_(pa.field("code", pa.uint16(), nullable=False), 2), nullable=False)
    )
