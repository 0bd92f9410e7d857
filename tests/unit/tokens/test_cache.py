"""The token cache keeps every channel, and refuses what does not belong to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.errors import LampError
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer
from lamp_core.tokens.cache import TokenCache, read_tokens, token_schema, write_tokens

BODY, HANDS = Channel("body", "body part", 2**16), Channel("hands", "body part", 9)


@pytest.fixture(scope="module")
def tokenizer() -> MotionTokenizer:
    """Any tokenizer: the cache asks for its identity alone."""
    return new_tokenizer(263, TokenizerSettings(hidden_dim=8, code_dim=8, codebook_size=4, residual_depth=1))


@pytest.fixture
def cache(tokenizer: MotionTokenizer) -> TokenCache:
    """Three items of two channels, one token for four frames."""
    return TokenCache(
        clips=["a", "a", "b"],
        splits=["train", "train", "test"],
        starts=[0, 8, 0],
        frames=[16, 8, 4],
        codes_SR=[
            np.array([[1, 0], [2, 8], [3, 0], [65535, 4]]),
            np.array([[5, 5], [6, 5]]),
            np.array([[7, 5]]),
        ],
        channels=(BODY, HANDS),
        downsampling=4,
        tokenizer_identity=tokenizer.identity(),
        feature_hash="f0",
        split_hash="s0",
    )


HASHES = {"feature_hash": "f0", "split_hash": "s0"}


def test_write_and_read(cache: TokenCache, tokenizer: MotionTokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    write_tokens(path, cache)
    found = read_tokens(path, tokenizer, **HASHES)
    assert replace(found, codes_SR=[]) == replace(cache, codes_SR=[])
    assert [codes_SR.tolist() for codes_SR in found.codes_SR] == [each.tolist() for each in cache.codes_SR]
    assert found.codes_SR[0].dtype == np.uint16
    assert found.by_item[("a", 8, 8)].tolist() == [[5, 5], [6, 5]]


def test_the_channels_stand_in_the_metadata(cache: TokenCache, tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    write_tokens(path, cache)
    schema = pq.read_schema(path)
    assert b'"name": "hands", "kind": "body part", "codebook_size": 9' in schema.metadata[b"channels"]
    assert schema.metadata[b"downsampling"] == b"4"
    assert schema.field("codes").metadata[b"shape"] == b"(frames // downsampling, 2)"
    assert schema.equals(token_schema(2), check_metadata=False)


@pytest.mark.parametrize("channels", [1, 6])
def test_any_number_of_channels_and_of_frames_a_token(
    channels: int, cache: TokenCache, tokenizer: MotionTokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.parquet"
    layers = tuple(Channel(f"layer {layer}", "residual layer", 16) for layer in range(channels))
    codes = [np.random.default_rng(0).integers(16, size=(frames // 2, channels)) for frames in (16, 8, 4)]
    write_tokens(path, replace(cache, channels=layers, codes_SR=codes, downsampling=2))
    found = read_tokens(path, tokenizer, **HASHES)
    assert found.channels == layers and found.downsampling == 2
    assert all(np.array_equal(a, b) for a, b in zip(found.codes_SR, codes, strict=True))


@pytest.mark.parametrize("name", ["tokenizer_identity", "feature_hash", "split_hash"])
def test_another_hash_is_refused(
    name: str, cache: TokenCache, tokenizer: MotionTokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.parquet"
    write_tokens(path, replace(cache, **{name: "other"}))
    with pytest.raises(LampError, match=f"made with another {name.partition('_')[0]} .*--force tokens"):
        read_tokens(path, tokenizer, **HASHES)


def test_a_tokenizer_whose_weights_moved_is_another(cache: TokenCache, tmp_path: Path) -> None:
    settings = TokenizerSettings(hidden_dim=8, code_dim=8, codebook_size=4, residual_depth=1)
    moved = new_tokenizer(263, settings)
    path = tmp_path / "tokens.parquet"
    write_tokens(path, replace(cache, tokenizer_identity=moved.identity()))
    assert read_tokens(path, moved, **HASHES).clips == cache.clips
    next(moved.parameters()).data += 1
    with pytest.raises(LampError, match="another tokenizer"):
        read_tokens(path, moved, **HASHES)


def test_missing_and_foreign_files_are_refused(tokenizer: MotionTokenizer, tmp_path: Path) -> None:
    with pytest.raises(LampError, match="missing"):
        read_tokens(tmp_path / "tokens.parquet", tokenizer, **HASHES)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(LampError, match="no token cache"):
        read_tokens(tmp_path / "other.parquet", tokenizer, **HASHES)
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(LampError, match="not a readable Parquet file"):
        read_tokens(tmp_path / "text.parquet", tokenizer, **HASHES)


def test_a_cache_of_an_earlier_version_names_the_stage_to_run(
    tokenizer: MotionTokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.parquet"
    pq.write_table(pa.table({"clip": ["a"], "tokens": [[1]]}), path)
    with pytest.raises(LampError, match="earlier version, without channels; `lamp run --force tokens`"):
        read_tokens(path, tokenizer, **HASHES)


def test_other_fields_than_the_channels_say_are_refused(
    cache: TokenCache, tokenizer: MotionTokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.parquet"
    write_tokens(path, cache)
    table = pq.read_table(path)
    for column in (pa.array([1, 2, 3]), pa.array([[1], [2], [3]]), pa.array([[[1]], [[2]], [[3]]])):
        pq.write_table(table.set_column(4, "codes", column), path)
        with pytest.raises(LampError, match="not those of 2 channels"):
            read_tokens(path, tokenizer, **HASHES)


def test_codes_that_do_not_fit_their_frames_are_refused(
    cache: TokenCache, tokenizer: MotionTokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.parquet"
    with pytest.raises(LampError, match="row 0 holds 4 tokens, not 5"):
        write_tokens(path, replace(cache, frames=[20, 8, 4]))
    assert not path.exists()
    write_tokens(path, cache)
    table = pq.read_table(path)
    frames = pa.array([16, 12, 4], pa.int32())
    pq.write_table(table.set_column(3, table.schema.field("frames"), frames), path)
    with pytest.raises(LampError, match="row 1 holds 2 tokens, not 3"):
        read_tokens(path, tokenizer, **HASHES)


@pytest.mark.parametrize("code", [9, -1])
def test_codes_that_their_channel_does_not_have_are_refused(
    code: int, cache: TokenCache, tmp_path: Path
) -> None:
    codes = [cache.codes_SR[0], np.array([[5, code], [6, 5]]), cache.codes_SR[2]]
    with pytest.raises(LampError, match="row 1 has a code that channel 'hands' of 9 codes does not have"):
        write_tokens(tmp_path / "tokens.parquet", replace(cache, codes_SR=codes))
    with pytest.raises(LampError, match=r"row 0 has codes of shape \(4, 1\), not of 2 channels"):
        write_tokens(
            tmp_path / "tokens.parquet", replace(cache, codes_SR=[each[:, :1] for each in cache.codes_SR])
        )
