"""LaMP-T2M completes motions of which some tokens are given, many at once.

Shapes: B batch, T frames, D feature numbers a frame, S motion tokens.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING, length_batches
from lamp_core.evaluation.protocols.joints import Complete, interpolated
from lamp_core.t2m.generator import BATCH_TOKENS, MotionGenerator
from lamp_core.t2m.sampler import sample_tokens
from lamp_core.t2m.seam import BORDER, lead_over
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.protocol import as_first_channel, first_channel


def completing(generator: MotionGenerator) -> Complete:
    """Return what completes motions by a text, as the protocol asks it.

    The tokens of the given frames are made from those alone: what is missing is interpolated before they are
    encoded, so that the tokenizer's convolutions see nothing of it. Given frames come back as they are; what
    was added is led over to them, since the tokenizer would reconstruct them otherwise.
    """

    @torch.no_grad()
    def complete(
        captions: Sequence[Caption],
        motions: Sequence[np.ndarray],
        given: Sequence[np.ndarray],
        seed: int,
    ) -> list[np.ndarray]:
        known = [interpolated(*each) for each in zip(motions, given, strict=True)]
        codes = _given_codes(generator, known, given)
        device = generator.features.device
        conditions_NW = generator.conditions([caption.text for caption in captions]).to(device)
        draws = torch.Generator().manual_seed(seed)
        completed: dict[int, np.ndarray] = {}
        for batch in length_batches([len(codes_S) for codes_S in codes], BATCH_TOKENS):
            lengths_B = torch.tensor([len(codes[index]) for index in batch], device=device)
            given_BS = torch.nn.utils.rnn.pad_sequence(
                [codes[index] for index in batch], True, generator.transformer.mask_token
            )
            codes_BS = sample_tokens(
                generator.transformer, conditions_NW[batch], lengths_B, generator.sampling, draws, given_BS
            )
            features_BTD = generator.tokenizer.decode(as_first_channel(codes_BS), lengths_B).cpu().numpy()
            for index, made_TD in zip(batch, features_BTD, strict=True):
                true_TD = motions[index]
                completed[index] = led_over(true_TD, made_TD[: len(true_TD)], given[index])
        return [completed[index] for index in range(len(motions))]

    return complete


def led_over(true_TD: np.ndarray, made_TD: np.ndarray, given_T: np.ndarray) -> np.ndarray:
    """Return the given frames as they are and the others as they were made, led over at each border.

    Given frames stand in whole tokens, so there are two at least up to every border.
    """
    result_TD = np.where(given_T[:, None], true_TD, made_TD).astype(np.float32)
    borders = np.flatnonzero(np.diff(given_T)) + 1
    for start, end in pairwise([0, *borders, len(given_T)]):
        if given_T[start]:
            continue
        before, after = slice(start - BORDER, start), slice(end, end + BORDER)
        result_TD[start:end] = lead_over(
            made_TD[start:end],
            (true_TD[before], made_TD[before]) if start > 0 else None,
            (true_TD[after], made_TD[after]) if end < len(given_T) else None,
        )
    return result_TD


def _given_codes(
    generator: MotionGenerator, known: Sequence[np.ndarray], given: Sequence[np.ndarray]
) -> list[torch.Tensor]:
    """Codes (S,) of each motion, the transformer's mask token where a token is not given."""
    codes = encode_clips(generator.tokenizer, [motion.astype(np.float32) for motion in known])
    return [
        torch.where(
            torch.from_numpy(given_T[::DOWNSAMPLING]),
            torch.from_numpy(first_channel(codes_SR)),
            generator.transformer.mask_token,
        )
        for codes_SR, given_T in zip(codes, given, strict=True)
    ]
