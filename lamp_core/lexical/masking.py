"""Which words of a caption are masked: those that say something before those that do not.

A masked article can be guessed from its neighbours, a masked verb or direction cannot: it has to come through
the bottleneck. So content words are drawn more often, and the mean share of masked words stays what it is
(*switch* ``lexical_text.function_word_weight``).

Shapes: B batch, L word pieces, V vocabulary.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.words import Vocabulary
from lamp_core.training.distribution import shared_mean

IGNORED = -100
"""A target that does not count."""


@dataclass(frozen=True)
class MaskedWords:
    """Captions of which some words are hidden.

    Args:
        ids_BL: with [MASK] in place of hidden words, but for those that are kept.
        is_hidden_BL: which words the model has to name.
    """

    ids_BL: Tensor
    is_hidden_BL: Tensor


class WordMasking:
    """Draws masks over the words of captions.

    Args:
        tokenizer: of the captions.
        function_word_weight: how often what is no content is masked, content 1.
        device: of the captions.
    """

    def __init__(self, tokenizer: TextTokenizer, function_word_weight: float, device: torch.device) -> None:
        vocabulary = Vocabulary.of(tokenizer)
        self.mask_id = vocabulary.numbers["[MASK]"]
        self.is_content_V = torch.from_numpy(vocabulary.is_term_V).to(device)
        weight_V = torch.where(self.is_content_V, 1.0, function_word_weight)
        self.weight_V = weight_V.masked_fill(torch.from_numpy(vocabulary.is_special_V).to(device), 0.0)

    def chances(self, ids_BL: Tensor, mask_BL: Tensor, ratio: float) -> Tensor:
        """How likely each word piece is hidden (B, L): in the mean over a caption's words, the ratio."""
        weight_BL = self.weight_V[ids_BL] * mask_BL
        words_B1 = (weight_BL > 0).sum(dim=1, keepdim=True)
        mean_B1 = weight_BL.sum(dim=1, keepdim=True) / words_B1.clamp(min=1)
        return (ratio * weight_BL / mean_B1.clamp(min=1e-9)).clamp(max=1.0)

    def hide(
        self, ids_BL: Tensor, mask_BL: Tensor, ratio: float, draws_BL: Tensor, kept: float = 0.0
    ) -> MaskedWords:
        """Hide words.

        Args:
            ids_BL: the captions.
            mask_BL: false where padded.
            ratio: mean share of the words that is hidden.
            draws_BL: uniform in 0..1.
            kept: share of the hidden words that stay to be seen and have to be named all the same, so that
                the encoder says what it sees, as BERT does.
        """
        chances_BL = self.chances(ids_BL, mask_BL, ratio)
        is_hidden_BL = draws_BL < chances_BL
        is_covered_BL = is_hidden_BL & (draws_BL >= kept * chances_BL)
        return MaskedWords(ids_BL.masked_fill(is_covered_BL, self.mask_id), is_hidden_BL)

    def is_content(self, ids_BL: Tensor) -> Tensor:
        """Which word pieces (B, L) are content."""
        return self.is_content_V[ids_BL]


def masked_loss(logits_BLV: Tensor, ids_BL: Tensor, is_hidden_BL: Tensor) -> Tensor:
    """The mean cross entropy of the hidden words, of all processes."""
    targets_BL = ids_BL.masked_fill(~is_hidden_BL, IGNORED)
    logits = logits_BLV.flatten(0, 1).float()
    total = F.cross_entropy(logits, targets_BL.flatten(), ignore_index=IGNORED, reduction="sum")
    return shared_mean(total, is_hidden_BL.sum())
