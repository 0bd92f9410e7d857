"""CMMM (phase 2): masked modelling of joint-by-time patches, and two masked views of a clip that find each
other.

Shapes: B batch, T frames, N times, J joints, W numbers a patch, H width, E width of the views.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.lexical import LexicalMotion
from lamp_core.errors import LampError
from lamp_core.lexical.batches import LexicalItem, Motions, in_parts
from lamp_core.lexical.layers import start_at_random, unit
from lamp_core.lexical.motion_encoder import MotionEncoder, MotionShape, mean_state
from lamp_core.metrics.recall import places, recall
from lamp_core.pairs.contrastive import contrastive_loss
from lamp_core.pairs.negatives import motion_numbers
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import gather_rows, share, shared_mean
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

MEASURED_TOGETHER = 64
VALIDATED = "val_loss"


class LexicalMotionModel(nn.Module):
    """The motion encoder with the heads that it is trained with.

    Args:
        shape: of the encoder.
        view_dim: E.
    """

    def __init__(self, shape: MotionShape, view_dim: int) -> None:
        super().__init__()
        self.encoder = MotionEncoder(shape)
        joints, width = self.encoder.patches.joints, shape.hidden_dim
        self.patch_JHW = nn.Parameter(torch.empty(joints, width, self.encoder.patches.width))
        self.view = nn.Linear(width, view_dim)
        nn.init.normal_(self.patch_JHW, std=0.02)
        start_at_random(self.view)

    def forward(
        self, features_BTD: Tensor, mask_BT: Tensor, hidden_BNJ: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstructed patches (B, N, J, W), the view's unit vector (B, E), and the mask of the times (B,
        N)."""
        states_BNJH, mask_BN = self.encoder(features_BTD, mask_BT, hidden_BNJ)
        made = torch.einsum("bnjh,jhw->bnjw", states_BNJH, self.patch_JHW)
        return made, unit(self.view(mean_state(states_BNJH.mean(dim=2), mask_BN))), mask_BN


def new_motion_model(settings: LexicalMotion, skeleton: Skeleton, device: torch.device) -> LexicalMotionModel:
    """The model before the first step; the same settings give the same one."""
    seed_everything(settings.training.seed)
    return LexicalMotionModel(MotionShape.of(settings, skeleton), settings.view_dim).to(device)


