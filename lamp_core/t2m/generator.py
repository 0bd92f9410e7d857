"""Captions to motions with the trained models of a project.

Shapes: N captions, B batch, T frames, D feature numbers a frame, S motion tokens, R channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import DOWNSAMPLING, length_batches, pad
from lamp_core.features.interpolation import interpolated
from lamp_core.features.seam import led_over
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp
from lamp_core.lamp.prompt import losses
from lamp_core.t2m.conditions import Condition, Conditions, OwnReader, conditions_of, reader_of
from lamp_core.t2m.folder import load_residual, load_t2m
from lamp_core.t2m.length_estimator import LengthEstimator, length_conditions, load_length
from lamp_core.t2m.residual import ResidualTransformer
from lamp_core.t2m.residual_sampler import fill_layers
from lamp_core.t2m.sampler import Sampling, sample_tokens
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.binding import check_bound
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import (
    MotionTokenizer,
    as_first_channel,
    first_channel,
    has_further_layers,
)
from lamp_core.training.seeds import seed_everything

BATCH_TOKENS = 2048


@dataclass(frozen=True)
class MotionGenerator:
    """Everything between a caption and normalised features.

    Args:
        features: LaMP's text side.
        conditions: what a text says to the transformer, of vectors (P, W).
        length: length estimator; None where every length is given.
        transformer: masked motion transformer.
        tokenizer: decodes the tokens.
        sampling: schedule and guidance.
        residual: fills the further layers of a residual tokenizer; None for one of a single codebook.
    """

    features: LampFeatures
    conditions: Conditions
    length: LengthEstimator | None
    transformer: MaskedMotionTransformer
    tokenizer: MotionTokenizer
    sampling: Sampling
    residual: ResidualTransformer | None = None

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion."""
        return self.transformer.max_tokens * DOWNSAMPLING

    def losses(self, prompt: str) -> list[str]:
        """What of a prompt the text encoder does not know or does not read, as `lamp_core.lamp.prompt`."""
        if isinstance(self.conditions, OwnReader):
            return self.conditions.losses(prompt)
        return losses(self.features.tokenizer, prompt)

    def lengths(self, captions: Sequence[str], seed: int) -> list[int]:
        """Return estimated lengths in frames."""
        assert self.length is not None, "this generator was made for given lengths"
        generator = torch.Generator().manual_seed(seed)
        read = length_conditions(self.length.settings, self.features)
        tokens_N = self.length.tokens(_of_each(read, captions).to(self.features.device), generator)
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
        condition = _of_each(self.conditions, captions).to(device)
        longest = self.transformer.max_tokens
        tokens = [min(max(count // DOWNSAMPLING, 1), longest) for count in frames]
        generator = torch.Generator().manual_seed(seed)
        made: dict[int, np.ndarray] = {}
        for batch in length_batches(tokens, BATCH_TOKENS):
            lengths_B = torch.tensor([tokens[i] for i in batch], device=device)
            said = condition.rows(batch)
            codes_BS = sample_tokens(self.transformer, said, lengths_B, self.sampling, generator)
            codes_BSR = self._layers(codes_BS, said, lengths_B, generator)
            features_BTD = self.tokenizer.decode(codes_BSR, lengths_B).cpu().numpy()
            for row, index in enumerate(batch):
                made[index] = features_BTD[row, : tokens[index] * DOWNSAMPLING].copy()
        return [made[index] for index in range(len(captions))]

    @torch.no_grad()
    def complete(
        self, captions: Sequence[str], motions: Sequence[np.ndarray], given: Sequence[np.ndarray], seed: int
    ) -> list[np.ndarray]:
        """Return normalised motions with the frames that are not given made anew by their captions.

        The tokens of the given frames are made from those alone: what is missing is interpolated before they
        are encoded, so that the tokenizer's convolutions see nothing of it. Given frames come back as they
        are; what was added is led over to them, since the tokenizer would reconstruct them otherwise.

        Args:
            captions: one a motion.
            motions: normalised features (T, D), at most `longest_frames`.
            given: which frames of each are given, bool (T,), in whole tokens.
            seed: same seed and arguments, same motions.
        """
        known = [interpolated(*each) for each in zip(motions, given, strict=True)]
        codes = [
            torch.from_numpy(codes_SR)
            for codes_SR in encode_clips(self.tokenizer, [motion.astype(np.float32) for motion in known])
        ]
        stays = [torch.from_numpy(given_T[::DOWNSAMPLING]) for given_T in given]
        device = self.features.device
        condition = _of_each(self.conditions, captions).to(device)
        draws = torch.Generator().manual_seed(seed)
        completed: dict[int, np.ndarray] = {}
        for batch in length_batches([len(codes_SR) for codes_SR in codes], BATCH_TOKENS):
            said, kept = condition.rows(batch), Kept.of([codes[i] for i in batch], [stays[i] for i in batch])
            lengths_B = torch.tensor([len(codes[index]) for index in batch], device=device)
            features_BTD = self._completed(kept.to(device), said, lengths_B, self._completing, draws)
            for index, made_TD in zip(batch, features_BTD, strict=True):
                true_TD = motions[index]
                completed[index] = led_over(true_TD, made_TD[: len(true_TD)], given[index])
        return [completed[index] for index in range(len(motions))]

    @torch.no_grad()
    def fill(
        self,
        before_TD: np.ndarray,
        frames: int,
        after_TD: np.ndarray,
        text: str | None,
        count: int,
        seed: int,
    ) -> list[np.ndarray]:
        """Return ``count`` normalised motions: a stretch in front, new frames, a stretch behind.

        Args:
            before_TD: normalised features in front, in whole tokens; none is empty.
            frames: new ones, in whole tokens.
            after_TD: as those in front. All together are at most `longest_frames`.
            text: what the person does; without it the given motion alone decides, and there is no guidance.
            count: motions to draw.
            seed: same seed and arguments, same motions.
        """
        device = self.features.device
        before_SR, after_SR = self._codes(before_TD), self._codes(after_TD)
        new_SR = torch.zeros(frames // DOWNSAMPLING, before_SR.shape[1], dtype=torch.long)
        codes_SR = torch.cat([before_SR, new_SR, after_SR])
        stays_S = torch.ones(len(codes_SR), dtype=torch.bool)
        stays_S[len(before_SR) : len(before_SR) + len(new_SR)] = False
        said = self.conditions([text]) if text else [torch.zeros(1, self.transformer.condition_dim)]
        made_BTD = self._completed(
            Kept(codes_SR.expand(count, -1, -1), stays_S.expand(count, -1)).to(device),
            Condition.of(said).repeat(count).to(device),
            torch.full((count,), len(codes_SR), device=device),
            self._completing if text else replace(self._completing, guidance=0.0),
            torch.Generator().manual_seed(seed),
        )
        return list(made_BTD)

    def untrained(self, seed: int) -> "MotionGenerator":
        """The generator with a masked motion transformer of the same shape and random weights."""
        seed_everything(seed)
        shape = self.transformer
        reader = reader_of(shape.settings, self.features.model)
        sizes = (shape.codebook_size, shape.condition_dim, shape.max_tokens)
        random = type(shape)(*sizes, shape.settings, reader)
        return replace(
            self,
            transformer=random.eval().to(next(shape.parameters()).device),
            residual=self.residual.untrained() if self.residual else None,
        )

    @property
    def _completing(self) -> Sampling:
        """How gaps are filled: what is given behind a gap has to be seen, which a causal mask would hide."""
        return replace(self.sampling, attention="bidirectional")

    def _codes(self, features_TD: np.ndarray) -> Tensor:
        """Codes (S, R) of motion that stays; read alone, so that they know nothing of what was in a gap."""
        if not len(features_TD):
            return torch.zeros(0, len(self.tokenizer.channels), dtype=torch.long)
        features_1TD = torch.from_numpy(np.asarray(features_TD, dtype=np.float32))[None]
        return self.tokenizer.encode(features_1TD.to(self.features.device))[0].cpu()

    def _completed(
        self,
        kept: "Kept",
        said: Condition,
        lengths_B: Tensor,
        how: Sampling,
        generator: torch.Generator,
    ) -> np.ndarray:
        """Features (B, T, D) with the tokens that are not kept made anew."""
        given_BS = first_channel(kept.codes_BSR).masked_fill(~kept.stays_BS, self.transformer.mask_token)
        codes_BS = sample_tokens(self.transformer, said, lengths_B, how, generator, given_BS)
        guidance = 0.0 if how.guidance == 0 else None
        codes_BSR = self._layers(codes_BS, said, lengths_B, generator, guidance, kept)
        features_BTD: np.ndarray = self.tokenizer.decode(codes_BSR, lengths_B).cpu().numpy()
        return features_BTD

    def _layers(
        self,
        codes_BS: Tensor,
        said: Condition,
        lengths_B: Tensor,
        generator: torch.Generator,
        guidance: float | None = None,
        kept: "Kept | None" = None,
    ) -> Tensor:
        """Codes (B, S, R) of all layers that the tokenizer has, from those of the first."""
        if self.residual is None:
            return as_first_channel(codes_BS)
        given = (kept.codes_BSR, kept.stays_BS) if kept else None
        return fill_layers(
            self.residual, codes_BS, said, lengths_B, generator, guidance=guidance, given=given
        )


@dataclass(frozen=True)
class Kept:
    """Codes of a batch of motions, and which of them stay.

    Args:
        codes_BSR: of all channels.
        stays_BS: false where a token is made anew, and behind the true length.
    """

    codes_BSR: Tensor
    stays_BS: Tensor

    @classmethod
    def of(cls, codes: Sequence[Tensor], stays: Sequence[Tensor]) -> "Kept":
        """Pad the codes (S, R) of motions, and what stays (S,) of each."""
        return cls(pad(codes)[0], pad(stays)[0])

    def to(self, device: torch.device) -> "Kept":
        """Return them on a device."""
        return Kept(self.codes_BSR.to(device), self.stays_BS.to(device))


def _of_each(conditions: Conditions, captions: Sequence[str]) -> Condition:
    """What captions say; one that stands there several times is read once."""
    place = {caption: index for index, caption in enumerate(dict.fromkeys(captions))}
    return Condition.of(conditions(list(place))).rows([place[caption] for caption in captions])


def load_generator(data: Path, device: torch.device | None = None) -> MotionGenerator:
    """Load the trained models below a project's data folder.

    Raises:
        LampError: a stage before text to motion has not run, which is named, or the tokenizer is another one
            than text to motion was trained with.
    """
    device = device or torch.device("cpu")
    lamp, words = load_lamp(data / "pretrain")
    transformer = load_t2m(data / "t2m", lamp.to(device)).to(device)
    tokenizer = load_tokenizer(data / "tokenizer")
    check_bound(data / "t2m", tokenizer)
    residual = load_residual(data / "residual", lamp).to(device) if has_further_layers(tokenizer) else None
    if residual:
        check_bound(data / "residual", tokenizer)
    features = LampFeatures(lamp, words)
    return MotionGenerator(
        features,
        conditions_of(transformer.settings, features, data),
        load_length(data / "length").to(device),
        transformer,
        tokenizer.to(device),
        Sampling.of(transformer.settings),
        residual,
    )
