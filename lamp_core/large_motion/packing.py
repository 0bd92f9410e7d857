"""Sequences packed into rows of a fixed length, none of which sees another.

A row holds several sequences one behind the other. The mask lets a word see what stands before it in its own
sequence alone, and positions begin anew with every sequence, so that a packed sequence is computed as it
would be by itself.
Shapes: B rows, X words of the longest row, L = X - 1 predicted places, H width, N predicted words, W words
that are compared.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.motion_language.words import length
from lamp_core.segments import Segment

NOTHING = 0
"""Number of the sequence that stands where a row is padded; the others count from 1."""
UNSEEN = torch.finfo(torch.bfloat16).min
"""Added where a word does not see another: float32 has this number too."""


@dataclass(frozen=True)
class PackedBatch:
    """Packed rows as tensors.

    Args:
        ids_BX: words; some word where padded.
        sequences_BX: number of the sequence within its row, `NOTHING` where padded.
        positions_BX: of each word in its own sequence.
        predicted_BX: where the loss is.
    """

    ids_BX: Tensor
    sequences_BX: Tensor
    positions_BX: Tensor
    predicted_BX: Tensor

    def to(self, device: torch.device) -> "PackedBatch":
        """The batch on a device."""
        tensors = (self.ids_BX, self.sequences_BX, self.positions_BX, self.predicted_BX)
        return PackedBatch(*(tensor.to(device) for tensor in tensors))

    @property
    def targets_BL(self) -> Tensor:
        """The word behind each word but the last."""
        return self.ids_BX[:, 1:]

    @property
    def counted_BL(self) -> Tensor:
        """Where the loss is, of those."""
        return self.predicted_BX[:, 1:]


def rows_of(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Numbers of sequences by row, the longest first, each into the first row that has room for it.

    Args:
        lengths: words of each sequence.
        room: words of a row.

    Raises:
        ValueError: a sequence is longer than a row.
    """
    if max(lengths) > room:
        raise ValueError(f"a sequence of {max(lengths)} words is longer than a row of {room}")
    rows: list[list[int]] = []
    free: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        words = lengths[number]
        row = next((place for place, left in enumerate(free) if left >= words), len(rows))
        if row == len(rows):
            rows.append([])
            free.append(room)
        rows[row].append(number)
        free[row] -= words
    return rows


def pack(sequences: Sequence[Sequence[Segment]], room: int, padding: int) -> PackedBatch:
    """Pack sequences into as few rows as first fit finds.

    Args:
        sequences: at least one, without soft tokens.
        room: words of a row.
        padding: word that stands where nothing is.

    Raises:
        ValueError: a sequence is longer than a row, or begins with what is predicted.
    """
    lengths = [length(parts) for parts in sequences]
    rows = rows_of(lengths, room)
    longest = max(sum(lengths[number] for number in row) for row in rows)
    ids_BX = np.full((len(rows), longest), padding)
    sequences_BX = np.full(ids_BX.shape, NOTHING)
    positions_BX = np.zeros(ids_BX.shape, dtype=np.int64)
    predicted_BX = np.zeros(ids_BX.shape, dtype=bool)
    for row, numbers in enumerate(rows):
        place = 0
        for count, number in enumerate(numbers, start=1):
            parts = sequences[number]
            span = slice(place, place + lengths[number])
            ids_BX[row, span] = [word for part in parts for word in part.ids]
            sequences_BX[row, span] = count
            positions_BX[row, span] = np.arange(lengths[number])
            predicted_BX[row, span] = [part.is_predicted for part in parts for _ in part.ids]
            if predicted_BX[row, place]:
                raise ValueError("a sequence begins with what is predicted; something has to stand before it")
            place = span.stop
    return PackedBatch(*map(torch.from_numpy, (ids_BX, sequences_BX, positions_BX, predicted_BX)))


def sequence_mask(sequences_BX: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (B, 1, X, X), added to attention: 0 where a word sees another, `UNSEEN` elsewhere.

    Padding sees itself, so that no row of the softmax is empty; nothing else sees it.
    """
    words = sequences_BX.shape[1]
    is_same_BXX = sequences_BX[:, :, None] == sequences_BX[:, None, :]
    is_past_XX = torch.ones(words, words, dtype=torch.bool, device=sequences_BX.device).tril()
    mask_BXX = torch.zeros(is_same_BXX.shape, dtype=dtype, device=sequences_BX.device)
    return mask_BXX.masked_fill(~(is_same_BXX & is_past_XX), UNSEEN)[:, None]


def packed_states(language: Any, batch: PackedBatch) -> Tensor:
    """Return what the output embedding reads (B, L, H), behind each word but the last of a row.

    Args:
        language: causal model of transformers.
        batch: packed rows.
    """
    told: dict[str, Any] = {"position_ids": batch.positions_BX[:, :-1]}
    body = language.base_model
    known = inspect.signature(body.forward).parameters
    mask_B1LL = sequence_mask(batch.sequences_BX[:, :-1], next(language.parameters()).dtype)
    output = body(
        input_ids=batch.ids_BX[:, :-1],
        attention_mask=mask_B1LL,
        use_cache=False,
        **{name: value for name, value in told.items() if name in known},
    )
    states_BLH: Tensor = output.last_hidden_state
    return states_BLH


def packed_losses(
    language: Any, batch: PackedBatch, blocks: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of the cross entropy of the predicted words, how many are right, and their number.

    Args:
        language: causal model of transformers.
        batch: packed rows.
        blocks: first word and word behind the last of each; a word is compared with those of its block.
    """
    counted_BL = batch.counted_BL
    states_NH = packed_states(language, batch)[counted_BL]
    targets_N = batch.targets_BL[counted_BL]
    total, right = states_NH.new_zeros((), dtype=torch.float32), targets_N.new_zeros(())
    for first, end in blocks:
        is_here_N = (targets_N >= first) & (targets_N < end)
        logits_NW = _logits(language.get_output_embeddings(), states_NH[is_here_N], first, end)
        here_N = targets_N[is_here_N] - first
        total = total + F.cross_entropy(logits_NW, here_N, reduction="sum")
        right = right + (logits_NW.argmax(dim=-1) == here_N).sum()
    return total, right, counted_BL.sum()


def _logits(head: Any, states_NH: Tensor, first: int, end: int) -> Tensor:
    """Float32 logits of some words by the output embedding."""
    bias = None if head.bias is None else head.bias[first:end]
    return F.linear(states_NH, head.weight[first:end], bias).float()
