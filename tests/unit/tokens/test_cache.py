"""The token cache refuses what does not belong to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.errors import LampError
from lamp_core.tokenizers.vqvae import new_tokenizer
from lamp_core.tokens.cache import TokenCache, codebook_hash, read_tokens, write_tokens

CACHE = TokenCache(
    clips=["a", "a", "b"],
    splits=["train", "train", "test"],
    starts=[0, 8, 0],
    frames=[16, 8, 4],
    tokens_S=[np.array([1, 2, 3, 65535]), np.array([5, 6]), np.array([7])],
    codebook_hash="c0",
    feature_hash="f0",
    split_hash="s0",
)
HASHES = {"codebook_hash": "c0", "feature_hash": "f0", "split_hash": "s0"}


def test_write_and_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    write_tokens(path, CACHE)
    found = read_tokens(path, **HASHES)
    assert found.clips == CACHE.clips and found.starts == CACHE.starts
    assert [tokens.tolist() for tokens in found.tokens_S] == [[1, 2, 3, 65535], [5, 6], [7]]
    assert found.tokens_S[0].dtype == np.uint16
    assert found.by_item[("a", 8, 8)].tolist() == [5, 6]


@pytest.mark.parametrize("name", list(HASHES))
def test_another_hash_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    write_tokens(path, CACHE)
    with pytest.raises(LampError, match=name.removesuffix("_hash")):
        read_tokens(path, **{**HASHES, name: "other"})


def test_missing_foreign_and_too_large(tmp_path: Path) -> None:
    with pytest.raises(LampError, match="missing"):
        read_tokens(tmp_path / "tokens.parquet", **HASHES)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(LampError, match="no token cache"):
        read_tokens(tmp_path / "other.parquet", **HASHES)
    with pytest.raises(ValueError, match="uint16"):
        write_tokens(tmp_path / "big.parquet", replace(CACHE, tokens_S=[np.array([65536])] * 3))


def test_codes_that_do_not_fit_their_frames_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    with pytest.raises(LampError, match="'tokens' holds 4 codes in row 0, not 5"):
        write_tokens(path, replace(CACHE, frames=[20, 8, 4]))
    assert not path.exists()
    write_tokens(path, CACHE)
    table = pq.read_table(path)
    frames = pa.array([16, 12, 4], pa.int32())
    pq.write_table(table.set_column(3, table.schema.field("frames"), frames), path)
    with pytest.raises(LampError, match="'tokens' holds 2 codes in row 1, not 3"):
        read_tokens(path, **HASHES)


def test_the_codes_of_all_layers(tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    layers = [np.stack([tokens, tokens[::-1]], axis=1) for tokens in CACHE.tokens_S]
    write_tokens(path, replace(CACHE, layers_SR=layers))
    found = read_tokens(path, **HASHES)
    assert [tokens.tolist() for tokens in found.tokens_S] == [[1, 2, 3, 65535], [5, 6], [7]]
    assert found.layers_SR is not None and found.layers_SR[0].dtype == np.uint16
    assert [codes.tolist() for codes in found.layers_SR] == [codes.tolist() for codes in layers]
    field = pq.read_schema(path).field("layers")
    assert field.metadata[b"shape"] == b"(frames // 4, 2)"


def test_a_vqvae_has_no_field_of_layers(tmp_path: Path) -> None:
    path = tmp_path / "tokens.parquet"
    write_tokens(path, CACHE)
    assert pq.read_schema(path).names == ["clip", "split", "start", "frames", "tokens"]
    assert read_tokens(path, **HASHES).layers_SR is None


def test_foreign_layers_are_refused(tmp_path: Path) -> None:
    write_tokens(tmp_path / "tokens.parquet", CACHE)
    table = pq.read_table(tmp_path / "tokens.parquet")
    for column in (pa.array([1, 2, 3]), pa.array([[1], [2], [3]]), pa.array([[[1]], [[2]], [[3]]])):
        pq.write_table(table.append_column("layers", column), tmp_path / "other.parquet")
        with pytest.raises(LampError, match="no token cache"):
            read_tokens(tmp_path / "other.parquet", **HASHES)


@pytest.mark.parametrize("kind", ["vqvae", "rvq"])
def test_the_hash_follows_codes_and_encoder_but_not_the_decoder(kind: str) -> None:
    settings = TokenizerSettings(kind=kind, hidden_dim=8, code_dim=8, codebook_size=4, residual_depth=1)
    tokenizer = new_tokenizer(263, settings)
    seen = {codebook_hash(tokenizer)}
    tokenizer.decoder.last.bias.data += 1
    tokenizer.layers[-1].counts_K += 1
    assert codebook_hash(tokenizer) in seen
    for codebook in tokenizer.layers:
        codebook.codes_KC += 1
        seen.add(codebook_hash(tokenizer))
    tokenizer.encoder.last.bias.data += 1
    seen.add(codebook_hash(tokenizer))
    assert len(seen) == len(tokenizer.layers) + 2
