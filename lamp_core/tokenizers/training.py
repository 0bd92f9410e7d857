"""Train a tokenizer on windows of the train split, and encode or reconstruct whole sets.

Shapes: B batch, T frames, D feature numbers a frame, S motion tokens, C code width.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.datasets.items import DOWNSAMPLING, length_batches, pad
from lamp_core.errors import LampError
from lamp_core.tokenizers.vqvae import VQVAE
from lamp_core.training import BatchSampler, OnLog, OnProgress, fit, seed_everything


def train_tokenizer(
    clips: Sequence[np.ndarray],
    settings: TokenizerSettings,
    *,
    device: torch.device,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> VQVAE:
    """Train on random windows of normalised clips (T, D); clips shorter than a window are left out.

    Raises:
        LampError: no clip is as long as a window.
    """
    windows = [torch.as_tensor(clip) for clip in clips if len(clip) >= settings.window_frames]
    if not windows:
        longest = max(map(len, clips), default=0)
        raise LampError(
            f"no clip has the {settings.window_frames} frames of tokenizer.window_frames; "
            f"the longest has {longest}"
        )
    seed_everything(settings.training.seed)
    tokenizer = VQVAE(windows[0].shape[1], settings).to(device)
    sampler = BatchSampler(len(windows), settings.training.batch_size, settings.training.seed)

    def losses(step: int) -> dict[str, Tensor]:
        return tokenizer.losses(window_batch(windows, sampler.indices(step), settings).to(device))

    fit(
        tokenizer,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
    )
    return tokenizer


def window_batch(clips: list[Tensor], indices: np.ndarray, settings: TokenizerSettings) -> Tensor:
    """Cut one window at a random start from each chosen clip, (B, window, D)."""
    length = settings.window_frames
    starts = [int(torch.randint(len(clips[i]) - length + 1, ())) for i in indices]
    return torch.stack([clips[i][start : start + length] for i, start in zip(indices, starts, strict=True)])


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
    tokenizer: VQVAE, clips: Sequence[np.ndarray], batch_frames: int = 20_000
) -> list[np.ndarray]:
    """Return the codes of normalised clips, int64 (S,) each."""
    device = next(tokenizer.parameters()).device
    return [codes.numpy() for codes in map_clips(tokenizer.encode, clips, device, batch_frames)]


def latents_of_clips(
    tokenizer: VQVAE, clips: Sequence[np.ndarray], batch_frames: int = 20_000
) -> list[Tensor]:
    """Return the encoder's latents of normalised clips, (S, C) each."""
    return map_clips(tokenizer.latents, clips, next(tokenizer.parameters()).device, batch_frames)


def reconstruct_clips(
    tokenizer: VQVAE, clips: Sequence[np.ndarray], batch_frames: int = 20_000
) -> list[np.ndarray]:
    """Return normalised clips after encoding and decoding, each cut to a multiple of four frames."""

    def reconstruct(features_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        codes_BS = tokenizer.encode(features_BTD, lengths_B)
        return tokenizer.decode(codes_BS, lengths_B // DOWNSAMPLING)

    device = next(tokenizer.parameters()).device
    return [made.numpy() for made in map_clips(reconstruct, clips, device, batch_frames)]


def code_usage(codes: Sequence[np.ndarray], count: int) -> tuple[float, float]:
    """Return the share of codes in use, and the perplexity of their distribution."""
    shares = np.bincount(np.concatenate(codes), minlength=count) / max(1, sum(map(len, codes)))
    used = shares[shares > 0]
    return len(used) / count, float(np.exp(-(used * np.log(used)).sum()))
