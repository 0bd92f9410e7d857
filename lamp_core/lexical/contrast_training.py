"""LexCMLP (phase 4): motion and text find each other by their words; and the same with dense vectors.

Weights of words are log(1 + relu(max-pooled logits)). Two vectors compare by their cosine, over a fixed
temperature, in a symmetric contrastive loss; pairs of the same motion, its mirror, or the same caption are
no negatives of each other. The FLOPS regulariser on both sides keeps the vectors sparse; its weight rises
as the square of the step (SPLADE), so that the words are found before they are pruned.

Shapes: B batch, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from lamp_core.config.lexical import LexicalContrast
from lamp_core.errors import LampError
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import NO_CAPTION, CaptionTable, LexicalItem, Motions
from lamp_core.lexical.layers import unit
from lamp_core.lexical.model import LexicalModel, flops
from lamp_core.lexical.text_encoder import ZeroGradient
from lamp_core.pairs.contrastive import contrastive_loss
from lamp_core.pairs.table import PairTable
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import gather_rows, share
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

VALIDATED = "val_rsum"
"""What decides which weights are kept: the sum of R@1, R@5 and R@10 in both directions, as is usual."""


def flops_weight(step: int, settings: LexicalContrast) -> float:
    """The weight of the regulariser at a step (from 0)."""
    progress = min(1.0, (step + 1) / max(1, settings.flops_warmup_steps))
    return settings.flops_weight * progress**2


def contrast_losses(
    model: LexicalModel,
    motion_BV: Tensor,
    text_BV: Tensor,
    equal_BB: Tensor,
    settings: LexicalContrast,
    weight: float,
) -> dict[str, Tensor]:
    """The contrastive loss with the regulariser of both sides, as ``loss``, and its parts.

    Args:
        model: says whether the vectors are lexical.
        motion_BV: weights of all processes' motions, not normalised.
        text_BV: those of their texts.
        equal_BB: pairs that mean the same.
        settings: the temperature.
        weight: of the regulariser at this step.
    """
    logits_BB = unit(motion_BV) @ unit(text_BV).T / settings.temperature
    contrastive = contrastive_loss(logits_BB, equal_BB)
    if not model.is_lexical:
        return {"loss": contrastive, "contrastive": contrastive}
    regulariser = flops(regularised(motion_BV, settings)) + flops(regularised(text_BV, settings))
    return {
        "loss": contrastive + weight * regulariser,
        "contrastive": contrastive,
        "flops": regulariser,
        "motion_terms": terms(motion_BV),
        "text_terms": terms(text_BV),
    }


def regularised(weights_BV: Tensor, settings: LexicalContrast) -> Tensor:
    """The weights as the regulariser sees them: all, or those above zero, so that its gradient leaves words
    that weigh nothing where they are."""
    return weights_BV if settings.flops_below_zero else weights_BV * (weights_BV > 0)


def terms(weights_BV: Tensor) -> Tensor:
    """The mean number of terms of a vector whose weight is not zero."""
    return (weights_BV > 0).sum(dim=-1).float().mean()


def train_contrast(
    model: LexicalModel,
    tokenizer: TextTokenizer,
    items: Sequence[LexicalItem],
    settings: LexicalContrast,
    *,
    validation: Callable[[], Mapping[str, float]] | None = None,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Train both encoders.

    Args:
        model: what is trained, on its device.
        tokenizer: of the captions.
        items: of the train split.
        settings: of the phase.
        validation: measures retrieval on clips that training does not see, ``val_rsum`` among the numbers; it
            decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is no item.
    """
    if not items:
        raise LampError(NO_CAPTION)
    seed_everything(settings.training.seed)
    device = model.text.words_VH.device
    table = PairTable([item.clip for item in items], [item.captions for item in items])
    captions = CaptionTable(table.captions, tokenizer, device)
    motions = Motions([item.features_TD for item in items], device)
    sampler = BatchSampler.of(len(items), settings.training)
    micro_batches = settings.training.accumulate
    zero = ZeroGradient(settings.below_zero, settings.zero_reach)

    def losses(number: int) -> dict[str, Tensor]:
        items_B = sampler.whole(number)
        drawn_B = table.draw(items_B)
        draw_apart()
        seen, read = map(share, motions.pick(items_B)), map(share, captions.pick(drawn_B))
        motion_BV = gather_rows(model.motion_weights(*seen, zero=zero))
        text_BV = gather_rows(model.text_weights(*read, zero=zero))
        equal_BB = table.equal(items_B, drawn_B).to(device)
        weight = flops_weight(number // micro_batches, settings)
        return contrast_losses(model, motion_BV, text_BV, equal_BB, settings, weight)

    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(validation, VALIDATED, "higher") if validation else None,
    )
