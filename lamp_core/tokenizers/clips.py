"""A tokenizer over whole sets of clips: encode, reconstruct, and use of the codebooks.

Shapes: B batch, T frames, D feature numbers a frame, S motion tokens, C latent width, R channels.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import length_batches, pad
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer, by_channel
from lamp_core.training.log import OnProgress

BATCH_FRAMES = 20_000


@torch.no_grad()
def map_clips(
    function: Callable[[Tensor, Tensor], Tensor],
    tokenizer: MotionTokenizer,
    clips: Sequence[np.ndarray],
    batch_frames: int,
    on_progress: OnProgress | None = None,
) -> list[Tensor]:
    """Apply a function of (features_BTD, lengths_B) to clips of any length, batched by length.

    Each clip is cut to whole motion tokens of the tokenizer; the results, which may be at the rate of frames
    or of tokens, are cut to the clip's own length and come back in the order of ``clips``.
    """
    device = next(tokenizer.parameters()).device
    usable = [len(clip) // tokenizer.downsampling * tokenizer.downsampling for clip in clips]
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
    """Return the codes of normalised clips: int64 (S, R) each."""
    return [codes_SR.numpy() for codes_SR in map_clips(tokenizer.encode, tokenizer, clips, batch_frames)]


def latents_of_clips(
    tokenizer: MotionTokenizer, clips: Sequence[np.ndarray], batch_frames: int = BATCH_FRAMES
) -> list[Tensor]:
    """Return the encoder's latents of normalised clips, (S, C) each."""
    return map_clips(tokenizer.latents, tokenizer, clips, batch_frames)


def reconstruct_clips(
    tokenizer: MotionTokenizer,
    clips: Sequence[np.ndarray],
    batch_frames: int = BATCH_FRAMES,
    channels: int | None = None,
) -> list[np.ndarray]:
    """Return normalised clips after encoding and decoding, each cut to whole motion tokens.

    Args:
        tokenizer: trained.
        clips: normalised features (T, D).
        batch_frames: frames at once.
        channels: leading channels used; all of them without it.
    """

    def reconstruct(features_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        codes_BSR = tokenizer.encode(features_BTD, lengths_B)[..., :channels]
        return tokenizer.decode(codes_BSR, lengths_B // tokenizer.downsampling)

    return [made.numpy() for made in map_clips(reconstruct, tokenizer, clips, batch_frames)]


def code_usage(codes: Sequence[np.ndarray], count: int) -> tuple[float, float]:
    """Return the share of codes in use, and the perplexity of their distribution."""
    shares = np.bincount(np.concatenate(codes), minlength=count) / max(1, sum(map(len, codes)))
    used = shares[shares > 0]
    return len(used) / count, float(np.exp(-(used * np.log(used)).sum()))


def channel_usage(codes: Sequence[np.ndarray], channels: Sequence[Channel]) -> dict[str, float]:
    """Return ``code_utilisation`` and ``code_perplexity`` of every channel of codes (S, R).

    The first channel has the plain names, those behind it ``code_utilisation_1`` and so on. Those of all
    channels together end in ``_of_all`` where each has codes of its own, and in ``_pooled`` where they share
    one set (parts of a grid): a code then counts as used whichever part uses it.
    """
    sizes = [channel.codebook_size for channel in channels]
    usage = [code_usage([codes_SR[:, place] for codes_SR in codes], size) for place, size in enumerate(sizes)]
    utilisation, perplexity = zip(*usage, strict=True)
    is_shared = _share_codes(channels)
    firsts_R = np.zeros(len(sizes), int) if is_shared else np.cumsum([0, *sizes[:-1]])
    count = sizes[0] if is_shared else sum(sizes)
    together = code_usage([(codes_SR + firsts_R).ravel() for codes_SR in codes], count)
    name = "pooled" if is_shared else "of_all"
    return {
        **by_channel("code_utilisation", utilisation),
        **by_channel("code_perplexity", perplexity),
        f"code_utilisation_{name}": together[0],
        f"code_perplexity_{name}": together[1],
    }


def sampled_usage(codes: Sequence[np.ndarray], channels: Sequence[Channel]) -> dict[str, float]:
    """Return means over the channels of codes (S, R), which all kinds have, and what samples can show.

    They are ``code_utilisation_mean`` and ``code_perplexity_mean``. N draws of K codes show
    1 - (1 - 1/K)^N of them where all are equally likely, which is what ``code_utilisation_mean_if_uniform``
    says, and ``code_utilisation_pooled_if_uniform`` of channels that share their codes: few tokens cannot use
    many codes, however they were trained.
    """
    draws, sizes = sum(map(len, codes)), [channel.codebook_size for channel in channels]
    usage = [code_usage([codes_SR[:, place] for codes_SR in codes], size) for place, size in enumerate(sizes)]
    used, perplexities = zip(*usage, strict=True)
    found = {
        "code_utilisation_mean": float(np.mean(used)),
        "code_perplexity_mean": float(np.mean(perplexities)),
        "code_utilisation_mean_if_uniform": float(np.mean([_seen(size, draws) for size in sizes])),
    }
    if _share_codes(channels):
        found["code_utilisation_pooled_if_uniform"] = _seen(sizes[0], draws * len(sizes))
    return found


def _seen(count: int, draws: int) -> float:
    """Expected share of ``count`` equally likely things that some draws show."""
    return float(1 - (1 - 1 / count) ** draws)


def _share_codes(channels: Sequence[Channel]) -> bool:
    """Whether a code means the same in every channel."""
    return all(channel.kind == "grid part" for channel in channels)
