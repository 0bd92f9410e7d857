"""The text encoder computes what the checkpoint does that it starts from."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lamp_core.config import LexicalText
from lamp_core.config.base import TextBackbone
from lamp_core.errors import LampError
from lamp_core.lamp.minilm import has_minilm
from lamp_core.lamp.text import train_vocabulary
from lamp_core.lexical.text_start import new_text
from tests.unit.lexical.conftest import CAPTIONS


def checkpoint(family: str, folder: Path) -> Any:
    from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

    tokenizer = train_vocabulary(CAPTIONS, 150, 24)
    tokenizer.save(folder)
    if family == "bert":
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
        model = BertForMaskedLM(BertConfig(vocab_size=tokenizer.size, **sizes))
    else:
        model = DistilBertForMaskedLM(
            DistilBertConfig(vocab_size=tokenizer.size, dim=16, n_layers=2, n_heads=2, hidden_dim=24)
        )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return model.eval()


def settings(name: str) -> LexicalText:
    return LexicalText(backbone=TextBackbone(checkpoint=name), max_text_tokens=24)


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_logits_are_those_of_the_checkpoint(family: str, tmp_path: Path) -> None:
    theirs = checkpoint(family, tmp_path)
    ours, tokenizer = new_text(settings(str(tmp_path)), [])
    ids_BL, mask_BL = tokenizer(CAPTIONS)
    with torch.no_grad():
        expected_BLV = theirs(input_ids=ids_BL, attention_mask=mask_BL.long()).logits
        found_BLV = ours.eval().logits(ours(ids_BL, mask_BL))
    assert torch.allclose(found_BLV[mask_BL], expected_BLV[mask_BL], atol=1e-4)


@pytest.mark.skipif(not has_minilm(), reason="the extra minilm is not installed")
def test_minilm_reads_with_its_own_words() -> None:
    ours, tokenizer = new_text(settings("minilm"), [])
    assert ours.shape.hidden_dim == 384
    ids_BL, mask_BL = tokenizer(["a person jumps"])
    assert ours.eval().logits(ours(ids_BL, mask_BL)).shape == (1, ids_BL.shape[1], 30522)
    assert int(ours.is_term_V.sum()) > 20_000


def test_a_folder_without_a_bert_is_named(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"is no BERT folder .*; known here: from-scratch"):
        new_text(settings(str(tmp_path / "nothing")), [])
