"""The token cache refuses what does not belong to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.errors import LampError
from lamp_core.tokenizers import VQVAE
from lamp_core.tokens import TokenCache, codebook_hash, read_tokens, write_tokens

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


def test_the_hash_follows_codes_and_encoder_but_not_the_decoder() -> None:
    tokenizer = VQVAE(263, TokenizerSettings(width=8, code_width=8, codes=4, residual_depth=1))
    before = codebook_hash(tokenizer)
    tokenizer.decoder.last.bias.data += 1
    assert codebook_hash(tokenizer) == before
    tokenizer.codebook.codes_KC += 1
    assert codebook_hash(tokenizer) != before
