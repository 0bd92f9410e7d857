"""Stage ``tokenizer``: train the VQ-VAE on windows of the train split.

By hand: ``python -m tasks.tokenizer``.
"""

from functools import partial

import numpy as np

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.metrics.reconstruction import mpjpe
from lamp_core.tokenizers import (
    VQVAE,
    code_usage,
    encode_clips,
    reconstruct_clips,
    save_tokenizer,
    train_tokenizer,
)
from tasks.body import StageContext, main
from tasks.inputs import normalised_clips


def run(stage: StageContext) -> dict[str, float]:
    """Train, save, and measure reconstruction and use of the codebook on the validation split."""
    features = FeatureSet.load(stage.input("features"))
    tokenizer = train_tokenizer(
        normalised_clips(features, "train"),
        stage.config.tokenizer,
        device=stage.device,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    save_tokenizer(stage.output, tokenizer)
    return _validate(tokenizer, features)


def _validate(tokenizer: VQVAE, features: FeatureSet) -> dict[str, float]:
    clips = normalised_clips(features, "val") or normalised_clips(features, "train")[:100]
    utilisation, perplexity = code_usage(encode_clips(tokenizer, clips), tokenizer.settings.codes)
    made = reconstruct_clips(tokenizer, clips)
    raw = partial(_raw, features)
    true = [raw(clip[: len(copy)]) for clip, copy in zip(clips, made, strict=True)]
    return {
        "val_mpjpe_mm": mpjpe(true, [raw(copy) for copy in made], features.skeleton),
        "val_code_utilisation": utilisation,
        "val_code_perplexity": perplexity,
    }


def _raw(features: FeatureSet, clip: np.ndarray) -> np.ndarray:
    return np.asarray(features.statistics.denormalise(clip), dtype=np.float32)


if __name__ == "__main__":
    main("tokenizer", run)
