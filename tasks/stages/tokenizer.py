"""Stages ``tokenizer`` and ``tokenizer_grid``: train a tokenizer of any kind on windows of the train split.

By hand: ``python -m tasks.stages.tokenizer``, with ``--stage tokenizer_grid`` for the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lamp_core.config import ConvolutionalSizes, GridTokenizer, Tokenizer
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.metrics.reconstruction import mpjpe, part_mpjpe, part_roots
from lamp_core.tokenizers.clips import channel_usage, encode_clips, sampled_usage
from lamp_core.tokenizers.folder import save_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer, bits_a_token, has_further_layers
from lamp_core.tokenizers.training import ValidationClips, train_tokenizer
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.clips import normalised_clips

VALIDATED = "val_mpjpe_mm"
CodesOfSplits = Mapping[str, Sequence[np.ndarray]]
"""Codes (S, R) of the clips of each split."""


def run(stage: StageContext) -> dict[str, float]:
    """Train, save, and measure reconstruction and use of the codebooks on the validation split."""
    features = FeatureSet.load(stage.input("features"))
    clips = normalised_clips(features, "val") or normalised_clips(features, "train")[:100]
    validation = ValidationClips(clips, partial(_mpjpe_mm, features), VALIDATED)
    settings, train = _settings(stage), normalised_clips(features, "train")
    too_short = _count_too_short(train, settings.window_frames)
    tokenizer = train_tokenizer(
        train,
        settings,
        device=stage.device,
        statistics=features.statistics,
        validation=validation,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_tokenizer(stage.output, tokenizer)
    codes = {
        split: encode_clips(tokenizer, of_split) for split, of_split in (("val", clips), ("train", train))
    }
    return {
        "train_clips_too_short": too_short,
        **_validate(tokenizer, validation, codes),
        **(_rate(tokenizer, codes) if isinstance(settings, GridTokenizer) else {}),
        **_validate_parts(tokenizer, validation, features),
    }


def _count_too_short(clips: Sequence[np.ndarray], window_frames: int) -> int:
    """Count the clips that have no whole window, and say so: the tokenizer learns nothing of them."""
    count = sum(len(clip_TD) < window_frames for clip_TD in clips)
    if count:
        print(
            f"{count} of {len(clips)} training clips have fewer than the {window_frames} frames of a window "
            "(window_frames): the tokenizer does not train on them"
        )
    return count


def _settings(stage: StageContext) -> Tokenizer | GridTokenizer:
    settings = stage.settings(ConvolutionalSizes)
    assert isinstance(settings, Tokenizer | GridTokenizer)
    return settings


def _validate(
    tokenizer: MotionTokenizer, validation: ValidationClips, codes: CodesOfSplits
) -> dict[str, float]:
    """Measure reconstruction, and the use of the codes in training too: few tokens cannot use many codes."""
    measured = {VALIDATED: validation.measure(tokenizer)}
    if has_further_layers(tokenizer):
        measured[f"{VALIDATED}_first_layer"] = validation.measure(tokenizer, channels=1)
    for split, of_split in codes.items():
        usage = channel_usage(of_split, tokenizer.channels)
        measured |= {f"{split}_{name}": value for name, value in usage.items()}
    return measured


def _rate(tokenizer: MotionTokenizer, codes: CodesOfSplits) -> dict[str, float]:
    """What kinds of tokenizers are compared by: their rate, and the use of their codes beside its bound."""
    found = {"bits_a_token": bits_a_token(tokenizer.channels)}
    for split, of_split in codes.items():
        usage = sampled_usage(of_split, tokenizer.channels)
        found |= {f"{split}_{name}": value for name, value in usage.items()}
    return found


def _validate_parts(
    tokenizer: MotionTokenizer, validation: ValidationClips, features: FeatureSet
) -> dict[str, float]:
    """Measure body, hands and fingers apart where there are hands."""
    errors = {
        part: partial(_mpjpe_mm, features, root_of=of) for part, of in part_roots(features.skeleton).items()
    }
    return {
        f"val_{part}_mpjpe_mm": replace(validation, error=error).measure(tokenizer)
        for part, error in errors.items()
    }


def _mpjpe_mm(
    features: FeatureSet,
    true: Sequence[np.ndarray],
    made: Sequence[np.ndarray],
    root_of: Mapping[int, int] | None = None,
) -> float:
    raw = [
        [np.asarray(features.statistics.denormalise(clip_TD), dtype=np.float32) for clip_TD in clips]
        for clips in (true, made)
    ]
    if root_of is None:
        return float(mpjpe(raw[0], raw[1], features.skeleton))
    return float(part_mpjpe(raw[0], raw[1], features.skeleton, root_of))


if __name__ == "__main__":
    main("tokenizer", run)
