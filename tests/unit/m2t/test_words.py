"""The sequence behind the soft tokens: prompt, caption, end."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from lamp_core.errors import LampError
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.own_language_model import own_tokenizer
from lamp_core.m2t.words import PromptedWords
from tests.unit.m2t.conftest import LANGUAGE, PROMPT, SENTENCES


def test_a_caption_comes_back_from_its_word_pieces(base: CausalModel) -> None:
    words = PromptedWords(base.tokenizer, PROMPT, 24)
    batch = words.sequences(words.pieces(SENTENCES), soft_tokens=[3] * len(SENTENCES))
    assert batch.soft_BX.sum(dim=1).tolist() == [3] * len(SENTENCES) and batch.soft_BX[:, :3].all()
    assert batch.ids_BX[0, 3 : batch.first].tolist() == words.prompt_P
    ids_BL, mask_BL = batch.targets_BL, batch.counted_BL
    assert [words.text(ids) for ids in ids_BL.tolist()] == list(SENTENCES)
    assert mask_BL.sum(dim=1).tolist() == [len(sentence.split()) + 2 for sentence in SENTENCES]  # "." and end
    assert all(ids[mask][-1] == words.end for ids, mask in zip(ids_BL, mask_BL, strict=True))
    assert (ids_BL[~mask_BL] == words.padding).all()


def test_the_prompt_begins_the_text_and_is_made_of_whole_words(base: CausalModel) -> None:
    words = PromptedWords(base.tokenizer, f" {PROMPT} ", 24)
    assert base.tokenizer.convert_ids_to_tokens(words.prompt_P) == ["[CLS]", "the", "motion", ":"]


def test_long_captions_are_cut_and_still_end(base: CausalModel) -> None:
    words = PromptedWords(base.tokenizer, PROMPT, 4)
    (ids,) = words.pieces([SENTENCES[0]])
    assert ids[-1] == words.end and words.text(ids) == "a person walks"


def test_the_vocabulary_is_the_same_for_the_same_captions_in_any_order() -> None:
    first = own_tokenizer(SENTENCES, PROMPT, LANGUAGE)
    second = own_tokenizer(SENTENCES[::-1], PROMPT, LANGUAGE)
    assert first.get_vocab() == second.get_vocab()


def test_a_saved_tokenizer_is_what_transformers_loads(base: CausalModel, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("words")
    base.tokenizer.save_pretrained(folder)
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded(SENTENCES[0]).input_ids == base.tokenizer(SENTENCES[0]).input_ids
    assert loaded(SENTENCES[0]).input_ids[0] == loaded.bos_token_id
    assert (loaded.eos_token_id, loaded.pad_token_id) == (3, 0)


def test_a_model_that_knows_neither_beginning_nor_prompt_is_refused() -> None:
    pieces = Tokenizer(models.WordLevel({"walk": 0, "</s>": 1}, unk_token="walk"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    endless = PreTrainedTokenizerFast(tokenizer_object=pieces)
    with pytest.raises(LampError, match="no token that ends a text"):
        PromptedWords(endless, "walk", 8)
    bare = PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token="</s>")
    with pytest.raises(LampError, match=r"give it m2t\.prompt"):
        PromptedWords(bare, "", 8)
    words = PromptedWords(bare, "walk", 8)
    assert words.prompt_P == [0] and words.padding == words.end == 1
