"""What lies nearest in the train split: the floor of a model that knows its training motions by heart alone.

A text is answered with the motion of the training caption that is most like it, by a frozen sentence encoder;
poses with the stretch of a training motion that comes nearest to them; a motion with the caption of the
training motion whose mean latent of the tokenizer is nearest. The sentences and latents are computed when
they are first asked for.

Shapes: N items, T frames, S motion tokens, M tokens of all items, W stretches, G given tokens, D feature
numbers a frame, C latent width, E embedding numbers.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import DOWNSAMPLING, Item
from lamp_core.errors import LampError
from lamp_core.evaluation.sentence_similarity import sentence_embeddings
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.seam import led_over
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.systems.capabilities import OnProgress
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.protocol import MotionTokenizer

MOVING = ("root_yaw_velocity", "root_planar_velocity", "velocities")
"""Features that are 0 where a pose is held."""


class NearestNeighbour:
    """Motions and captions of the train split, found by what is given.

    Args:
        items: of the train split.
        statistics: normalise them.
        tokenizer: whose latents compare motions.
        embed_texts: sentences to (N, E).

    Raises:
        LampError: no items.
    """

    longest_frames = sys.maxsize

    def __init__(
        self,
        items: Sequence[Item],
        statistics: FeatureStatistics,
        tokenizer: MotionTokenizer,
        embed_texts: Callable[[Sequence[str]], np.ndarray] = sentence_embeddings,
    ) -> None:
        if not items:
            raise LampError("there is no motion in the train split; see data/ingest/rejected.parquet")
        self.items, self.statistics, self.tokenizer = items, statistics, tokenizer
        self._embed_texts = embed_texts

    def lengths(self, texts: Sequence[str], seed: int) -> list[int]:
        """Return the frames of the motions that are found."""
        return [self.items[place].frames for place in self._of_texts(texts)]

    def generate(self, texts: Sequence[str], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        """Return the motion of the nearest caption to each text, cut to its length or held in its last
        pose."""
        found = zip(self._of_texts(texts), frames, strict=True)
        return [self._normalised(held(self.items[place].features_TD, count)) for place, count in found]

    def control(
        self,
        texts: Sequence[str],
        motions: Sequence[np.ndarray],
        given: Sequence[np.ndarray],
        seed: int,
        forced: bool | None = None,
    ) -> list[np.ndarray]:
        """Return the stretch of a training motion that is nearest to the given frames of each motion; the
        texts are not read, and nothing is put at its place."""
        return [self._stretch(*each) for each in zip(motions, given, strict=True)]

    def complete(
        self, texts: Sequence[str], motions: Sequence[np.ndarray], given: Sequence[np.ndarray], seed: int
    ) -> list[np.ndarray]:
        """Return the same, with the given frames as they are and the others led over to them."""
        found = self.control(texts, motions, given, seed)
        return [led_over(*each) for each in zip(motions, found, given, strict=True)]

    def captions(
        self, motions: Sequence[np.ndarray], search: Any = None, on_progress: OnProgress | None = None
    ) -> list[str]:
        """Return the first caption of the training motion that is nearest to each motion."""
        found_NC = self._latents([np.asarray(motion_TD, dtype=np.float32) for motion_TD in motions])
        nearest_N = torch.cdist(found_NC, self._latents_NC).argmin(dim=1)
        return [self.items[place].captions[0].text for place in nearest_N.tolist()]

    def _of_texts(self, texts: Sequence[str]) -> list[int]:
        """The item of the caption that is most like each text."""
        sentences, items_N = self._sentences
        wanted_NE = _unit(self._embed_texts(list(texts)))
        return [items_N[place] for place in (wanted_NE @ sentences.T).argmax(axis=1).tolist()]

    @cached_property
    def _sentences(self) -> tuple[np.ndarray, list[int]]:
        """Different captions, embedded, and the first item of each."""
        first: dict[str, int] = {}
        for place, item in enumerate(self.items):
            for caption in item.captions:
                if caption.text.strip():
                    first.setdefault(caption.text, place)
        if not first:
            raise LampError("the train split has no captions; the nearest neighbour of a text takes one")
        return _unit(self._embed_texts(list(first))), list(first.values())

    @cached_property
    def _latents_NC(self) -> Tensor:
        return self._latents([self._normalised(item.features_TD) for item in self.items])

    def _latents(self, motions: Sequence[np.ndarray]) -> Tensor:
        """The mean latent (N, C) of motions."""
        return torch.stack([each_SC.mean(dim=0) for each_SC in latents_of_clips(self.tokenizer, motions)])

    def _normalised(self, raw_TD: np.ndarray) -> np.ndarray:
        return np.asarray(self.statistics.normalise(raw_TD), dtype=np.float32)

    @cached_property
    def _tokens_MD(self) -> Tensor:
        """Every token of every item by the mean of its frames, normalised."""
        device = next(self.tokenizer.parameters()).device
        return torch.cat([_tokens(self._normalised(item.features_TD)) for item in self.items]).to(device)

    @cached_property
    def _squares_M(self) -> Tensor:
        return self._tokens_MD.square().sum(dim=1)

    @lru_cache(maxsize=256)  # noqa: B019 - it lives as long as the process measures
    def _stretches(self, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
        """All stretches of some tokens: item, first token within it, and the item's last token; (W,) each.

        Of a shorter item there is one, held in its last pose.
        """
        counts_N = np.array([item.frames // DOWNSAMPLING for item in self.items])
        starts_N = np.maximum(counts_N - tokens, 0) + 1
        items_W = np.repeat(np.arange(len(counts_N)), starts_N)
        first_W = np.arange(len(items_W)) - np.repeat(np.cumsum(starts_N) - starts_N, starts_N)
        device = self._tokens_MD.device
        found = (items_W, first_W, counts_N[items_W] - 1)
        item_W, from_W, last_W = (torch.from_numpy(each).to(device) for each in found)
        return item_W, from_W, last_W

    @cached_property
    def _starts_N(self) -> Tensor:
        """Place of the first token of every item among all."""
        counts_N = np.array([item.frames // DOWNSAMPLING for item in self.items])
        return torch.from_numpy(np.cumsum(counts_N) - counts_N).to(self._tokens_MD.device)

    def _stretch(self, motion_TD: np.ndarray, given_T: np.ndarray) -> np.ndarray:
        """The stretch of a training motion whose tokens are nearest to the given ones, normalised."""
        places = np.flatnonzero(given_T[::DOWNSAMPLING]).tolist()
        told_TD = np.where(given_T[:, None], motion_TD, 0.0).astype(np.float32)
        given_GD = _tokens(told_TD)[places].to(self._tokens_MD)
        apart_MG = self._squares_M[:, None] - 2 * self._tokens_MD @ given_GD.T  # but for what all share
        items_W, first_W, last_W = self._stretches(len(motion_TD) // DOWNSAMPLING)
        total_W = torch.zeros(len(items_W), device=apart_MG.device)
        for column, place in enumerate(places):
            token_W = self._starts_N[items_W] + torch.minimum(first_W + place, last_W)
            total_W += apart_MG[token_W, column]
        nearest = int(total_W.argmin())
        raw_TD = self.items[int(items_W[nearest])].features_TD[int(first_W[nearest]) * DOWNSAMPLING :]
        return self._normalised(held(raw_TD, len(motion_TD)))


def held(raw_TD: np.ndarray, frames: int) -> np.ndarray:
    """Return features, not normalised, cut to a length, or held in their last pose without moving."""
    if len(raw_TD) >= frames:
        return raw_TD[:frames]
    still_D, layout = raw_TD[-1].copy(), FeatureLayout.of_width(raw_TD.shape[1])
    for name in MOVING:
        still_D[layout[name]] = 0.0
    return np.concatenate([raw_TD, np.repeat(still_D[None], frames - len(raw_TD), axis=0)])


def _tokens(motion_TD: np.ndarray) -> Tensor:
    """The mean of the frames of every token, (S, D)."""
    whole = len(motion_TD) // DOWNSAMPLING
    means_SD = motion_TD[: whole * DOWNSAMPLING].reshape(whole, DOWNSAMPLING, -1).mean(axis=1)
    return torch.from_numpy(means_SD.astype(np.float32))


def _unit(embedded_NE: np.ndarray) -> np.ndarray:
    lengths_N1 = np.linalg.norm(embedded_NE, axis=1, keepdims=True)
    unit_NE: np.ndarray = embedded_NE / np.maximum(lengths_N1, 1e-12)
    return unit_NE
