"""Frozen text encoders: a CLIP text model and a BERT, made here, offline."""

from pathlib import Path

import pytest
import torch

from lamp_core.errors import LampError
from lamp_core.lamp import text_encoder
from lamp_core.lamp.text import train_vocabulary
from lamp_core.lamp.text_encoder import TextEncoder

CAPTIONS = ["a person walks", "a person jumps over a wall and waves", "walks"]


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    words = train_vocabulary(CAPTIONS, 80, 12)
    words.save(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=words.size, max_position_embeddings=12, **sizes)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("clip")
    names = ["<start>", "<end>", *sorted({word for text in CAPTIONS for word in text.split()})]
    pieces = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<end>"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    pieces.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 0), ("<end>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=pieces, bos_token="<start>", eos_token="<end>", pad_token="<end>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = CLIPTextConfig(
        vocab_size=len(names),
        max_position_embeddings=10,
        projection_dim=6,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        **sizes,
    )
    CLIPTextModelWithProjection(config).save_pretrained(folder)
    return folder


@pytest.fixture(params=["bert_folder", "clip_folder"])
def encoder(request: pytest.FixtureRequest) -> TextEncoder:
    return TextEncoder.load(str(request.getfixturevalue(request.param)))


def test_a_caption_alone_and_beside_longer_ones_is_the_same(encoder: TextEncoder) -> None:
    together = encoder.embeddings(CAPTIONS)
    alone = torch.cat([encoder.embeddings([caption]) for caption in CAPTIONS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(together[0], together[1])


def test_it_is_frozen_and_cuts_what_it_cannot_read(encoder: TextEncoder) -> None:
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert encoder.embeddings(["a person walks " * 40]).isfinite().all()


def test_clip_projects_the_end_of_the_text(clip_folder: Path) -> None:
    encoder = TextEncoder.load(str(clip_folder))
    assert encoder.embeddings(CAPTIONS).shape == (3, 6)
    words = encoder.tokenizer(CAPTIONS[:1], return_tensors="pt")
    with torch.no_grad():
        states = encoder.model.text_model(**words).last_hidden_state
        projected = encoder.model.text_projection(states[:, -1])
    torch.testing.assert_close(encoder.embeddings(CAPTIONS[:1]), projected)


def test_a_bert_gives_the_mean_of_its_word_states(bert_folder: Path) -> None:
    encoder = TextEncoder.load(str(bert_folder))
    words = encoder.tokenizer(CAPTIONS[:1], return_tensors="pt")
    with torch.no_grad():
        states = encoder.model(**words).last_hidden_state
    torch.testing.assert_close(encoder.embeddings(CAPTIONS[:1]), states.mean(dim=1))


def test_a_name_that_is_not_to_be_had_is_said(tmp_path: Path) -> None:
    for name in ("/nowhere", "no-such/model", str(tmp_path)):
        with pytest.raises(LampError, match=f"text encoder '{name}' is no folder of a text model"):
            TextEncoder.load(name)


def test_processes_that_share_the_captions_read_what_one_reads(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_encoder, "BATCH_CAPTIONS", 2)
    encoder, captions = TextEncoder.load(str(bert_folder)), [*CAPTIONS, "a person", "waves", "a wall"]
    whole_NW = encoder.embeddings(captions)
    told: list[dict[int, torch.Tensor]] = []

    def gathered(parts: dict[int, torch.Tensor]) -> list[dict[int, torch.Tensor]]:
        told.append(parts)
        return told

    monkeypatch.setattr(text_encoder, "gather_objects", gathered)
    monkeypatch.setattr(text_encoder, "share", lambda rows: rows[0::2])
    with pytest.raises(KeyError):  # nobody else has told its share
        encoder.embeddings(captions, together=True)
    monkeypatch.setattr(text_encoder, "share", lambda rows: rows[1::2])
    assert torch.equal(encoder.embeddings(captions, together=True), whole_NW)
    assert [sorted(parts) for parts in told] == [[0, 4], [2]]
