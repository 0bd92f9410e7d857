import pytest
import torch

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, LexicalItem, Motions, in_parts
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.zero import start_with
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
