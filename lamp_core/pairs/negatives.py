"""Which pairs of a batch are no negatives of each other, and the draw of hard ones.

Shapes: B batch, N items.
"""

from collections.abc import Container, Sequence

import torch
from torch import Tensor


def base_motion(clip: str, clips: Container[str] = ()) -> str:
    """Name of the motion behind a clip: a mirror image is the same name after an ``M``.

    Published names are numbers (``M000021``); of any other name an ``M`` says so only where the clip without
    it stands beside it in `clips`.
    """
    is_mirrored = clip[:1] == "M" and (clip[1:2].isdigit() or clip[1:] in clips)
    return clip[1:] if is_mirrored else clip


def equal_pairs(clips: Sequence[str], captions: Sequence[str]) -> Tensor:
    """Return (B, B) booleans: same motion, its mirror, or the same caption; the diagonal is true."""
    return equal_numbers(motion_numbers(clips), text_numbers(captions))


def equal_numbers(motion_B: Tensor, text_B: Tensor) -> Tensor:
    """Return (B, B) booleans of pairs with the same motion or the same text, by their numbers."""
    return (motion_B[:, None] == motion_B) | (text_B[:, None] == text_B)


def motion_numbers(clips: Sequence[str]) -> Tensor:
    """Number the motions (N,); a clip and its mirror image have the same number."""
    beside = set(clips)
    return _numbers([base_motion(clip, beside) for clip in clips])


def text_numbers(captions: Sequence[str]) -> Tensor:
    """Number the captions (N,); case, spaces and the full stop make no difference."""
    return _numbers([" ".join(caption.lower().rstrip(" .").split()) for caption in captions])


def _numbers(names: Sequence[str]) -> Tensor:
    known: dict[str, int] = {}
    return torch.tensor([known.setdefault(name, len(known)) for name in names])


def hard_negatives(
    logits_BB: Tensor, equal_BB: Tensor, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw a column for each row with the softmax of its logits, equals excluded.

    Args:
        logits_BB: similarities.
        equal_BB: what is no negative.
        generator: of the draw; the global one without it.

    Returns:
        The drawn columns (B,), and which rows had anything to draw (B,).
    """
    drawable_B = (~equal_BB).any(dim=-1)
    weights_BB = logits_BB.detach().float().masked_fill(equal_BB, float("-inf")).softmax(dim=-1)
    # multinomial refuses a row without weight; such a row is dropped by its flag, so what it draws does not
    # matter
    weights_BB = torch.where(drawable_B[:, None], weights_BB, torch.ones_like(weights_BB))
    return torch.multinomial(weights_BB, 1, generator=generator).squeeze(1), drawable_B
