"""A multilingual text encoder is a parameter: any checkpoint, here one made in the test."""

from pathlib import Path

import pytest
import torch

from lamp_core.lamp.text_encoder import TextEncoder

SENTENCES = ["a person walks", "ein Mann läuft", "человек идёт", "一个人向前走", "एक आदमी चलता है"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("multilingual")
    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=["<pad>", "<unk>"], unk_token="<unk>")
    pieces.train_from_iterator(SENTENCES, trainer)
    PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>", unk_token="<unk>").save_pretrained(
        folder
    )
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=pieces.get_vocab_size(), max_position_embeddings=64, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


def test_every_script_gets_a_vector_of_its_own(folder: Path) -> None:
    encoder = TextEncoder.load(str(folder))
    embedded = encoder.embeddings(SENTENCES)
    assert embedded.shape == (len(SENTENCES), 16) and torch.isfinite(embedded).all()
    apart = torch.cdist(embedded, embedded) + torch.eye(len(SENTENCES))
    assert apart.min() > 1e-3
