"""Train the residual transformer on the tokens of all layers and precomputed conditions.

Shapes: B batch, S motion tokens, R layers of the tokenizer, N items, K codes.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.residual import Residual
from lamp_core.datasets.items import mask_of
from lamp_core.errors import LampError
from lamp_core.t2m.conditions import Condition, QueryReader
from lamp_core.t2m.residual import ResidualShape, ResidualTransformer
from lamp_core.t2m.token_table import MotionText, TokenTable
from lamp_core.tokenizers.vqvae import CodebookTokenizer
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import share, shared_mean
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation
from lamp_core.training.watching import UNWATCHED, Watching


def train_residual(
    items: Sequence[MotionText],
    settings: Residual,
    tokenizer: CodebookTokenizer,
    max_tokens: int,
    *,
    reader: QueryReader | None = None,
    device: torch.device,
    validation: Sequence[MotionText] = (),
    watching: Watching = UNWATCHED,
) -> ResidualTransformer:
    """Train to say the codes of one further layer, drawn for each motion of a batch (MoMask, Eq. 4).

    Args:
        items: of the train split, with the codes (S, R) of all layers.
        settings: section ``residual``.
        tokenizer: of several codebooks, which made the codes.
        max_tokens: longest motion in tokens.
        reader: of the words, where the condition is what LaMP's queries read.
        device: where to train.
        validation: items that training does not see; their loss decides which weights are kept.
        watching: checkpoints and reports.

    Raises:
        LampError: there is nothing to train on.
    """
    if not items:
        raise LampError("the residual transformer has no item to train on; see data/ingest/rejected.parquet")
    seed_everything(settings.training.seed)
    model = new_residual(settings, tokenizer, items[0].conditions[0].shape[1], max_tokens, reader).to(device)
    table = TokenTable(items, device)
    sampler = BatchSampler.of(len(items), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        codes_BSR, lengths_B, condition = table.batch(sampler.whole(number))
        layers_B = torch.randint(1, model.shape.layers, lengths_B.shape, device=lengths_B.device)
        return _layer_losses(model, layers_B, codes_BSR, lengths_B, condition)

    measure = partial(validation_losses, model, validation, device)
    fit(
        model,
        losses,
        settings.training,
        checkpoints=watching.checkpoints,
        on_log=watching.on_log,
        on_progress=watching.on_progress,
        validate=Validation(measure, "val_loss", "lower") if validation else None,
    )
    return model


def new_residual(
    settings: Residual,
    tokenizer: CodebookTokenizer,
    condition_dim: int,
    max_tokens: int,
    reader: QueryReader | None = None,
) -> ResidualTransformer:
    """Build a residual transformer with random weights around the codebooks of a tokenizer."""
    codebooks = [codebook.codes_KC.detach().cpu() for codebook in tokenizer.layers]
    codes, width = codebooks[0].shape
    shape = ResidualShape(len(codebooks), codes, width, condition_dim, max_tokens)
    model = ResidualTransformer(shape, settings, reader)
    model.codebooks_RKC.copy_(torch.stack(codebooks))
    return model


@torch.no_grad()
def validation_losses(
    model: ResidualTransformer, items: Sequence[MotionText], device: torch.device
) -> dict[str, float]:
    """Return ``val_loss`` and ``val_accuracy``, means over the further layers, and those of each layer."""
    seed_everything(0)
    codes_BSR, lengths_B, condition = TokenTable(items, device).batch(np.arange(len(items)))
    each = [
        _layer_losses(model, torch.full_like(lengths_B, layer), codes_BSR, lengths_B, condition)
        for layer in range(1, model.shape.layers)
    ]
    names = {"loss": "val_loss", "accuracy": "val_accuracy"}
    means = {shown: float(torch.stack([of[name] for of in each]).mean()) for name, shown in names.items()}
    return means | {f"val_loss_{layer}": float(of["loss"]) for layer, of in enumerate(each, start=1)}


def _layer_losses(
    model: ResidualTransformer,
    layers_B: Tensor,
    codes_BSR: Tensor,
    lengths_B: Tensor,
    condition: Condition,
) -> dict[str, Tensor]:
    """Cross entropy of the codes of each row's layer at the positions inside the true lengths."""
    drops = model.settings.condition_dropout if model.training else 0.0
    conditioned_B = torch.rand(lengths_B.shape, device=codes_BSR.device) >= drops
    draw_apart()
    codes_BSR, lengths_B, layers_B = share(codes_BSR), share(lengths_B), share(layers_B)
    logits_NK = model(
        codes_BSR,
        layers_B,
        lengths_B,
        Condition(share(condition.states_BPW), share(condition.valid_BP)),
        share(conditioned_B),
    )
    of_the_layers_BS1 = layers_B[:, None, None].expand(-1, codes_BSR.shape[1], 1)
    targets_BS = codes_BSR.gather(-1, of_the_layers_BS1)[..., 0]
    targets_N = targets_BS[mask_of(lengths_B, codes_BSR.shape[1])]
    count = torch.tensor(len(targets_N), device=targets_N.device)
    return {
        "loss": shared_mean(F.cross_entropy(logits_NK, targets_N, reduction="sum"), count),
        "accuracy": shared_mean((logits_NK.argmax(dim=-1) == targets_N).sum(), count),
    }
