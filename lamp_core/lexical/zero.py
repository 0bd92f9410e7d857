"""Where a weight of a word is zero, for encoders that a softmax has trained (the start of phase 4).

The phases before the fourth train their logits for a softmax, which is the same whatever constant is added to
all of them. The weights of the fourth, log(1 + relu(logit)), hang on that constant: where all logits are well
above zero, a text starts with all words of the vocabulary, at nearly the same weight, and what the phases
learned is lost in the first steps; where they are below it, a vector has no word, and no gradient. So the
logits are moved once, those of texts and of motions by a constant each, until a vector has as many words as
asked for, in the mean.

Shapes: N items, V terms of the vocabulary.
"""

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
def start_with(
    words: int, model: LexicalModel, tokenizer: TextTokenizer, items: Sequence[LexicalItem]
) -> None:
    """Move the logits of both sides until a vector has so many words, in the mean of some items.

    Args:
        words: of a vector; the whole vocabulary if it has fewer.
        model: with lexical vectors.
        tokenizer: of the captions.
        items: of the train split, at least one.
    """
    spread = np.linspace(0, len(items) - 1, min(LOOKED_AT, len(items))).astype(int)
    chosen = [items[place] for place in spread]
    device = model.text.words_VH.device
    captions = CaptionTable([item.captions[0] for item in chosen], tokenizer, device)
    motions = Motions([item.features_TD for item in chosen], device)
    training, parts = model.training, list(in_parts(len(chosen), TOGETHER))
    model.eval()
    text_zero = _zero(words, [model.text_logits(*captions.pick(part)) for part in parts], model)
    motion_zero = _zero(words, [model.motion_logits(*motions.pick(part)) for part in parts], model)
    model.train(training)
    model.text.head.bias_V.sub_(text_zero)
    model.motion_zero.add_(motion_zero - text_zero)


def _zero(words: int, pooled: Sequence[Tensor], model: LexicalModel) -> Tensor:
    """The logit above which the items have so many terms each, in the mean."""
    terms_NV = torch.cat(list(pooled))[:, model.text.is_term_V].float()
    below = max(1, (terms_NV.shape[1] - words) * len(terms_NV))
    return terms_NV.flatten().kthvalue(below).values
