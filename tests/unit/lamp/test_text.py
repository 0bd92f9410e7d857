"""Vocabulary and backbone."""

from pathlib import Path

import pytest
import torch

from lamp_core.config.models import Optimisation, Pretrain, TextBackbone
from lamp_core.errors import LampError
from lamp_core.lamp.backbone import load_backbone
from lamp_core.lamp.text import TextTokenizer, train_vocabulary
from lamp_core.lamp.training import new_lamp

CAPTIONS = [
    "a person walks forward",
    "someone waves the right hand twice",
    "a man is running in a circle",
] * 3


def _settings(checkpoint: str) -> Pretrain:
    return Pretrain(
        backbone=TextBackbone(checkpoint=checkpoint, layers=2, hidden_dim=16, heads=2, vocabulary_size=120),
        queries=3,
        max_text_tokens=12,
        training=Optimisation(steps=1, batch_size=2, learning_rate=1e-3),
    )


def test_the_same_captions_give_the_same_vocabulary() -> None:
    first, second = (train_vocabulary(captions, 90, 12) for captions in (CAPTIONS, CAPTIONS[::-1]))
    assert first.pieces.get_vocab() == second.pieces.get_vocab()


def test_words_are_framed_padded_and_cut(tmp_path: Path) -> None:
    words = train_vocabulary(CAPTIONS, 200, 6)
    ids, mask = words(["a person walks", "A Person Walks forward in a circle twice"])
    assert ids.shape == (2, 6) and mask.sum(1).tolist() == [5, 6]
    assert words.text(ids[0].tolist()) == "a person walks"
    assert ids[1, -1] == words.pieces.token_to_id("[SEP]")
    words.save(tmp_path)
    again = TextTokenizer.load(tmp_path, 6)
    assert torch.equal(again(["a man waves"])[0], words(["a man waves"])[0])


def test_an_unknown_checkpoint_is_named() -> None:
    with pytest.raises(LampError, match="'nowhere/nothing'"):
        load_backbone(_settings("nowhere/nothing"), CAPTIONS)


def test_lamp_starts_as_the_bert_it_is_given(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    words = train_vocabulary(CAPTIONS, 120, 12)
    config = BertConfig(
        vocab_size=words.size,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=30,
    )
    bert = BertModel(config, add_pooling_layer=False).eval()
    bert.save_pretrained(tmp_path)
    words.save(tmp_path)
    backbone = load_backbone(_settings(str(tmp_path)), [])
    lamp = new_lamp(_settings(str(tmp_path)), backbone, code_dim=8, codebook_size=10).eval()
    ids, mask = backbone.tokenizer(["a person walks", "someone waves the right hand twice"])
    expected = bert(ids, attention_mask=mask.long()).last_hidden_state
    found = lamp.encode_text(ids, mask)
    torch.testing.assert_close(found[mask], expected[mask], atol=1e-5, rtol=1e-4)
    block = lamp.transformer.blocks[0]
    torch.testing.assert_close(block.query_feed_forward[0].weight, block.text_feed_forward[0].weight)
