"""A tokenizer over whole sets of clips: encode, reconstruct, and use of the codebooks.

Shapes: B batch, T frames, D feature numbers a frame, S motion tokens, C code width, R quantiser layers.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import DOWNSAMPLING, length_batches, pad
from lamp_core.tokenizers.vqvae import MotionTokenizer, by_layer
from lamp_core.training.log import OnProgress

BATCH_FRAMES = 20_000


@torch.no_grad()
def map_clips(
    function: Callable[[Tensor, Tensor], Tensor],
    clips: Sequence[np.ndarray],
    device: torch.device,
    batch_frames: int,
    on_progress: OnProgress | None = None,
) -> list[Tensor]:
    """Apply a function of (features_BTD, lengths_B) to clips of any length, batched by length.

    Each clip is cut to a multiple of four frames; the results, which may be at the rate of frames or of
    tokens, are cut to the clip's own length and come back in the order of ``clips``.
    """
    usable = [len(clip) // DOWNSAMPLING * DOWNSAMPLING for clip in clips]
    results: dict[int, Tensor] = {}
    for batch in length_batches(usable, batch_frames):
        features_BTD, lengths_B = pad([clips[i][: usable[i]] for i in batch])
        output = function(features_BTD.to(device), lengths_B.to(device)).cpu()
        rate = features_BTD.shape[1] // output.shape[1]
        for row, index in enumerate(batch):
            results[index] = output[row, : usable[index] // rate].clone()
        if on_progress:
            on_progress(len(results), len(clips), "clips")
    return [results[index] for index in range(len(clips))]


def encode_clips(
    tokenizer: MotionTokenizer, clips: Sequence[np.ndarray], batch_frames: int = BATCH_FRAMES
) -> list[np.ndarray]:
    """Return the motion tokens of normalised clips, the codes of the first layer: int64 (S,) each."""
    return [codes.numpy() for codes in map_clips(tokenizer.encode, clips, _device(tokenizer), batch_frames)]


def encode_clip_layers(
    tokenizer: MotionTokenizer, clips: Sequence[np.ndarray], batch_frames: int = BATCH_FRAMES
) -> list[np.ndarray]:
    """Return the codes of all layers of normalised clips: int64 (S, R) each."""
    made = map_clips(tokenizer.encode_layers, clips, _device(tokenizer), batch_frames)
    return [codes.numpy() for codes in made]


def latents_of_clips(
    tokenizer: MotionTokenizer, clips: Sequence[np.ndarray], batch_frames: int = BATCH_FRAMES
) -> list[Tensor]:
    """Return the encoder's latents of normalised clips, (S, C) each."""
    return map_clips(tokenizer.latents, clips, _device(tokenizer), batch_frames)


def reconstruct_clips(
    tokenizer: MotionTokenizer,
    clips: Sequence[np.ndarray],
    batch_frames: int = BATCH_FRAMES,
    layers: int | None = None,
) -> list[np.ndarray]:
    """Return normalised clips after encoding and decoding, each cut to a multiple of four frames.

    Args:
        tokenizer: trained.
        clips: normalised features (T, D).
        batch_frames: frames at once.
        layers: leading quantiser layers used; all of them without it.
    """

    def reconstruct(features_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        codes_BSR = tokenizer.encode_layers(features_BTD, lengths_B, layers)
        return tokenizer.decode(codes_BSR, lengths_B // DOWNSAMPLING)

    return [made.numpy() for made in map_clips(reconstruct, clips, _device(tokenizer), batch_frames)]


def code_usage(codes: Sequence[np.ndarray], count: int) -> tuple[float, float]:
    """Return the share of codes in use, and the perplexity of their distribution."""
    shares = np.bincount(np.concatenate(codes), minlength=count) / max(1, sum(map(len, codes)))
    used = shares[shares > 0]
    return len(used) / count, float(np.exp(-(used * np.log(used)).sum()))


def layer_usage(codes: Sequence[np.ndarray], count: int) -> dict[str, float]:
    """Return ``code_utilisation`` and ``code_perplexity`` of every layer of codes (S, R).

    The first layer has the plain names, those behind it ``code_utilisation_1`` and so on.
    """
    usage = [
        code_usage([layers_SR[:, layer] for layers_SR in codes], count) for layer in range(codes[0].shape[1])
    ]
    utilisation, perplexity = zip(*usage, strict=True)
    return by_layer("code_utilisation", utilisation) | by_layer("code_perplexity", perplexity)


def _device(tokenizer: MotionTokenizer) -> torch.device:
    return next(tokenizer.parameters()).device
