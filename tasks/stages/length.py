"""Stage ``length``: how long a motion of a text is.

By hand: ``python -m tasks.stages.length``.
"""

from functools import partial

import torch

from lamp_core.config import Length
from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.length_estimator import LengthEstimator, length_conditions, save_length
from lamp_core.t2m.length_training import train_length
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captioned_tokens import CaptionedTokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the captions of the train split; measure the error in seconds on the validation split."""
    settings = stage.settings(Length)
    conditions = partial(length_conditions, settings)
    train, val = (CaptionedTokens.load(stage, split, conditions) for split in ("train", "val"))
    model = train_length(
        train.conditions,
        train.owners_N,
        [len(codes) for codes in train.codes],
        settings,
        device=stage.device,
        validation=(val.conditions, _lengths(val)) if val.codes else None,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_length(stage.output, model)
    rate = load_skeleton(stage.config.ingest.skeleton).frames_per_second
    return _validate(model.cpu(), train, val, DOWNSAMPLING / rate)


def _lengths(tokens: CaptionedTokens) -> torch.Tensor:
    """The true length in tokens of each caption's motion, (N,)."""
    return torch.tensor([len(codes) for codes in tokens.codes])[tokens.owners_N]


@torch.no_grad()
def _validate(
    model: LengthEstimator, train: CaptionedTokens, val: CaptionedTokens, seconds: float
) -> dict[str, float]:
    """Mean error of the expected length, beside that of always saying the train split's mean."""
    if not val.codes:
        return {}
    true_N = _lengths(val).float()
    share = model(Condition.of(val.conditions)).softmax(dim=-1)
    expected_N = share @ torch.arange(1.0, share.shape[1] + 1)
    mean = sum(len(codes) for codes in train.codes) / len(train.codes)
    return {
        "val_error_seconds": float((expected_N - true_N).abs().mean()) * seconds,
        "val_error_seconds_of_the_mean": float((true_N - mean).abs().mean()) * seconds,
    }


if __name__ == "__main__":
    main("length", run)
