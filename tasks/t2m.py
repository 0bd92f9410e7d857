"""Stage ``t2m``: the masked motion transformer.

By hand: ``python -m tasks.t2m``.
"""

import torch

from lamp_core.generation import MotionText, train_t2m
from lamp_core.generation.generator import save_t2m
from lamp_core.generation.training import masked_losses
from lamp_core.generation.transformer import MaskedMotionTransformer
from lamp_core.training import seed_everything
from tasks.body import StageContext, main
from tasks.inputs import CaptionedTokens

VALIDATION_DRAWS = 5


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure the masked prediction on the validation split."""
    tokens = CaptionedTokens.load(stage, "train")
    model = train_t2m(
        _items(tokens),
        stage.config.t2m,
        tokens.codebook_size,
        tokens.max_tokens,
        device=stage.device,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    save_t2m(stage.output, model)
    return _validate(model, _items(CaptionedTokens.load(stage, "val")), stage)


def _items(tokens: CaptionedTokens) -> list[MotionText]:
    return [MotionText(codes_S, tokens.conditions_of(index)) for index, codes_S in enumerate(tokens.codes)]


@torch.no_grad()
def _validate(
    model: MaskedMotionTransformer, items: list[MotionText], stage: StageContext
) -> dict[str, float]:
    """Mean masked loss and accuracy over a few fixed draws of masks."""
    if not items:
        return {}
    draws = []
    for draw in range(VALIDATION_DRAWS):
        seed_everything(draw)
        draws.append(masked_losses(model, items, stage.device))
    return {f"val_{name}": float(torch.stack([losses[name] for losses in draws]).mean()) for name in draws[0]}


if __name__ == "__main__":
    main("t2m", run)
