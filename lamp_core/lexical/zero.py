"""Where a weight of a word is zero, for encoders that a softmax has trained (the start of phase 4).

The phases before the fourth train their logits for a softmax, which is the same whatever constant is added to
all of them. The weights of the fourth, log(1 + relu(logit)), hang on that constant: where all logits are well
above zero, a text starts with all words of the vocabulary, at nearly the same weight, and what the phases
learned is lost in the first steps. So the logits of both sides are moved once, by one constant, until a word
weighs something where the lexical distribution gives it more than an even share.

Shapes: N items, V vocabulary.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, LexicalItem, Motions, in_parts
from lamp_core.lexical.model import LexicalModel

LOOKED_AT = 256
TOGETHER = 64


@torch.no_grad()
def move_zero(model: LexicalModel, tokenizer: TextTokenizer, items: Sequence[LexicalItem]) -> None:
    """Move the logits so that an even share of the words stands at zero, in the mean of both sides of some
    items.

    Args:
        model: with lexical vectors.
        tokenizer: of the captions.
        items: of the train split, at least one.
    """
    spread = np.linspace(0, len(items) - 1, min(LOOKED_AT, len(items))).astype(int)
    chosen = [items[place] for place in spread]
    device = model.text.words_VH.device
    captions = CaptionTable([item.captions[0] for item in chosen], tokenizer, device)
    motions = Motions([item.features_TD for item in chosen], device)
    training = model.training
    model.eval()
    parts = in_parts(len(chosen), TOGETHER)
    pooled = (
        pooled_NV
        for part in parts
        for pooled_NV in (model.text_logits(*captions.pick(part)), model.motion_logits(*motions.pick(part)))
    )
    even = torch.cat([_even(model, pooled_NV) for pooled_NV in pooled]).mean()
    model.train(training)
    model.text.head.bias_V.sub_(even)


def _even(model: LexicalModel, pooled_NV: Tensor) -> Tensor:
    """The logit (N,) of a word with an even share of the lexical distribution."""
    terms_NV = pooled_NV[:, model.text.is_term_V].float()
    return terms_NV.logsumexp(dim=-1) - math.log(terms_NV.shape[1])
