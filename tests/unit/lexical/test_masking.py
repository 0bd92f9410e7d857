import pytest
import torch

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.masking import WordMasking, masked_loss
from lamp_core.lexical.text_encoder import LexicalTextModel
from tests.unit.lexical.conftest import CAPTIONS, CPU

Text = tuple[LexicalTextModel, TextTokenizer]


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_the_mean_share_of_hidden_words_is_the_ratio(text: Text, ratio: float) -> None:
    ids_BL, mask_BL = text[1](CAPTIONS)
    masking = WordMasking(text[1], 0.5, CPU)
    chances_BL = masking.chances(ids_BL, mask_BL, ratio)
    words_B = (chances_BL > 0).sum(dim=1)
    assert torch.allclose(chances_BL.sum(dim=1) / words_B, torch.full((len(CAPTIONS),), ratio))


def test_content_is_hidden_more_often_and_special_tokens_never(text: Text) -> None:
    ids_BL, mask_BL = text[1](["a person walks forward", "a person sits"])
    chances_BL = WordMasking(text[1], 0.2, CPU).chances(ids_BL, mask_BL, 0.3)
    cls, a, person, walks, forward, sep = chances_BL[0].tolist()
    assert cls == sep == 0
    assert walks == forward == pytest.approx(5 * a)
    assert a == person
    assert chances_BL[1, 4:].tolist() == [0, 0]  # [SEP] and padding
    alike = WordMasking(text[1], 1.0, CPU).chances(ids_BL, mask_BL, 0.3)[0]
    assert torch.allclose(alike[1:5], torch.tensor(0.3))


def test_hidden_words_stand_as_mask(text: Text) -> None:
    ids_BL, mask_BL = text[1](["a person walks forward"])
    masking = WordMasking(text[1], 0.2, CPU)
    words = masking.hide(ids_BL, mask_BL, 0.3, torch.zeros(ids_BL.shape))
    assert words.ids_BL[0, 1:-1].unique().tolist() == [masking.mask_id]
    assert torch.equal(words.ids_BL[0, [0, -1]], ids_BL[0, [0, -1]])
    nothing = masking.hide(ids_BL, mask_BL, 0.3, torch.ones(ids_BL.shape))
    assert torch.equal(nothing.ids_BL, ids_BL)
    assert not nothing.is_hidden_BL.any()


def test_a_share_of_the_hidden_words_is_seen_and_named_all_the_same(text: Text) -> None:
    ids_BL, mask_BL = text[1](CAPTIONS * 200)
    masking = WordMasking(text[1], 0.2, CPU)
    draws_BL = torch.rand(ids_BL.shape)
    words = masking.hide(ids_BL, mask_BL, 0.3, draws_BL, kept=0.25)
    without = masking.hide(ids_BL, mask_BL, 0.3, draws_BL)
    assert torch.equal(words.is_hidden_BL, without.is_hidden_BL)
    seen_BL = words.ids_BL == ids_BL
    assert float(seen_BL[words.is_hidden_BL].float().mean()) == pytest.approx(0.25, abs=0.05)


def test_only_hidden_words_count_in_the_loss() -> None:
    logits_BLV = torch.randn(1, 3, 7)
    ids_BL = torch.tensor([[1, 2, 3]])
    is_hidden_BL = torch.tensor([[False, True, True]])
    expected = -logits_BLV.log_softmax(-1)[0, [1, 2], [2, 3]].mean()
    assert torch.isclose(masked_loss(logits_BLV, ids_BL, is_hidden_BL), expected)
    assert float(masked_loss(logits_BLV, ids_BL, torch.zeros_like(is_hidden_BL))) == 0
