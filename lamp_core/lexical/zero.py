"""Where a weight of a word is zero, for encoders that a softmax has trained (the start of phase 4).

The phases before the fourth train their logits for a softmax, which is the same whatever constant is added to
all of them. The weights of the fourth, log(1 + relu(logit)), hang on that constant: where all logits are well
above zero, a text starts with all words of the vocabulary, at nearly the same weight, and what the phases
learned is lost in the first steps; where they are below it, a vector has no word, and no gradient. So the
logits are moved once, those of texts and of motions by a constant each, until a vector has as many words as
asked for, in the mean.

Such a constant leaves it to the phases before which words these are. A zero of each word (*switch*
``lexical_contrast.zero``) gives every word as many texts, and as many motions, as captions have it.

Shapes: N items, V terms of the vocabulary; by word: V all word pieces.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, LexicalItem, Motions, in_parts
from lamp_core.lexical.model import LexicalModel

LOOKED_AT = 256
LOOKED_AT_BY_WORD = 2048
"""Of rare words few items say where their zero is."""
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
    text_NV, motion_NV = _pooled(model, tokenizer, items, LOOKED_AT)
    text_zero, motion_zero = _zero(words, text_NV, model), _zero(words, motion_NV, model)
    model.text.head.bias_V.sub_(text_zero)
    model.motion_zero.add_(motion_zero - text_zero)


@torch.no_grad()
def start_by_word(
    share: float, model: LexicalModel, tokenizer: TextTokenizer, items: Sequence[LexicalItem]
) -> None:
    """Move the logits of each word until as many texts, and as many motions, have it as captions do.

    Args:
        share: of the share of the captions that have the word; 1 for as many.
        model: with lexical vectors.
        tokenizer: of the captions.
        items: of the train split, at least one.
    """
    ids_ML, mask_ML = tokenizer([caption for item in items for caption in item.captions])
    sorted_ML = ids_ML.masked_fill(~mask_ML, -1).sort(dim=1).values
    is_new_ML = torch.cat([sorted_ML[:, :1] >= 0, sorted_ML.diff(dim=1) > 0], dim=1)
    having_V = sorted_ML[is_new_ML].bincount(minlength=len(model.text.words_VH))
    shares_V = (share * having_V / len(ids_ML)).to(model.text.words_VH.device)
    text_NV, motion_NV = _pooled(model, tokenizer, items, LOOKED_AT_BY_WORD)
    text_zero_V, motion_zero_V = (
        word_zeros(logits_NV, shares_V) * model.text.is_term_V for logits_NV in (text_NV, motion_NV)
    )
    model.text.head.bias_V.sub_(text_zero_V)
    model.motion_zero = model.motion_zero + (motion_zero_V - text_zero_V)


def word_zeros(logits_NV: Tensor, shares_V: Tensor) -> Tensor:
    """The logits (V,) above which the given share (0..1) of the items has each word, all but one at most."""
    count = len(logits_NV)
    above_V = (count * shares_V).round().long().clamp(max=count - 1)
    zeros_1V = logits_NV.float().sort(dim=0).values.gather(0, (count - 1 - above_V)[None])
    return zeros_1V[0]


def _pooled(
    model: LexicalModel, tokenizer: TextTokenizer, items: Sequence[LexicalItem], most: int
) -> tuple[Tensor, Tensor]:
    """The logits (N, all word pieces) of texts and motions of some items, spread over all."""
    spread = np.linspace(0, len(items) - 1, min(most, len(items))).astype(int)
    chosen = [items[place] for place in spread]
    device = model.text.words_VH.device
    captions = CaptionTable([item.captions[0] for item in chosen], tokenizer, device)
    motions = Motions([item.features_TD for item in chosen], device)
    training, parts = model.training, list(in_parts(len(chosen), TOGETHER))
    model.eval()
    text_NV = torch.cat([model.text_logits(*captions.pick(part)) for part in parts])
    motion_NV = torch.cat([model.motion_logits(*motions.pick(part)) for part in parts])
    model.train(training)
    return text_NV, motion_NV


def _zero(words: int, logits_NV: Tensor, model: LexicalModel) -> Tensor:
    """The logit above which the items have so many terms each, in the mean."""
    terms_NV = logits_NV[:, model.text.is_term_V].float()
    below = max(1, (terms_NV.shape[1] - words) * len(terms_NV))
    return terms_NV.flatten().kthvalue(below).values
