"""Segments: what stands where, what is seen, what the loss is on, and that padding changes nothing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM

from lamp_core.segments import (
    Segment,
    collate,
    delimiter,
    embed,
    motion,
    next_token_logits,
    right_tokens,
    soft,
    text,
    token_losses,
)

PAD, BEGIN, END = 0, 30, 31
SIZES = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
MODELS: dict[str, Callable[[], nn.Module]] = {
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32, initializer_range=0.3)
    ),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, intermediate_size=16, initializer_range=0.3)),
    "opt": lambda: OPTForCausalLM(
        OPTConfig(**SIZES, ffn_dim=16, word_embed_proj_dim=16, init_std=0.3, max_position_embeddings=32)
    ),
}
CODES_SR = np.array([[1, 0], [3, 2], [0, 1]], dtype=np.uint16)


def _sequences() -> list[list[Segment]]:
    """Text that leads to motion, a motion that leads to text, and a text alone."""
    codes = motion(CODES_SR, (32, 36), is_predicted=True)
    return [
        [text([5, 6, 7]), delimiter(BEGIN), codes, delimiter(END, is_predicted=True)],
        [soft(2), text([8]), text([9, 10, 11, END], is_predicted=True)],
        [delimiter(BEGIN), text([12, 13], is_predicted=True)],
    ]


@pytest.fixture(params=list(MODELS))
def language(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[request.param]().eval()


def test_a_batch_is_what_its_segments_say() -> None:
    batch = collate(_sequences(), PAD)
    assert batch.ids_BX.tolist() == [
        [5, 6, 7, BEGIN, 33, 36, 35, 38, 32, 37, END],
        [PAD, PAD, 8, 9, 10, 11, END, PAD, PAD, PAD, PAD],
        [BEGIN, 12, 13, *[PAD] * 8],
    ]
    assert batch.seen_BX.sum(dim=1).tolist() == [11, 7, 3]
    assert batch.soft_BX.nonzero().tolist() == [[1, 0], [1, 1]]
    assert batch.predicted_BX.sum(dim=1).tolist() == [7, 4, 2] and batch.first == 1
    assert batch.counted_BL.shape == batch.targets_BL.shape == (3, 10)
    assert batch.targets_BL[batch.counted_BL].tolist()[7:] == [9, 10, 11, END, 12, 13]
    assert (batch.shifted(5).positions_BX - batch.positions_BX == 5).all()


def test_codes_come_back_from_the_words_of_a_motion() -> None:
    codes_SR = np.random.default_rng(0).integers(2**16, size=(7, 3)).astype(np.uint16)
    first_ids = np.array([50_000, 200_000, 300_000])
    segment = motion(codes_SR, first_ids.tolist())
    assert np.array_equal(np.reshape(segment.ids, (7, 3)) - first_ids, codes_SR)


def test_shorter_sequences_are_padded_in_front_where_a_model_goes_on_writing() -> None:
    left, right = collate(_sequences(), PAD, "left"), collate(_sequences(), PAD)
    for row in range(3):
        for name in ("ids_BX", "predicted_BX", "soft_BX", "positions_BX"):
            own = [getattr(batch, name)[row][batch.seen_BX[row]].tolist() for batch in (left, right)]
            assert own[0] == own[1], name
    assert left.seen_BX[:, -1].all() and left.positions_BX[2].tolist() == [*[0] * 8, 0, 1, 2]


def test_a_loss_is_the_same_alone_and_beside_longer_ones_padded_on_either_side(language: nn.Module) -> None:
    soft_NE = torch.randn(2, 16)
    alone = []
    for row, sequence in enumerate(_sequences()):
        one = collate([sequence], PAD)
        alone.append(
            token_losses(next_token_logits(language, one, soft_NE if row == 1 else soft_NE[:0]), one)
        )
    for side in ("right", "left"):
        batch = collate(_sequences(), PAD, side)
        together_B = token_losses(next_token_logits(language, batch, soft_NE), batch)
        torch.testing.assert_close(together_B, torch.cat(alone), rtol=1e-5, atol=1e-5)


def test_the_loss_is_the_cross_entropy_of_the_predicted_words(language: nn.Module) -> None:
    batch, soft_NE = collate(_sequences(), PAD), torch.randn(2, 16)
    logits_BLV = next_token_logits(language, batch, soft_NE).detach().requires_grad_(True)
    losses_B = token_losses(logits_BLV, batch)
    losses_B.sum().backward()
    assert ((logits_BLV.grad != 0).any(dim=-1) == batch.counted_BL).all()
    for row in range(3):
        counted_L = batch.counted_BL[row]
        want = nn.functional.cross_entropy(
            logits_BLV[row][counted_L], batch.targets_BL[row][counted_L], reduction="sum"
        )
        torch.testing.assert_close(losses_B[row], want)
    likeliest = logits_BLV.argmax(dim=-1)[batch.counted_BL] == batch.targets_BL[batch.counted_BL]
    assert int(right_tokens(logits_BLV, batch)) == int(likeliest.sum())


def test_gradients_reach_the_soft_tokens_and_the_words_that_are_seen(language: nn.Module) -> None:
    batch, soft_NE = collate(_sequences()[1:], PAD), torch.randn(2, 16, requires_grad=True)
    embedding = language.get_input_embeddings()
    embedded_BXE = embed(batch, embedding, soft_NE)
    assert torch.equal(embedded_BXE[0, :2], soft_NE)
    assert torch.equal(embedded_BXE[0, 2], embedding.weight[8])
    losses_B = token_losses(next_token_logits(language, batch, soft_NE), batch)
    losses_B[1].backward(retain_graph=True)
    assert not soft_NE.grad.any()  # the soft tokens are of the other sequence
    losses_B[0].backward()
    assert (soft_NE.grad.abs().sum(dim=1) > 0).all()


def test_nothing_sees_what_comes_later(language: nn.Module) -> None:
    batch = collate(_sequences()[:1], PAD)
    before = next_token_logits(language, batch)
    moved_SR = np.add(CODES_SR, [[0], [0], [1]])
    parts = [*_sequences()[0][:2], motion(moved_SR, (32, 36), is_predicted=True)]
    changed = collate([parts], PAD)
    after = next_token_logits(language, changed)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5], after[:, 5])


def test_a_sequence_of_words_alone_needs_no_soft_tokens(language: nn.Module) -> None:
    words = [_sequences()[0], _sequences()[2]]
    batch = collate(words, PAD)
    torch.testing.assert_close(
        next_token_logits(language, batch), next_token_logits(language, batch, torch.zeros(0, 16))
    )


def test_what_cannot_be_predicted_is_refused() -> None:
    with pytest.raises(ValueError, match="soft tokens cannot be predicted"):
        Segment("soft", (0,), is_predicted=True)
    for side in ("right", "left"):
        with pytest.raises(ValueError, match="something has to stand before it"):
            collate([[text([1, 2])], [text([1], is_predicted=True)]], PAD, side)
    nothing = collate([[text([1, 2])]], PAD)
    assert nothing.first == 2 and nothing.targets_BL.shape == (1, 0)
