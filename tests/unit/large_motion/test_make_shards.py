"""Shards of generated clips: the codes that the stages make of them, made once, of the train split alone."""

from pathlib import Path

import numpy as np
import pytest

from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.datasets.features_store import FEATURES_FILE, FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import load_source
from lamp_core.datasets.synthetic.generate import split_of
from lamp_core.errors import LampError
from lamp_core.large_motion import make_shards as making
from lamp_core.large_motion.kinds import SYNTHETIC
from lamp_core.large_motion.make_shards import make_shards
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokens.shards import MANIFEST, ShardSet, StoredItem, shard_name

SEED, CLIPS = 3, 12


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of twelve procedural clips, and an untrained tokenizer of them."""
    data = tmp_path_factory.mktemp("data")
    (data / "sources").mkdir()
    (data / "sources" / "procedural.yaml").write_text("name: procedural\nkind: procedural\n")
    source, skeleton = load_source(data, "procedural"), load_skeleton("smpl22")
    ingest(source, skeleton, data / "ingest", procedural=(CLIPS, SEED), workers=1)
    extract_features(data / "ingest", data / "features")
    tokenizer = new_tokenizer(
        263, GridTokenizer(kind="lfq2d", hidden_dim=8, code_dim=8, codebook_size=16, part_dim=4)
    )
    tokenizer.start_at_random()
    save_tokenizer(data / "tokenizer", tokenizer)
    return data


def made(folder: Path, trained: Path, clips: int = 5, size: int = 2) -> ShardSet:
    return make_shards(
        folder, trained / "features", trained / "tokenizer", clips=clips, seed=SEED, clips_a_shard=size
    )


def items(shards: ShardSet) -> list[StoredItem]:
    return [shard.item(row) for shard in map(shards.read, shards.shards) for row in range(len(shard))]


@pytest.fixture(scope="module")
def shards(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    return made(tmp_path_factory.mktemp("shards"), trained)


def test_the_codes_are_those_that_the_stages_make(shards: ShardSet, trained: Path) -> None:
    features, tokenizer = FeatureSet.load(trained / "features"), load_tokenizer(trained / "tokenizer")
    wanted = items_of(features, "train")[:5]
    found = items(ShardSet.open(shards.folder, tokenizer))
    assert [item.key.split(":")[0] for item in found] == [item.clip for item in wanted]
    normalised = [
        np.asarray(features.statistics.normalise(each.features_TD), dtype=np.float32) for each in wanted
    ]
    for item, codes_SR, each in zip(found, encode_clips(tokenizer, normalised), wanted, strict=True):
        assert item.codes_SR.shape == codes_SR.shape
        assert (item.codes_SR == codes_SR).mean() > 0.95  # of other batches, which round otherwise
        assert item.captions == tuple(caption.text for caption in each.captions)
        assert item.part_captions == each.part_captions and "left_arm" in item.part_captions


def test_nothing_is_made_that_a_project_measures_on(shards: ShardSet) -> None:
    numbers = [int(item.key.split(":")[0].rpartition("_")[2]) for item in items(shards)]
    assert [split_of(number) for number in numbers] == ["train"] * 5
    assert {entry.kind for entry in shards.shards} == {SYNTHETIC}
    assert [entry.items for entry in shards.shards] == [2, 2, 1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The numbers of the clips that are made, a shard each."""
    found: list[tuple[int, ...]] = []
    known = making._clips
    monkeypatch.setattr(
        making, "_clips", lambda numbers, *rest: found.append(numbers) or known(numbers, *rest)
    )
    return found


def test_what_stands_is_not_made_again_and_the_rest_is_made_the_same(
    shards: ShardSet, trained: Path, tmp_path: Path, asked: list[tuple[int, ...]]
) -> None:
    for entry in shards.shards[:2]:  # a killed one left two shards, and no manifest
        (tmp_path / entry.file).write_bytes((shards.folder / entry.file).read_bytes())
    assert made(tmp_path, trained).shards == shards.shards
    assert len(asked) == 1 and len(asked[0]) == 1
    (tmp_path / shard_name(0)).write_bytes(b"half")
    assert made(tmp_path, trained).shards == shards.shards
    assert len(asked) == 2
    assert made(tmp_path, trained).content_hash == shards.content_hash
    assert len(asked) == 2


def test_a_folder_of_something_else_is_left_alone(shards: ShardSet, trained: Path) -> None:
    before = (shards.folder / MANIFEST).read_bytes()
    with pytest.raises(LampError, match="was made from something else"):
        made(shards.folder, trained, clips=6, size=3)
    assert (shards.folder / MANIFEST).read_bytes() == before


def test_a_folder_grows_by_what_is_new_and_by_its_shorter_last_shard(
    shards: ShardSet, trained: Path, tmp_path: Path, asked: list[tuple[int, ...]]
) -> None:
    copied = _copied(shards, tmp_path, MANIFEST, *(entry.file for entry in shards.shards))
    grown = made(copied, trained, clips=8)  # shards of 2, 2 and 1 before
    assert [len(numbers) for numbers in asked] == [2, 2] and [e.items for e in grown.shards] == [2, 2, 2, 2]
    assert grown.shards[:2] == shards.shards[:2]
    assert grown.shards == made(tmp_path / "anew", trained, clips=8).shards
    assert ShardSet.open(copied).content_hash == grown.content_hash
    asked.clear()
    assert made(copied, trained, clips=8).shards == grown.shards and not asked


@pytest.mark.parametrize(("clips", "size"), [(3, 2), (9, 3)])
def test_a_folder_that_would_lose_clips_or_be_half_of_others_is_left_alone(
    clips: int, size: int, shards: ShardSet, trained: Path, tmp_path: Path, asked: list[tuple[int, ...]]
) -> None:
    copied = _copied(shards, tmp_path, MANIFEST, *(entry.file for entry in shards.shards))
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    with pytest.raises(LampError, match="was made from something else"):
        made(copied, trained, clips=clips, size=size)
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before and not asked


def test_damage_that_nothing_tells_of_is_found(
    shards: ShardSet, trained: Path, tmp_path: Path, asked: list[tuple[int, ...]]
) -> None:
    copied = _copied(shards, tmp_path, *(entry.file for entry in shards.shards))
    content = bytearray((copied / shard_name(1)).read_bytes())
    content[len(content) // 8] ^= 1
    (copied / shard_name(1)).write_bytes(content)
    assert made(copied, trained).shards == shards.shards
    assert len(asked) == 1


def _copied(shards: ShardSet, folder: Path, *names: str) -> Path:
    (folder / "copied").mkdir()
    for name in names:
        (folder / "copied" / name).write_bytes((shards.folder / name).read_bytes())
    return folder / "copied"


def test_without_features_a_line_says_so(trained: Path, tmp_path: Path) -> None:
    remedy = "is missing; `lamp run --until tokenizer_grid` makes it"
    with pytest.raises(LampError, match=rf"{FEATURES_FILE} {remedy}"):
        make_shards(tmp_path, tmp_path / "features", trained / "tokenizer", clips=1, seed=0, clips_a_shard=1)
