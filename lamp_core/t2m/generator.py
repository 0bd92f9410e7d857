"""Captions to motions with the trained models of a project.

Shapes: N captions, B batch, T frames, D feature numbers a frame, S motion tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import DOWNSAMPLING, length_batches
from lamp_core.features.interpolation import interpolated
from lamp_core.features.seam import led_over
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp
from lamp_core.lamp.prompt import losses
from lamp_core.t2m.conditions import Condition, Conditions, OwnReader, conditions_of, reader_of
from lamp_core.t2m.folder import load_t2m
from lamp_core.t2m.length_estimator import LengthEstimator, length_conditions, load_length
from lamp_core.t2m.sampler import Sampling, sample_tokens
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.binding import check_bound
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer, as_first_channel, first_channel
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
    """

    features: LampFeatures
    conditions: Conditions
    length: LengthEstimator | None
    transformer: MaskedMotionTransformer
    tokenizer: MotionTokenizer
    sampling: Sampling

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
            codes_BS = sample_tokens(
                self.transformer, condition.rows(batch), lengths_B, self.sampling, generator
            )
            features_BTD = self.tokenizer.decode(as_first_channel(codes_BS), lengths_B).cpu().numpy()
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
        codes = self._given_codes(known, given)
        device = self.features.device
        condition = _of_each(self.conditions, captions).to(device)
        draws = torch.Generator().manual_seed(seed)
        completed: dict[int, np.ndarray] = {}
        for batch in length_batches([len(codes_S) for codes_S in codes], BATCH_TOKENS):
            lengths_B = torch.tensor([len(codes[index]) for index in batch], device=device)
            given_BS = torch.nn.utils.rnn.pad_sequence(
                [codes[index] for index in batch], True, self.transformer.mask_token
            )
            codes_BS = sample_tokens(
                self.transformer, condition.rows(batch), lengths_B, self._completing, draws, given_BS
            )
            features_BTD = self.tokenizer.decode(as_first_channel(codes_BS), lengths_B).cpu().numpy()
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
        new_S = torch.full((frames // DOWNSAMPLING,), self.transformer.mask_token)
        given_S = torch.cat([self._codes(before_TD), new_S, self._codes(after_TD)])
        how = self._completing if text else replace(self._completing, guidance=0.0)
        said = self.conditions([text]) if text else [torch.zeros(1, self.transformer.condition_dim)]
        codes_BS = sample_tokens(
            self.transformer,
            Condition.of(said).repeat(count).to(device),
            torch.full((count,), len(given_S), device=device),
            how,
            torch.Generator().manual_seed(seed),
            given_S.expand(count, -1),
        )
        return list(self.tokenizer.decode(as_first_channel(codes_BS)).cpu().numpy())

    def untrained(self, seed: int) -> "MotionGenerator":
        """The generator with a masked motion transformer of the same shape and random weights."""
        seed_everything(seed)
        shape = self.transformer
        reader = reader_of(shape.settings, self.features.model)
        sizes = (shape.codebook_size, shape.condition_dim, shape.max_tokens)
        random = type(shape)(*sizes, shape.settings, reader)
        return replace(self, transformer=random.eval().to(next(shape.parameters()).device))

    @property
    def _completing(self) -> Sampling:
        """How gaps are filled: what is given behind a gap has to be seen, which a causal mask would hide."""
        return replace(self.sampling, attention="bidirectional")

    def _codes(self, features_TD: np.ndarray) -> Tensor:
        """Codes (S,) of motion that stays; read alone, so that they know nothing of what was in a gap."""
        if not len(features_TD):
            return torch.zeros(0, dtype=torch.long)
        features_1TD = torch.from_numpy(np.asarray(features_TD, dtype=np.float32))[None]
        codes_1SR = self.tokenizer.encode(features_1TD.to(self.features.device))
        return first_channel(codes_1SR)[0].cpu()

    def _given_codes(self, known: Sequence[np.ndarray], given: Sequence[np.ndarray]) -> list[Tensor]:
        """Codes (S,) of each motion, the transformer's mask token where a token is not given."""
        codes = encode_clips(self.tokenizer, [motion.astype(np.float32) for motion in known])
        return [
            torch.where(
                torch.from_numpy(given_T[::DOWNSAMPLING]),
                torch.from_numpy(first_channel(codes_SR)),
                self.transformer.mask_token,
            )
            for codes_SR, given_T in zip(codes, given, strict=True)
        ]


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
    features = LampFeatures(lamp, words)
    return MotionGenerator(
        features,
        conditions_of(transformer.settings, features, data),
        load_length(data / "length").to(device),
        transformer,
        tokenizer.to(device),
        Sampling.of(transformer.settings),
    )
