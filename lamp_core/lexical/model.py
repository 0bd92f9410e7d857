"""The two encoders in one vocabulary: lexical vectors, or dense ones, of texts and motions.

Shapes: B batch, T frames, D feature numbers a frame, L word pieces, H width of the text's states, V
vocabulary, P width of dense vectors.
"""

import torch
from torch import Tensor, nn

from lamp_core.config.base import Section
from lamp_core.config.lexical import LEXICAL
from lamp_core.lexical.layers import EPSILON, start_at_random
from lamp_core.lexical.motion_encoder import MotionEncoder, MotionShape, mean_state
from lamp_core.lexical.text_encoder import NONE_BELOW, TextEncoder, TextShape, ZeroGradient, max_pooled


class LexicalShape(Section):
    """Everything that decides the parameters of the model; stored beside its weights."""

    text: TextShape
    motion: MotionShape
    representation: str = LEXICAL
    dense_dim: int = 0


class LexicalModel(nn.Module):
    """A text encoder and a motion encoder that say what they read in the same words.

    Args:
        shape: of the vectors; those of the encoders are their own.
        text: with the lexical head, which the motion shares.
        motion: its states go through one linear layer to the head.
    """

    motion_zero: Tensor

    def __init__(self, shape: LexicalShape, text: TextEncoder, motion: MotionEncoder) -> None:
        super().__init__()
        self.shape, self.text, self.motion = shape, text, motion
        motion_dim, text_dim = shape.motion.hidden_dim, shape.text.hidden_dim
        # the head reads states as long as those of the text, which a norm has made
        self.motion_to_text = nn.Sequential(
            nn.Linear(motion_dim, text_dim), nn.LayerNorm(text_dim, eps=EPSILON)
        )
        start_at_random(self.motion_to_text)
        # the head's bias says where a word of a text weighs nothing; a motion's logits stand elsewhere
        self.register_buffer("motion_zero", torch.zeros(()))
        if not self.is_lexical:
            self.dense_text = nn.Linear(text_dim, shape.dense_dim)
            self.dense_motion = nn.Linear(motion_dim, shape.dense_dim)

    @property
    def is_lexical(self) -> bool:
        """Whether its vectors are weights of words."""
        return self.shape.representation == LEXICAL

    def text_logits(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """The largest logit (B, V) of each word over the text."""
        return max_pooled(self.text.logits(self.text(ids_BL, mask_BL)), mask_BL)

    def motion_logits(self, features_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """The largest logit (B, V) of each word over the motion."""
        states_BXH, mask_BX = self.motion.positions(*self.motion(features_BTD, mask_BT))
        return max_pooled(self.text.logits(self.motion_to_text(states_BXH)), mask_BX) - self.motion_zero

    def text_weights(self, ids_BL: Tensor, mask_BL: Tensor, *, zero: ZeroGradient = NONE_BELOW) -> Tensor:
        """What stands for a text before it is normalised: weights of words (B, V), or a vector (B, P).

        ``zero`` is the gradient where the weight of a word becomes zero.
        """
        if self.is_lexical:
            return self.text.lexical_weights(self.text_logits(ids_BL, mask_BL), zero)
        made: Tensor = self.dense_text(mean_state(self.text(ids_BL, mask_BL), mask_BL))
        return made

    def motion_weights(
        self, features_BTD: Tensor, mask_BT: Tensor, *, zero: ZeroGradient = NONE_BELOW
    ) -> Tensor:
        """What stands for a motion before it is normalised, as `text_weights`."""
        if self.is_lexical:
            return self.text.lexical_weights(self.motion_logits(features_BTD, mask_BT), zero)
        states_BNJH, mask_BN = self.motion(features_BTD, mask_BT)
        made: Tensor = self.dense_motion(mean_state(states_BNJH.mean(dim=2), mask_BN))
        return made


def flops(weights_BV: Tensor) -> Tensor:
    """The FLOPS regulariser: the sum over the words of the squared mean weight (Paria et al. 2020).

    It is smallest where a batch's weights are few and spread evenly over the words, which is what makes an
    inverted index quick.
    """
    return weights_BV.float().mean(dim=0).square().sum()
