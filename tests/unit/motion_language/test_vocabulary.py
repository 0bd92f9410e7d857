"""The unified vocabulary: ids side by side, rows like the old ones, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertLMHeadModel

from lamp_core.errors import LampError
from lamp_core.motion_language.vocabulary import MotionVocabulary, embedding_weights, extend, text_pieces
from tests.unit.motion_language.conftest import BODY, MAX_TOKENS, ONE, causal, extended, learnt


def test_ids_lie_side_by_side_and_the_tokenizer_knows_the_words(kind: str, tokenizer: Any) -> None:
    base = causal(kind)
    old = len(base.tokenizer)
    vocabulary = learnt(base, tokenizer)
    assert vocabulary.first == old
    assert base.tokenizer.convert_tokens_to_ids(list(vocabulary.words)) == list(range(old, vocabulary.end))
    assert base.model.get_input_embeddings().num_embeddings == vocabulary.end
    assert base.model.config.vocab_size == vocabulary.end
    last = tokenizer.channels[-1]
    assert vocabulary.first_ids_R[-1] + last.codebook_size == vocabulary.end
    assert len(set(vocabulary.words)) == len(vocabulary)


def test_new_rows_have_the_spread_of_the_old_ones_and_the_old_ones_stay(kind: str) -> None:
    base = causal(kind)
    before = [weight.clone() for weight in embedding_weights(base.model)]
    many = type(ONE)((type(ONE.channels[0])("motion", "codebook", 2000),))
    vocabulary = learnt(base, many)
    for old_VE, weight_VE in zip(before, embedding_weights(base.model), strict=True):
        assert torch.equal(weight_VE[: vocabulary.first], old_VE)
        new_NE = weight_VE[vocabulary.first : vocabulary.end]
        torch.testing.assert_close(new_NE.std(), old_VE.std(), rtol=0.1, atol=0)
        torch.testing.assert_close(new_NE.mean(dim=0), old_VE.mean(dim=0), rtol=0, atol=0.01)
    assert len(before) == (2 if kind == "llama" else 1)


def test_rows_that_the_model_has_to_spare_are_used() -> None:
    base = causal()
    base.model.resize_token_embeddings(len(base.tokenizer) + 500, mean_resizing=False)
    vocabulary = learnt(base, ONE)
    assert base.model.get_input_embeddings().num_embeddings == vocabulary.first + 500
    assert base.tokenizer.convert_tokens_to_ids("<motion_0>") == vocabulary.first_ids_R[0]


def test_the_same_seed_draws_the_same_rows() -> None:
    one, other = extended()[0], extended()[0]
    assert torch.equal(*(model.get_input_embeddings().weight for model in (one, other)))


def test_a_text_never_becomes_a_word_of_motion() -> None:
    base = causal()
    vocabulary = learnt(base, ONE)
    (ids,) = text_pieces(base.tokenizer, ["a person <motion_1> walks </motion>"])
    assert max(ids) < vocabulary.first
    assert text_pieces(base.tokenizer, ["a person"])[0] == ids[:2]


def test_plain_transformers_opens_the_folder_and_generates(tmp_path: Path, kind: str) -> None:
    model, words = extended(kind)
    model.save_pretrained(tmp_path)
    words.text.save_pretrained(tmp_path)
    words.vocabulary.save(tmp_path)
    assert MotionVocabulary.load(tmp_path) == words.vocabulary
    opened, text = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    asked = text("a person walks<motion>", return_tensors="pt", return_token_type_ids=False)
    assert int(asked["input_ids"][0, -1]) == words.vocabulary.opens[0]
    made = opened.generate(**asked, max_new_tokens=4, do_sample=False, pad_token_id=text.pad_token_id)
    assert made.shape[1] > asked["input_ids"].shape[1]
    with torch.no_grad():
        torch.testing.assert_close(opened(**asked).logits, model(**asked).logits)


def test_a_model_that_looks_ahead_is_refused() -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertLMHeadModel(BertConfig(vocab_size=300, **sizes, is_decoder=False, initializer_range=0.5))
    with pytest.raises(LampError, match="BertLMHeadModel is no causal language model"):
        extend(model, causal().tokenizer, MotionVocabulary.of(ONE, MAX_TOKENS, 40), seed=0)


def test_a_model_that_knows_motion_is_refused() -> None:
    model, words = extended()
    with pytest.raises(LampError, match="has the word </motion> already"):
        extend(model, words.text, words.vocabulary, seed=0)


def test_another_tokenizer_is_refused(vqvae: Any) -> None:
    vocabulary = MotionVocabulary.of(BODY, MAX_TOKENS, 10)
    assert vocabulary.layout == "blocks"
    vocabulary.check_tokenizer(BODY, "data/instruction")
    with pytest.raises(LampError, match=r"codes of another tokenizer .* than the one beside it"):
        vocabulary.check_tokenizer(vqvae, "data/instruction")


def test_a_damaged_file_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=f"`lamp run --until {tmp_path.name}` makes it"):
        MotionVocabulary.load(tmp_path)
    (tmp_path / "motion_vocabulary.json").write_text('{"channels": [], "other": 1}')
    with pytest.raises(LampError, match="describes no motion vocabulary"):
        MotionVocabulary.load(tmp_path)
