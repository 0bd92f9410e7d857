from pathlib import Path

import pytest
import torch

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, LexicalItem, Motions, in_parts
from lamp_core.lexical.folder import load_lexical, save_lexical
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.zero import start_by_word, start_with, word_zeros
from tests.unit.lexical.conftest import CPU

WORDS = 3


@pytest.mark.parametrize(("text_level", "motion_level"), [(-6.0, 6.0), (6.0, 6.0), (4.0, -4.0), (-9.0, -9.0)])
def test_both_sides_start_with_as_many_words_wherever_their_logits_stand(
    text_level: float,
    motion_level: float,
    lexical: tuple[LexicalModel, TextTokenizer],
    items: list[LexicalItem],
) -> None:
    model, tokenizer = lexical
    captions = CaptionTable([item.captions[0] for item in items], tokenizer, CPU)
    motions = Motions([each.features_TD for each in items], CPU)
    (every,) = in_parts(len(items), len(items))

    def pooled() -> list[torch.Tensor]:
        return [model.text_logits(*captions.pick(every)), model.motion_logits(*motions.pick(every))]

    with torch.no_grad():
        model.text.head.bias_V += text_level
        model.motion_zero -= motion_level - text_level
        before = [model.text.lexical_share(pooled_BV) for pooled_BV in pooled()]
        start_with(WORDS, model, tokenizer, items)
        after = pooled()
    for pooled_BV, share_BV in zip(after, before, strict=True):
        torch.testing.assert_close(model.text.lexical_share(pooled_BV), share_BV)
        assert float((model.text.lexical_weights(pooled_BV) > 0).sum(dim=1).float().mean()) == WORDS


def test_a_vocabulary_of_fewer_words_weighs_all_of_them_but_one(
    lexical: tuple[LexicalModel, TextTokenizer], items: list[LexicalItem]
) -> None:
    model, tokenizer = lexical
    start_with(10**6, model, tokenizer, items)
    motion_BV = model.motion_logits(
        *Motions([each.features_TD for each in items], CPU).pick(range(len(items)))
    )
    heavy_BV = model.text.lexical_weights(motion_BV) > 0
    assert int(heavy_BV.sum()) == len(items) * int(model.text.is_term_V.sum()) - 1


def test_a_words_zero_leaves_it_to_the_share_of_items_that_is_asked_for() -> None:
    logits_NV = torch.stack([torch.arange(10.0), torch.arange(10.0) - 50, torch.zeros(10)], dim=1)
    zeros_V = word_zeros(logits_NV, torch.tensor([0.3, 0.0, 0.5]))
    assert (logits_NV > zeros_V).sum(dim=0).tolist() == [3, 0, 0]  # ties stay together
    assert (logits_NV > word_zeros(logits_NV, torch.ones(3))).sum(dim=0).tolist() == [9, 9, 0]


@pytest.mark.parametrize("share", [1.0, 2.0])
def test_both_sides_start_with_a_word_as_often_as_captions_have_it(
    share: float,
    lexical: tuple[LexicalModel, TextTokenizer],
    items: list[LexicalItem],
    tmp_path: Path,
) -> None:
    model, tokenizer = lexical
    captions = CaptionTable([item.captions[0] for item in items], tokenizer, CPU)
    motions = Motions([each.features_TD for each in items], CPU)
    (every,) = in_parts(len(items), len(items))
    start_by_word(share, model, tokenizer, items)
    has_it_V = torch.stack([(captions.ids_ML == word).any(dim=1).sum() for word in range(tokenizer.size)])
    expected_V = (share * has_it_V).clamp(max=len(items) - 1) * model.text.is_term_V
    for logits_BV in (model.text_logits(*captions.pick(every)), model.motion_logits(*motions.pick(every))):
        words_V = (model.text.lexical_weights(logits_BV) > 1e-5).sum(dim=0)
        assert torch.equal(words_V, expected_V.to(words_V.dtype))
    before_BV = model.eval().motion_logits(*motions.pick(every))
    save_lexical(tmp_path / "by_word", model, tokenizer)
    again, _ = load_lexical(tmp_path / "by_word")
    assert torch.equal(again.motion_logits(*motions.pick(every)), before_BV)


def test_weights_with_one_zero_for_all_words_are_read(
    lexical: tuple[LexicalModel, TextTokenizer], items: list[LexicalItem], tmp_path: Path
) -> None:
    model, tokenizer = lexical
    start_with(WORDS, model, tokenizer, items)
    assert model.motion_zero.shape == ()
    save_lexical(tmp_path / "by_side", model, tokenizer)
    again, _ = load_lexical(tmp_path / "by_side")
    assert torch.equal(again.motion_zero, model.motion_zero)
    start_by_word(1.0, again, tokenizer, items)
    assert again.motion_zero.shape == (tokenizer.size,)
    again.load_state_dict(model.state_dict())  # as a checkpoint of the other kind would be
    assert again.motion_zero.shape == ()
