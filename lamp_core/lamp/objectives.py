"""The four objectives of LaMP's pretraining (section 3.1.3).

Where several processes train, each has the whole batch and encodes its share. The embeddings of all are
compared; the other objectives are means over what all processes have.

Shapes: B batch, O this process's share of it (all of it in one process), G grounded pairs of the share, M
pairs to match, S motion tokens, L word pieces, Q queries, P projection width.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.models import Pretrain
from lamp_core.datasets.items import length_groups
from lamp_core.lamp.model import LaMP, Pairs
from lamp_core.pairs.contrastive import contrastive_loss
from lamp_core.pairs.negatives import hard_negatives
from lamp_core.training.distribution import gather_rows, share, share_slice, shared_mean, world_size

IGNORED = -100
"""A target that does not count."""


@dataclass(frozen=True)
class Batch:
    """Pairs with their codes, and which of them are no negatives of each other.

    Args:
        pairs: motions and captions.
        codes_BS: codes of the motions.
        equal_BB: same motion, its mirror, or the same caption.
        generator: draws the hard negatives, the same in every process; the global one without it.
    """

    pairs: Pairs
    codes_BS: Tensor
    equal_BB: Tensor
    generator: torch.Generator | None = None

    def part(self, rows: slice) -> "Batch":
        """Return some of the pairs."""
        return Batch(self.pairs.part(rows), self.codes_BS[rows], self.equal_BB[rows, rows], self.generator)


def objective_weights(settings: Pretrain) -> dict[str, float]:
    """Return the weight of each objective by its name; 0 is off."""
    return {
        "contrastive": settings.contrastive_weight,
        "matching": settings.matching_weight,
        "text_generation": settings.text_generation_weight,
        "motion_generation": settings.motion_generation_weight,
    }


def pretraining_losses(model: LaMP, batch: Batch, settings: Pretrain, done: float = 1.0) -> dict[str, Tensor]:
    """Return the losses of the objectives that are on, and their weighted sum as ``loss``.

    Contrastive learning takes the whole batch, the others its first ``grounded_share``; matching draws its
    hard negatives from the whole batch all the same.

    Args:
        model: LaMP.
        batch: B pairs.
        settings: section ``pretrain``.
        done: share of the training that is behind, which decides how the queries are pooled.
    """
    own = batch.part(share_slice())
    grounded = max(1, round(settings.grounded_share * len(own.codes_BS)))
    first = own.part(slice(grounded))
    captioned = grounded if settings.text_generation_weight else 0
    queries_OQH, text_OLH, caption_GLH = model.encode_pairs(own.pairs, captioned, settings.length_groups)
    similar_BBQ = query_similarities(model, queries_OQH, text_OLH, own.pairs.sentences_BW)
    logits_BB = model.scale * pooled_queries(similar_BBQ, query_softness(settings, done))
    losses: dict[str, Tensor] = {}
    if settings.contrastive_weight:
        losses["contrastive"] = contrastive_loss(logits_BB, batch.equal_BB, settings.label_smoothing)
    if settings.matching_weight:
        losses["matching"] = matching_loss(model, batch, logits_BB, grounded, settings.length_groups)
    if settings.text_generation_weight:
        losses["text_generation"] = text_generation_loss(model, caption_GLH, first.pairs)
    if settings.motion_generation_weight:
        losses["motion_generation"] = motion_generation_loss(
            model, text_OLH[:grounded], first, settings.length_groups
        )
    weights = objective_weights(settings)
    weighted = [weights[name] * value for name, value in losses.items()]
    return {"loss": torch.stack(weighted).sum(), **losses}


def query_similarities(
    model: LaMP, queries_OQH: Tensor, text_OLH: Tensor, sentences_OW: Tensor | None = None
) -> Tensor:
    """Return the cosines (B motions, B texts, Q queries) of all processes' pairs."""
    motion_BQP = gather_rows(model.motion_embedding(queries_OQH))
    text_BP = gather_rows(model.text_embedding_of(text_OLH, sentences_OW))
    return torch.einsum("bqp,cp->bcq", motion_BQP, text_BP)


def query_softness(settings: Pretrain, done: float) -> float:
    """Softness of the pooling when a share of the training is behind; 0 is the maximum."""
    return settings.query_softness * (1.0 - done) if settings.query_pooling == "softened" else 0.0


