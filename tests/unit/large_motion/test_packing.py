"""Packing: a packed sequence is computed as it would be by itself."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from lamp_core.large_motion.model import compared_words
from lamp_core.large_motion.packing import NOTHING, PackedBatch, pack, packed_losses, packed_states, rows_of
from lamp_core.large_motion.train_items import example
from lamp_core.motion_language.words import MotionWords, length
from lamp_core.segments import Segment, collate, next_token_logits, text, token_losses
from tests.unit.motion_language.conftest import LAYERS as DESCRIBED
from tests.unit.motion_language.conftest import extended, spoken

ROOM = 80


def sequences_of(words: MotionWords, *, whole: bool = False) -> list[list[Segment]]:
    return [example(words, item.captions[0], item.codes_SR, whole=whole) for item in spoken(DESCRIBED)]


def packed_logits(model: Any, batch: PackedBatch) -> torch.Tensor:
    logits_BLV: torch.Tensor = model.get_output_embeddings()(packed_states(model, batch))
    return logits_BLV


def where(batch: Any, sequence: list[Segment]) -> tuple[int, slice]:
    """Row and places of a sequence."""
    ids = [word for part in sequence for word in part.ids]
    for row in range(len(batch.ids_BX)):
        for place in range(batch.ids_BX.shape[1] - len(ids) + 1):
            if batch.ids_BX[row, place : place + len(ids)].tolist() == ids:
                return row, slice(place, place + len(ids))
    raise AssertionError("the sequence stands nowhere whole")


def test_every_sequence_has_one_row_and_no_row_is_overfull() -> None:
    lengths = [5, 9, 3, 10, 1, 7, 4]
    rows = rows_of(lengths, 12)
    assert sorted(number for row in rows for number in row) == list(range(7))
    assert all(sum(lengths[number] for number in row) <= 12 for row in rows)
    assert len(rows) == 4  # 39 words in rows of 12
    with pytest.raises(ValueError, match="a sequence of 10 words is longer than a row of 9"):
        rows_of(lengths, 9)


def test_packed_sequences_say_what_they_say_alone(kind: str) -> None:
    model, words = extended(kind, DESCRIBED)
    sequences = sequences_of(words)
    batch = pack(sequences, ROOM, words.padding)
    assert len(batch.ids_BX) < len(sequences)
    with torch.no_grad():
        packed_BLV = packed_logits(model, batch)
        for sequence in sequences:
            row, places = where(batch, sequence)
            alone = collate([sequence], words.padding)
            alone_LV = next_token_logits(model, alone)[0]
            found_LV = packed_BLV[row, places.start + alone.first - 1 : places.stop - 1]
            torch.testing.assert_close(found_LV, alone_LV, rtol=1e-4, atol=1e-4)


def test_a_word_changes_nothing_before_it_and_nothing_of_other_sequences(kind: str) -> None:
    model, words = extended(kind, DESCRIBED)
    batch = pack(sequences_of(words), ROOM, words.padding)
    row = int((batch.sequences_BX.max(dim=1).values > 1).nonzero()[0])
    second = int((batch.sequences_BX[row] == 2).nonzero()[0])
    changed_BX = batch.ids_BX.clone()
    changed_BX[row, second - 3] = 5
    other = type(batch)(changed_BX, batch.sequences_BX, batch.positions_BX, batch.predicted_BX)
    with torch.no_grad():
        one_BLV, other_BLV = packed_logits(model, batch), packed_logits(model, other)
    differs_BL = (one_BLV - other_BLV).abs().amax(dim=-1) > 1e-5
    assert differs_BL[row, second - 3]
    differs_BL[row, second - 3 : second] = False  # it, and what is behind it in its own sequence
    assert not differs_BL.any()


def test_losses_and_gradients_are_those_of_sequences_side_by_side(kind: str) -> None:
    model, words = extended(kind, DESCRIBED)
    model.requires_grad_(True)
    sequences = sequences_of(words, whole=True)

    def gradients(loss: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad(loss, list(model.parameters())))

    batch = pack(sequences, ROOM, words.padding)
    total, right, count = packed_losses(model, batch, [(0, model.config.vocab_size)])
    side_by_side = collate(sequences, words.padding)
    each_B = token_losses(next_token_logits(model, side_by_side), side_by_side)
    torch.testing.assert_close(total, each_B.sum(), rtol=1e-4, atol=1e-4)
    assert int(count) == int(side_by_side.counted_BL.sum()) == sum(map(length, sequences)) - len(sequences)
    assert 0 <= int(right) <= int(count)
    for one, other in zip(gradients(total), gradients(each_B.sum()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_a_code_of_its_own_channel_competes_with_the_codes_of_that_channel(kind: str) -> None:
    model, words = extended(kind, DESCRIBED)
    first_R = words.vocabulary.first_ids_R
    blocks = compared_words(words.vocabulary, model.config.vocab_size)
    assert [first for first, _ in blocks] == [0, *first_R]
    assert [end for _, end in blocks] == [*first_R, words.vocabulary.end]
    batch = pack(sequences_of(words, whole=True), ROOM, words.padding)
    with torch.no_grad():
        total, right, count = packed_losses(model, batch, blocks)
        logits_NV = packed_logits(model, batch)[batch.counted_BL]
    targets_N = batch.targets_BL[batch.counted_BL]
    block_V = torch.bucketize(torch.arange(logits_NV.shape[1]), torch.tensor(first_R), right=True)
    allowed_NV = block_V[targets_N][:, None] == block_V[None]
    allowed_NV[:, words.vocabulary.end :] = False
    among_NV = logits_NV.masked_fill(~allowed_NV, float("-inf"))
    torch.testing.assert_close(total, torch.nn.functional.cross_entropy(among_NV, targets_N, reduction="sum"))
    assert int(right) == int((among_NV.argmax(dim=-1) == targets_N).sum())
    assert int(count) == len(targets_N)


def test_shared_codes_compete_with_all_words() -> None:
    model, words = extended(tokenizer=DESCRIBED)
    shared = replace(words.vocabulary, shares_codes=True)
    assert compared_words(shared, model.config.vocab_size) == [(0, model.config.vocab_size)]


def test_padding_is_of_no_sequence_and_counts_nothing() -> None:
    _, words = extended(tokenizer=DESCRIBED)
    batch = pack(sequences_of(words), ROOM, words.padding)
    empty_BX = batch.sequences_BX == NOTHING
    assert empty_BX.any()
    assert not batch.predicted_BX[empty_BX].any()
    assert (batch.positions_BX[batch.sequences_BX > 0] < ROOM).all()
    with pytest.raises(ValueError, match="begins with what is predicted"):
        pack([[text([1, 2], is_predicted=True)]], ROOM, words.padding)