def train_motion(
    model: LexicalMotionModel,
    items: Sequence[LexicalItem],
    settings: LexicalMotion,
    *,
    validation: Sequence[LexicalItem] = (),
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Train with reconstruction and the contrast of views.

    Args:
        model: as `new_motion_model` made it.
        items: of the train split, at least one.
        settings: section ``lexical_motion``.
        validation: items that training does not see; their loss decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is no item, or both losses are off.
    """
    if not items:
        raise LampError("no clip of the train split has four frames; see data/ingest/rejected.parquet")
    if not settings.reconstruction_weight and not settings.contrastive_weight:
        raise LampError("both losses of lexical_motion are off; give one a weight above 0, or skip the phase")
    device = model.patch_JHW.device
    motions = Motions([item.features_TD for item in items], device)
    numbers_N = motion_numbers([item.clip for item in items])
    sampler = BatchSampler.of(len(items), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        items_B = sampler.whole(number)
        features_BTD, mask_BT = motions.pick(items_B)
        hidden = [share(drawn).to(device) for drawn in _draws(model, mask_BT, settings.mask)]
        draw_apart()
        numbers_B = numbers_N[torch.as_tensor(items_B)]
        equal_BB = (numbers_B[:, None] == numbers_B).to(device)
        return motion_losses(model, share(features_BTD), share(mask_BT), hidden, equal_BB, settings)

    held = Motions([item.features_TD for item in validation], device) if validation else None
    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(lambda: measured_motion(model, held, settings), VALIDATED, "lower")
        if held
        else None,
    )


def _draws(
    model: LexicalMotionModel, mask_BT: Tensor, ratio: float, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Which patches (B, N, J) two views do not see."""
    times = -(-mask_BT.shape[1] // model.encoder.patches.frames)
    shape = (len(mask_BT), times, model.encoder.patches.joints)
    return [torch.rand(shape, generator=generator) < ratio for _ in range(2)]


def motion_losses(
    model: LexicalMotionModel,
    features_BTD: Tensor,
    mask_BT: Tensor,
    hidden: Sequence[Tensor],
    equal_BB: Tensor,
    settings: LexicalMotion,
) -> dict[str, Tensor]:
    """The losses of two views, and their weighted sum as ``loss``.

    Args:
        model: what is trained.
        features_BTD: this process's motions.
        mask_BT: false behind the true length.
        hidden: which patches (B, N, J) each of the two views does not see.
        equal_BB: of the motions of all processes, which are no negatives of each other.
        settings: weights and temperature.
    """
    twice = (features_BTD.repeat(2, 1, 1), mask_BT.repeat(2, 1))
    hidden_BNJ = torch.cat(list(hidden))
    made, views_BE, _ = model(*twice, hidden_BNJ)
    error, count = patch_error(model.encoder, *twice, hidden_BNJ, made)
    first_BE, second_BE = (gather_rows(view_BE) for view_BE in views_BE.chunk(2))
    logits_BB = first_BE @ second_BE.T / settings.view_temperature
    losses = {
        "reconstruction": shared_mean(error, count),
        "contrastive": contrastive_loss(logits_BB, equal_BB),
    }
    weights = (settings.reconstruction_weight, settings.contrastive_weight)
    weighted = [weight * loss for weight, loss in zip(weights, losses.values(), strict=True)]
    return {"loss": torch.stack(weighted).sum(), **losses}


def patch_error(
    encoder: MotionEncoder, features_BTD: Tensor, mask_BT: Tensor, hidden_BNJ: Tensor, made: Tensor
) -> tuple[Tensor, Tensor]:
    """The sum of the smooth L1 over the numbers of hidden patches, and how many these are."""
    true, _ = encoder.patches(features_BTD, mask_BT)
    counted = encoder.patches.known(mask_BT) & hidden_BNJ[..., None]
    error = F.smooth_l1_loss(made.float(), true.float(), reduction="none") * counted
    return error.sum(), counted.sum()


@torch.no_grad()
def measured_motion(model: LexicalMotionModel, motions: Motions, settings: LexicalMotion) -> dict[str, float]:
    """What the model makes of motions, with the same masks every time.

    Returns:
        ``val_reconstruction``, the smooth L1 of a number of a hidden patch; ``val_view_r1`` and
        ``val_view_r10``, how often (per cent) a clip is found among all by its other view; and
        ``val_loss``.
    """
    model.eval()
    generator = torch.Generator().manual_seed(settings.training.seed)
    device = model.patch_JHW.device
    error = count = 0.0
    views: list[list[Tensor]] = [[], []]
    for items_B in in_parts(len(motions), MEASURED_TOGETHER):
        features_BTD, mask_BT = motions.pick(items_B)
        for view, drawn in zip(views, _draws(model, mask_BT, settings.mask, generator), strict=True):
            hidden_BNJ = drawn.to(device)
            made, unit_BE, _ = model(features_BTD, mask_BT, hidden_BNJ)
            wrong, numbers = patch_error(model.encoder, features_BTD, mask_BT, hidden_BNJ, made)
            error, count = error + float(wrong), count + float(numbers)
            view.append(unit_BE)
    similarity_NN = torch.cat(views[0]) @ torch.cat(views[1]).T
    found = recall(places(similarity_NN.cpu().numpy()))
    diagonal = torch.eye(len(similarity_NN), dtype=torch.bool, device=similarity_NN.device)
    contrastive = float(contrastive_loss(similarity_NN / settings.view_temperature, diagonal))
    reconstruction = error / max(1.0, count)
    return {
        VALIDATED: settings.reconstruction_weight * reconstruction
        + settings.contrastive_weight * contrastive,
        "val_reconstruction": reconstruction,
        "val_view_r1": found.at[1],
        "val_view_r10": found.at[10],
    }


@torch.no_grad()
def motion_states(encoder: MotionEncoder, motions: Motions) -> np.ndarray:
    """The mean state (N, H) of each motion, frozen: what a linear probe reads."""
    encoder.eval()
    parts = []
    for items_B in in_parts(len(motions), MEASURED_TOGETHER):
        states_BNJH, mask_BN = encoder(*motions.pick(items_B))
        parts.append(mean_state(states_BNJH.mean(dim=2), mask_BN).cpu())
    states_NH: np.ndarray = torch.cat(parts).numpy()
    return states_NH
