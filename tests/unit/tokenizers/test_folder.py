"""Tokenizers on disk."""

import json
from pathlib import Path

import pytest
import torch

from lamp_core.errors import LampError
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.tokenizers.vqvae import VQVAE

from .conftest import SMALL, started


def test_save_and_load(tokenizer: MotionTokenizer, tmp_path: Path) -> None:
    save_tokenizer(tmp_path, tokenizer)
    loaded = load_tokenizer(tmp_path)
    window = torch.randn(1, 32, 263)
    assert type(loaded) is type(tokenizer) and not loaded.training
    assert loaded.identity() == tokenizer.identity()
    assert torch.equal(loaded.encode(window), tokenizer.encode(window))
    assert not any(p.requires_grad for p in loaded.parameters())


def test_a_folder_without_a_kind_holds_a_vqvae(tmp_path: Path) -> None:
    tokenizer = started(SMALL)
    save_tokenizer(tmp_path, tokenizer)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    del config["kind"]
    for name in ("kind", "quantiser_layers", "quantiser_dropout"):
        del config["settings"][name]
    path.write_text(json.dumps(config))
    loaded = load_tokenizer(tmp_path)
    window = torch.randn(1, 32, 263)
    assert isinstance(loaded, VQVAE)
    assert {name.split(".")[0] for name in loaded.state_dict()} == {"encoder", "codebook", "decoder"}
    assert torch.equal(loaded.encode(window), tokenizer.encode(window))


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, started(SMALL))
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "kind": "none"}))
    with pytest.raises(LampError, match="unknown kind of tokenizer 'none'; known: vqvae, rvq, part-aware"):
        load_tokenizer(tmp_path)
