import math

import numpy as np
import pytest
import torch

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, LexicalItem, Motions
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.zero import move_zero
from tests.unit.lexical.conftest import CAPTIONS, CPU


@pytest.mark.parametrize("level", [-6.0, 6.0])
def test_an_even_share_stands_at_zero_whatever_the_level_of_the_logits(
    level: float, lexical: tuple[LexicalModel, TextTokenizer], items: list[LexicalItem]
) -> None:
    model, tokenizer = lexical
    captions, motions = (
        CaptionTable(CAPTIONS, tokenizer, CPU),
        Motions([each.features_TD for each in items], CPU),
    )
    every, is_term_V = np.arange(len(items)), model.text.is_term_V

    def pooled() -> list[torch.Tensor]:
        return [model.text_logits(*captions.pick(every)), model.motion_logits(*motions.pick(every))]

    with torch.no_grad():
        model.text.head.bias_V += level
        before = [model.text.lexical_share(pooled_BV) for pooled_BV in pooled()]
        move_zero(model, tokenizer, items)
        after = pooled()
    even_of = []
    for pooled_BV, share_BV in zip(after, before, strict=True):
        torch.testing.assert_close(model.text.lexical_share(pooled_BV), share_BV)
        even_of.append(pooled_BV[:, is_term_V].logsumexp(dim=1) - math.log(int(is_term_V.sum())))
        weighty_BV = model.text.lexical_weights(pooled_BV) > 0
        assert 0 < weighty_BV.sum() < len(items) * int(is_term_V.sum())
    assert float(torch.cat(even_of).mean()) == pytest.approx(0, abs=1e-4)