def pooled_queries(similar_BBQ: Tensor, softness: float) -> Tensor:
    """Return one similarity (B, B) over the queries: the best one's, or soft and between mean and maximum.

    The log-sum-exp of the cosines over ``softness``, less that of equal ones, times ``softness``: a cosine
    again, near the mean where it is soft, and the maximum at 0. Every query has a share of its gradient.
    """
    if softness == 0:
        return similar_BBQ.amax(dim=-1)
    queries = similar_BBQ.shape[-1]
    return softness * ((similar_BBQ / softness).logsumexp(dim=-1) - math.log(queries))


def matching_loss(
    model: LaMP, batch: Batch, logits_BB: Tensor, grounded: int | None = None, groups: int = 1
) -> Tensor:
    """Cross entropy over G matched pairs, G with a hard negative motion and G with a hard negative text.

    Args:
        model: its matching head.
        batch: B pairs.
        logits_BB: contrastive logits, (motions, texts).
        grounded: G, the first pairs of the share; all without it.
        groups: passes, each of captions of similar length.
    """
    first = slice(len(logits_BB) if grounded is None else grounded * world_size())
    rows = torch.arange(len(logits_BB), device=logits_BB.device)[first]
    texts, text_drawn = hard_negatives(logits_BB[first], batch.equal_BB[first], batch.generator)
    motions, motion_drawn = hard_negatives(logits_BB.T[first], batch.equal_BB.T[first], batch.generator)
    own_G, texts_G, motions_G = share(rows), share(texts), share(motions)
    motions_M, texts_M = torch.cat([own_G, motions_G, own_G]), torch.cat([own_G, own_G, texts_G])
    kept_M = torch.cat([torch.ones_like(own_G, dtype=torch.bool), share(motion_drawn), share(text_drawn)])
    labels_M = (torch.arange(len(kept_M), device=kept_M.device) < len(own_G)).long()
    return _mean_cross_entropy(
        model.match_groups(batch.pairs, motions_M, texts_M, groups), labels_M.masked_fill(~kept_M, IGNORED)
    )


def text_generation_loss(model: LaMP, caption_BLH: Tensor, pairs: Pairs) -> Tensor:
    """Cross entropy of each next word piece; padding does not count."""
    targets = pairs.ids_BL[:, 1:].masked_fill(~pairs.words_mask_BL[:, 1:], IGNORED)
    return _mean_cross_entropy(model.word_logits(caption_BLH[:, :-1]).flatten(0, 1), targets.flatten())


def motion_generation_loss(model: LaMP, text_BLH: Tensor, batch: Batch, groups: int = 1) -> Tensor:
    """Cross entropy over the codes of the true length (Eq. 1, as a mean over tokens).

    Args:
        model: whose queries read the texts.
        text_BLH: states of the captions.
        batch: B pairs.
        groups: passes, each of motions of similar length.
    """
    pairs, codes_BS = batch.pairs, batch.codes_BS
    if groups == 1:
        return _mean_cross_entropy(*_generated(model, text_BLH, pairs, codes_BS))
    parts = []
    for rows in length_groups(pairs.tokens_mask_BS.sum(dim=1), groups):
        group = pairs.unpadded(rows)
        words, tokens = group.ids_BL.shape[1], group.tokens_mask_BS.shape[1]
        parts.append(_generated(model, text_BLH[rows, :words], group, codes_BS[rows, :tokens]))
    logits, targets = zip(*parts, strict=True)
    return _mean_cross_entropy(torch.cat(logits), torch.cat(targets))


def _generated(model: LaMP, text_BLH: Tensor, pairs: Pairs, codes_BS: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the codes of all motions, one after another, and the codes, where they count."""
    logits_BSK = model.motion_logits(text_BLH, pairs.words_mask_BL, codes_BS, pairs.tokens_mask_BS)
    targets_BS = codes_BS.masked_fill(~pairs.tokens_mask_BS, IGNORED)
    return logits_BSK.flatten(0, 1), targets_BS.flatten()


def _mean_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the targets that count, of all processes."""
    total = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
    return shared_mean(total, (targets != IGNORED).sum())
