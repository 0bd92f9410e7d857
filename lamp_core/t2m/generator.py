"""Captions to motions with the trained models of a project.

Shapes: N captions, B batch, T frames, D feature numbers a frame, S motion tokens, W condition width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import DOWNSAMPLING, length_batches
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp
from lamp_core.t2m.conditions import Conditions, conditions_of
from lamp_core.t2m.folder import load_t2m
from lamp_core.t2m.length_estimator import LengthEstimator, load_length
from lamp_core.t2m.sampler import Sampling, sample_tokens
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer, as_first_channel

BATCH_TOKENS = 2048


@dataclass(frozen=True)
class MotionGenerator:
    """Everything between a caption and normalised features.

    Args:
        features: LaMP's text side.
        conditions: what a text says to the transformer.
        length: length estimator.
        transformer: masked motion transformer.
        tokenizer: decodes the tokens.
        sampling: schedule and guidance.
    """

    features: LampFeatures
    conditions: Conditions
    length: LengthEstimator
    transformer: MaskedMotionTransformer
    tokenizer: MotionTokenizer
    sampling: Sampling

    def lengths(self, captions: Sequence[str], seed: int) -> list[int]:
        """Return estimated lengths in frames."""
        generator = torch.Generator().manual_seed(seed)
        conditions_NW = _of_each(self.features.conditions, captions).to(self.features.device)
        tokens_N = self.length.tokens(conditions_NW, generator)
        return [int(n) * DOWNSAMPLING for n in tokens_N.clamp(max=self.transformer.max_tokens)]

    @torch.no_grad()
    def generate(self, captions: Sequence[str], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        """Return normalised features (T, D) of each caption at the given lengths.

        Args:
            captions: one a motion.
            frames: length of each motion, cut to a multiple of four, between four and the model's longest.
            seed: same seed, captions and lengths, same motions.
        """
        device = self.features.device
        conditions_NW = _of_each(self.conditions, captions).to(device)
        longest = self.transformer.max_tokens
        tokens = [min(max(count // DOWNSAMPLING, 1), longest) for count in frames]
        generator = torch.Generator().manual_seed(seed)
        made: dict[int, np.ndarray] = {}
        for batch in length_batches(tokens, BATCH_TOKENS):
            lengths_B = torch.tensor([tokens[i] for i in batch], device=device)
            codes_BS = sample_tokens(
                self.transformer, conditions_NW[batch], lengths_B, self.sampling, generator
            )
            features_BTD = self.tokenizer.decode(as_first_channel(codes_BS), lengths_B).cpu().numpy()
            for row, index in enumerate(batch):
                made[index] = features_BTD[row, : tokens[index] * DOWNSAMPLING].copy()
        return [made[index] for index in range(len(captions))]

    def fill(self, given_S: Tensor, text: str | None, count: int, seed: int) -> Tensor:
        """Return codes (B, S) of ``count`` motions that share the given ones.

        Args:
            given_S: codes that stay; the transformer's mask token where codes are to be drawn. At most the
                transformer's longest motion.
            text: what the person does; without it the given codes alone decide, and there is no guidance.
            count: B, motions to draw.
            seed: same seed, codes, text and count, same motions.
        """
        device = self.features.device
        how = self.sampling if text else replace(self.sampling, guidance=0.0)
        condition_1W = self.conditions([text]) if text else torch.zeros(1, self.transformer.condition_dim)
        return sample_tokens(
            self.transformer,
            condition_1W.expand(count, -1).to(device),
            torch.full((count,), len(given_S), device=device),
            how,
            torch.Generator().manual_seed(seed),
            given_S.expand(count, -1),
        )


def _of_each(conditions: Conditions, captions: Sequence[str]) -> Tensor:
    """Conditions (N, W); a caption that stands there several times is read once."""
    place = {caption: index for index, caption in enumerate(dict.fromkeys(captions))}
    return conditions(list(place))[[place[caption] for caption in captions]]


def load_generator(data: Path, device: torch.device | None = None) -> MotionGenerator:
    """Load the trained models below a project's data folder.

    Raises:
        LampError: a stage before text to motion has not run; it is named.
    """
    device = device or torch.device("cpu")
    lamp, words = load_lamp(data / "pretrain")
    transformer = load_t2m(data / "t2m").to(device)
    features = LampFeatures(lamp.to(device), words)
    return MotionGenerator(
        features,
        conditions_of(transformer.settings, features),
        load_length(data / "length").to(device),
        transformer,
        load_tokenizer(data / "tokenizer").to(device),
        Sampling.of(transformer.settings),
    )
