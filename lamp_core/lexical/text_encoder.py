"""The text encoder with its lexical head, and the weak decoder of the bottleneck (LexMLM, phase 1).

Shapes: B batch, L word pieces, X positions, H width, V vocabulary.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.base import Section
from lamp_core.lamp.backbone import TextEmbedding
from lamp_core.lexical.layers import EPSILON, Block, seen_by_all, start_at_random

NOTHING = float("-inf")


@dataclass(frozen=True)
class ZeroGradient:
    """The gradient where the weight of a word becomes zero, which changes no weight.

    Without one below zero a word that a vector does not have, or has lost to the regulariser, can never come
    in; with a small constant one it leaves sooner than it comes.

    Args:
        below: slope wherever a logit stands below zero, 1 above it; 0 for none.
        reach: in logits; above 0 the slope is sigmoid(logit / reach) on both sides in place of these: a half
            at zero, so that words near it come in as easily as they leave, next to none far below.
    """

    below: float = 0.0
    reach: float = 0.0

    def heard(self, logits_BV: Tensor) -> Tensor:
        """The logits above zero, else 0, with this gradient."""
        if self.reach:
            soft_BV = self.reach * F.softplus(logits_BV / self.reach)
            return soft_BV + (logits_BV.relu() - soft_BV).detach()
        missing_BV = logits_BV.clamp(max=0)
        return logits_BV.relu() + self.below * (missing_BV - missing_BV.detach())


NONE_BELOW = ZeroGradient()


class TextShape(Section):
    """Everything that decides the parameters of a text encoder; stored beside its weights."""

    layers: int
    hidden_dim: int
    heads: int
    feed_forward_dim: int
    max_positions: int
    vocabulary_size: int
    max_text_tokens: int
    decoder_layers: int
    dropout: float

    def block(self) -> Block:
        """A block of the encoder or the weak decoder."""
        return Block(self.hidden_dim, self.heads, self.feed_forward_dim, self.dropout)


class LexicalHead(nn.Module):
    """States to logits over the vocabulary: BERT's language-model head, its matrix the word embedding.

    Args:
        width: H.
        vocabulary: V.
    """

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=EPSILON))
        self.bias_V = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states_BXH: Tensor, words_VH: Tensor) -> Tensor:
        """Logits (B, X, V)."""
        return F.linear(self.transform(states_BXH), words_VH, self.bias_V)


class TextEncoder(nn.Module):
    """BERT with its language-model head.

    Args:
        shape: its sizes.
        is_term_V: which word pieces are terms of the lexical vectors.
    """

    is_term_V: Tensor

    def __init__(self, shape: TextShape, is_term_V: Tensor) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = TextEmbedding(
            shape.vocabulary_size, shape.max_positions, shape.hidden_dim, shape.dropout
        )
        self.blocks = nn.ModuleList(shape.block() for _ in range(shape.layers))
        self.head = LexicalHead(shape.hidden_dim, shape.vocabulary_size)
        self.register_buffer("is_term_V", is_term_V)
        start_at_random(self)

    @property
    def words_VH(self) -> Tensor:
        """The word embeddings."""
        return self.embedding.word.weight

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """States (B, L, H)."""
        states_BLH: Tensor = self.embedding(self.embedding.word(ids_BL))
        for block in self.blocks:
            states_BLH = block(states_BLH, seen_by_all(mask_BL))
        return states_BLH

    def logits(self, states_BXH: Tensor) -> Tensor:
        """Logits (B, X, V) of the word at each position, by the head that text and motion share."""
        made: Tensor = self.head(states_BXH, self.words_VH)
        return made

    def bottleneck(self, pooled_BV: Tensor) -> Tensor:
        """The one vector (B, H) that the weak decoder gets: the words, weighted by their lexical share.

        The word embeddings are detached, so that the words keep their meaning and the weights have to say it.
        """
        return self.lexical_share(pooled_BV) @ self.words_VH.detach()

    def lexical_share(self, pooled_BV: Tensor) -> Tensor:
        """The lexical distribution (B, V): the softmax over the terms."""
        return pooled_BV.float().masked_fill(~self.is_term_V, NOTHING).softmax(dim=-1)

    def lexical_weights(self, pooled_BV: Tensor, zero: ZeroGradient = NONE_BELOW) -> Tensor:
        """The weights (B, V) of the words of a lexical vector, log(1 + relu(max)); 0 for what is no term.

        Args:
            pooled_BV: the largest logit of each word.
            zero: the gradient where the weight becomes zero.
        """
        return torch.log1p(zero.heard(pooled_BV.float())) * self.is_term_V


def max_pooled(logits_BXV: Tensor, mask_BX: Tensor) -> Tensor:
    """The largest logit of each word piece (B, V) over the positions that are not padding."""
    return logits_BXV.masked_fill(~mask_BX[..., None], NOTHING).amax(dim=1)


class WeakDecoder(nn.Module):
    """One or two layers that have to fill in a masked caption with the help of one vector.

    That vector is a mean of many word embeddings, and much shorter than one; normalised by itself, before a
    position could drown it, it is heard from the first step.

    Args:
        shape: of the text encoder.
    """

    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.hidden_dim, eps=EPSILON)
        self.blocks = nn.ModuleList(shape.block() for _ in range(shape.decoder_layers))
        self.head = LexicalHead(shape.hidden_dim, shape.vocabulary_size)
        start_at_random(self)

    def forward(self, text: TextEncoder, bottleneck_BH: Tensor, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Logits (B, L, V) of the words; the bottleneck stands in place of [CLS].

        Args:
            text: whose word and position embeddings it reads with.
            bottleneck_BH: what says what the words are.
            ids_BL: the caption, heavily masked.
            mask_BL: false where padded.
        """
        words_BLH = text.embedding(text.embedding.word(ids_BL))
        start_B1H = self.norm(bottleneck_BH)[:, None].to(words_BLH.dtype)
        states_BLH = torch.cat([start_B1H, words_BLH[:, 1:]], dim=1)
        for block in self.blocks:
            states_BLH = block(states_BLH, seen_by_all(mask_BL))
        logits: Tensor = self.head(states_BLH, text.words_VH)
        return logits


class LexicalTextModel(nn.Module):
    """The text encoder with the weak decoder that it is trained with.

    Args:
        text: with the lexical head.
        decoder: of the bottleneck.
    """

    def __init__(self, text: TextEncoder, decoder: WeakDecoder) -> None:
        super().__init__()
        self.text, self.decoder = text, decoder
