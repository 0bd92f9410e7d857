"""Which pairs of a batch are no negatives of each other, and the draw of hard ones.

Shapes: B batch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def base_motion(clip: str) -> str:
    """Name of the motion behind a clip: published mirrors are the same name after an ``M`` (``M000021``)."""
    return clip[1:] if len(clip) > 1 and clip[0] == "M" and clip[1].isdigit() else clip


def equal_pairs(clips: Sequence[str], captions: Sequence[str]) -> Tensor:
    """Return (B, B) booleans: same motion, its mirror, or the same caption; the diagonal is true."""
    motions: dict[str, int] = {}
    texts: dict[str, int] = {}
    motion_B = torch.tensor([motions.setdefault(base_motion(clip), len(motions)) for clip in clips])
    text_B = torch.tensor([texts.setdefault(_normal(caption), len(texts)) for caption in captions])
    return (motion_B[:, None] == motion_B) | (text_B[:, None] == text_B)


def _normal(caption: str) -> str:
    return " ".join(caption.lower().rstrip(" .").split())


def hard_negatives(logits_BB: Tensor, equal_BB: Tensor) -> tuple[Tensor, Tensor]:
    """Draw a column for each row with the softmax of its logits, equals excluded.

    Returns:
        The drawn columns (B,), and which rows had anything to draw (B,).
    """
    drawable_B = (~equal_BB).any(dim=-1)
    weights_BB = logits_BB.detach().float().masked_fill(equal_BB, float("-inf")).softmax(dim=-1)
    # multinomial refuses a row without weight; such a row is dropped by its flag, so what it draws does not
    # matter
    weights_BB = torch.where(drawable_B[:, None], weights_BB, torch.ones_like(weights_BB))
    return torch.multinomial(weights_BB, 1).squeeze(1), drawable_B
