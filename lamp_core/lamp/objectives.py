"""The four objectives of LaMP's pretraining (section 3.1.3).

Shapes: B batch, S motion tokens, L word pieces, Q queries, P projection width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.models import Pretrain
from lamp_core.lamp.model import LaMP, Pairs
from lamp_core.lamp.negatives import hard_negatives


@dataclass(frozen=True)
class Batch:
    """Pairs with their codes, and which of them are no negatives of each other.

    Args:
        pairs: motions and captions.
        codes_BS: codes of the motions.
        equal_BB: same motion, its mirror, or the same caption.
    """

    pairs: Pairs
    codes_BS: Tensor
    equal_BB: Tensor


def pretraining_losses(model: LaMP, batch: Batch, settings: Pretrain) -> dict[str, Tensor]:
    """Return the losses of the objectives that are on, and their weighted sum as ``loss``."""
    queries_BQH, text_BLH, caption_BLH = model.encode_pairs(batch.pairs)
    logits_BB = contrastive_logits(model, queries_BQH, text_BLH)
    losses: dict[str, Tensor] = {}
    if settings.contrastive:
        losses["contrastive"] = contrastive_loss(logits_BB, batch.equal_BB, settings.label_smoothing)
    if settings.matching:
        losses["matching"] = matching_loss(model, batch, logits_BB)
    if settings.text_generation:
        losses["text_generation"] = text_generation_loss(model, caption_BLH, batch.pairs)
    if settings.motion_generation:
        losses["motion_generation"] = motion_generation_loss(model, text_BLH, batch)
    weighted = [getattr(settings, name) * value for name, value in losses.items()]
    return {"loss": torch.stack(weighted).sum(), **losses}


def contrastive_logits(model: LaMP, queries_BQH: Tensor, text_BLH: Tensor) -> Tensor:
    """Return scaled similarities (B motions, B texts): the best query counts."""
    motion_BQP = model.motion_embedding(queries_BQH)
    text_BP = model.text_embedding_of(text_BLH)
    return model.scale * torch.einsum("bqp,cp->bcq", motion_BQP, text_BP).amax(dim=-1)


def contrastive_loss(logits_BB: Tensor, equal_BB: Tensor, smoothing: float) -> Tensor:
    """Symmetric cross entropy towards the diagonal; equals are neither negatives nor smoothed towards."""
    return 0.5 * (
        _towards_diagonal(logits_BB, equal_BB, smoothing)
        + _towards_diagonal(logits_BB.T, equal_BB.T, smoothing)
    )


def _towards_diagonal(logits_BB: Tensor, equal_BB: Tensor, smoothing: float) -> Tensor:
    diagonal = torch.eye(len(logits_BB), dtype=torch.bool, device=logits_BB.device)
    excluded = equal_BB & ~diagonal
    log_share_BB = logits_BB.masked_fill(excluded, float("-inf")).log_softmax(dim=-1)
    uniform_B = log_share_BB.masked_fill(excluded, 0.0).sum(dim=-1) / (~excluded).sum(dim=-1)
    return -((1 - smoothing) * log_share_BB.diagonal() + smoothing * uniform_B).mean()


def matching_loss(model: LaMP, batch: Batch, logits_BB: Tensor) -> Tensor:
    """Cross entropy over B matched pairs, B with a hard negative motion and B with a hard negative text."""
    pairs = batch.pairs
    texts_B, text_drawn_B = hard_negatives(logits_BB, batch.equal_BB)
    motions_B, motion_drawn_B = hard_negatives(logits_BB.T, batch.equal_BB.T)
    own_B = torch.arange(len(texts_B), device=texts_B.device)
    motion_index, text_index = torch.cat([own_B, motions_B, own_B]), torch.cat([own_B, own_B, texts_B])
    kept = torch.cat([torch.ones_like(text_drawn_B), motion_drawn_B, text_drawn_B])
    triple = Pairs(
        pairs.latents_BSC[motion_index],
        pairs.tokens_mask_BS[motion_index],
        pairs.ids_BL[text_index],
        pairs.words_mask_BL[text_index],
    )
    labels = (torch.arange(len(kept), device=kept.device) < len(own_B)).long()
    return F.cross_entropy(model.match(triple)[kept], labels[kept])


def text_generation_loss(model: LaMP, caption_BLH: Tensor, pairs: Pairs) -> Tensor:
    """Cross entropy of each next word piece; padding does not count."""
    targets = pairs.ids_BL[:, 1:].masked_fill(~pairs.words_mask_BL[:, 1:], -100)
    return F.cross_entropy(model.word_logits(caption_BLH[:, :-1]).flatten(0, 1), targets.flatten())


def motion_generation_loss(model: LaMP, text_BLH: Tensor, batch: Batch) -> Tensor:
    """Cross entropy over the codes of the true length (Eq. 1, as a mean over tokens)."""
    pairs = batch.pairs
    logits = model.motion_logits(text_BLH, pairs.words_mask_BL, batch.codes_BS, pairs.tokens_mask_BS)
    targets = batch.codes_BS.masked_fill(~pairs.tokens_mask_BS, -100)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
