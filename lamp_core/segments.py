"""A sequence for a causal language model as a list of segments, and batches of such sequences.

A segment is text, soft tokens (vectors in place of word embeddings), motion codes or a delimiter, and says
whether it is predicted. What stands between motion and text, in which order, and what the loss is on is
therefore a list that one can read. Padding is seen by nothing, and stands behind the shorter sequences in
training, before them where a model goes on writing.
Shapes: B batch, X positions of the longest sequence, L positions from the first predicted one on, N soft
tokens of all sequences, E embedding width, V vocabulary, S motion tokens, R channels.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kind = Literal["text", "soft", "motion", "delimiter"]
Side = Literal["right", "left"]


@dataclass(frozen=True)
class Segment:
    """A stretch of a sequence.

    Args:
        kind: what stands there.
        ids: in the language model's vocabulary; of soft tokens, any, since vectors take their place.
        is_predicted: whether the loss is on it.

    Raises:
        ValueError: soft tokens are predicted; they are no words of the vocabulary.
    """

    kind: Kind
    ids: tuple[int, ...]
    is_predicted: bool = False

    def __post_init__(self) -> None:
        if self.kind == "soft" and self.is_predicted:
            raise ValueError("soft tokens cannot be predicted: they are no words of the vocabulary")


def text(ids: Sequence[int], *, is_predicted: bool = False) -> Segment:
    """Word pieces."""
    return Segment("text", tuple(ids), is_predicted)


def soft(count: int) -> Segment:
    """Places for vectors, which `embed` puts there."""
    return Segment("soft", (0,) * count)


def motion(codes_SR: np.ndarray, first_ids_R: Sequence[int], *, is_predicted: bool = False) -> Segment:
    """Motion codes, token by token, the channels of a token side by side.

    Args:
        codes_SR: as the token cache keeps them.
        first_ids_R: word of the vocabulary that code 0 of each channel is.
        is_predicted: whether the loss is on them.
    """
    ids_SR = codes_SR.astype(np.int64) + np.asarray(first_ids_R)
    return Segment("motion", tuple(ids_SR.ravel().tolist()), is_predicted)


def delimiter(word: int, *, is_predicted: bool = False) -> Segment:
    """A word that says where something begins or ends."""
    return Segment("delimiter", (word,), is_predicted)


@dataclass(frozen=True)
class SegmentBatch:
    """Sequences as tensors.

    Args:
        ids_BX: words; some word where padded or soft.
        seen_BX: false where padded.
        soft_BX: where the soft tokens stand.
        predicted_BX: where the loss is.
        positions_BX: of each word in its own sequence, padding not counted.
        first: the first position that any sequence predicts; X where none is predicted.
    """

    ids_BX: Tensor
    seen_BX: Tensor
    soft_BX: Tensor
    predicted_BX: Tensor
    positions_BX: Tensor
    first: int

    def __len__(self) -> int:
        return len(self.ids_BX)

    def to(self, device: torch.device) -> "SegmentBatch":
        """The batch on a device."""
        return SegmentBatch(
            self.ids_BX.to(device),
            self.seen_BX.to(device),
            self.soft_BX.to(device),
            self.predicted_BX.to(device),
            self.positions_BX.to(device),
            self.first,
        )

    def shifted(self, positions: int) -> "SegmentBatch":
        """The batch at later positions of the language model."""
        return replace(self, positions_BX=self.positions_BX + positions)

    @property
    def targets_BL(self) -> Tensor:
        """The words from the first predicted one on."""
        return self.ids_BX[:, self.first :]

    @property
    def counted_BL(self) -> Tensor:
        """Where the loss is, from the first predicted word on."""
        return self.predicted_BX[:, self.first :]


def collate(sequences: Sequence[Sequence[Segment]], padding: int, side: Side = "right") -> SegmentBatch:
    """Put sequences of different lengths side by side.

    Args:
        sequences: at least one.
        padding: word that stands where nothing is.
        side: where the shorter ones are padded; ``left`` for what a model goes on writing.

    Raises:
        ValueError: a sequence begins with what is predicted: nothing stands before it.
    """
    longest = max(sum(len(part.ids) for part in parts) for parts in sequences)
    ids_BX = np.full((len(sequences), longest), padding)
    seen_BX, soft_BX, predicted_BX = (np.zeros(ids_BX.shape, dtype=bool) for _ in range(3))
    for row, parts in enumerate(sequences):
        place = longest - sum(len(part.ids) for part in parts) if side == "left" else 0
        for part in parts:
            span = slice(place, place + len(part.ids))
            is_soft = part.kind == "soft"
            ids_BX[row, span] = padding if is_soft else part.ids
            seen_BX[row, span], soft_BX[row, span] = True, is_soft
            predicted_BX[row, span] = part.is_predicted
            place = span.stop
    positions_BX = (seen_BX.cumsum(axis=1) - 1).clip(min=0)
    if (predicted_BX & seen_BX & (positions_BX == 0)).any():
        raise ValueError("a sequence begins with what is predicted; something has to stand before it")
    columns = np.flatnonzero(predicted_BX.any(axis=0))
    first = int(columns[0]) if len(columns) else longest
    arrays = (ids_BX, seen_BX, soft_BX, predicted_BX, positions_BX)
    ids, seen, soft_places, predicted, positions = map(torch.from_numpy, arrays)
    return SegmentBatch(ids, seen, soft_places, predicted, positions, first)


def embed(batch: SegmentBatch, embedding: nn.Module, soft_NE: Tensor) -> Tensor:
    """Return (B, X, E): word embeddings, and the soft tokens in their places.

    Args:
        batch: sequences.
        embedding: of the language model.
        soft_NE: the soft tokens of all sequences one after the other, of any leading shape.
    """
    words_BXE: Tensor = embedding(batch.ids_BX)
    return words_BXE.masked_scatter(batch.soft_BX[..., None], soft_NE.to(words_BXE.dtype))


def next_token_logits(language: nn.Module, batch: SegmentBatch, soft_NE: Tensor | None = None) -> Tensor:
    """Return float32 logits (B, L, V) of the words from the first predicted one on, given what is before.

    Args:
        language: a causal language model of transformers, with an adapter or without.
        batch: sequences that predict something.
        soft_NE: their soft tokens, where they have some.
    """
    last = batch.ids_BX.shape[1] - batch.first
    if soft_NE is None:
        inputs: dict[str, Any] = {"input_ids": batch.ids_BX[:, :-1]}
    else:
        embedding = language.get_input_embeddings()  # type: ignore[operator]
        inputs = {"inputs_embeds": embed(batch, embedding, soft_NE)[:, :-1]}
    output = language(
        **inputs, attention_mask=batch.seen_BX[:, :-1].long(), use_cache=False, **_told(language, batch, last)
    )
    logits_BLV: Tensor = output.logits[:, -last:]
    return logits_BLV.float()


def _told(language: nn.Module, batch: SegmentBatch, last: int) -> dict[str, Any]:
    """What a model is told where it can be: positions, and to compute the last logits alone."""
    base: Any = language.get_base_model() if hasattr(language, "get_base_model") else language  # type: ignore[operator]
    known = inspect.signature(base.forward).parameters
    told = {"position_ids": batch.positions_BX[:, :-1], "logits_to_keep": last}
    return {name: value for name, value in told.items() if name in known}


def token_losses(logits_BLV: Tensor, batch: SegmentBatch, smoothing: float = 0.0) -> Tensor:
    """Return the sum of the cross entropy of each sequence's predicted words, (B,)."""
    losses_BL = F.cross_entropy(
        logits_BLV.transpose(1, 2), batch.targets_BL, reduction="none", label_smoothing=smoothing
    )
    return losses_BL.masked_fill(~batch.counted_BL, 0.0).sum(dim=1)


def right_tokens(logits_BLV: Tensor, batch: SegmentBatch) -> Tensor:
    """Return how many predicted words are the likeliest ones, over all sequences."""
    return ((logits_BLV.argmax(dim=-1) == batch.targets_BL) & batch.counted_BL).sum()
