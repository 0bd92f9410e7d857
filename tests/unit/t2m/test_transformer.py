"""Masked motion transformer: causality, padding, conditions."""

import pytest
import torch

from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.transformer import MaskedMotionTransformer


def _inputs(batch: int = 3) -> tuple[torch.Tensor, torch.Tensor, Condition, torch.Tensor]:
    on = torch.ones(batch, dtype=torch.bool)
    return torch.randint(0, 20, (batch, 10)), torch.full((batch,), 10), _texts(batch), on


def _texts(batch: int) -> Condition:
    """Of one, two, three, one ... words."""
    return Condition.of([torch.randn(1 + index % 3, 16) for index in range(batch)])


def _rows(condition: Condition) -> list[torch.Tensor]:
    return [states[valid] for states, valid in zip(condition.states_BPW, condition.valid_BP, strict=True)]


def _negative(condition: Condition) -> Condition:
    return Condition(-condition.states_BPW, condition.valid_BP)


def test_causal_means_causal(model: MaskedMotionTransformer) -> None:
    tokens, lengths, condition, on = _inputs()
    changed = tokens.clone()
    changed[:, 6] = (tokens[:, 6] + 1) % 20
    for attention, equal_before in (("causal", True), ("bidirectional", False)):
        before = model(tokens, lengths, condition, on, attention)
        after = model(changed, lengths, condition, on, attention)
        assert torch.allclose(before[:, :6], after[:, :6], atol=1e-6) is equal_before
        assert not torch.allclose(before[:, 6:], after[:, 6:], atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_padding_changes_nothing(model: MaskedMotionTransformer, attention: str, training: bool) -> None:
    tokens, lengths, condition, on = _inputs()
    model.train(training)  # without dropout; another way through the attention where there is some
    wide = torch.cat([tokens, torch.randint(0, 20, (3, 2))], dim=1)
    longer = torch.randint(0, 20, (1, 12))
    batch = model(
        torch.cat([wide, longer]),
        torch.cat([lengths, torch.tensor([12])]),
        Condition.of([*_rows(condition), torch.randn(5, 16)]),
        torch.ones(4, dtype=torch.bool),
        attention,
    )
    torch.testing.assert_close(model(tokens, lengths, condition, on, attention), batch[:3, :10])


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_every_token_reads_the_condition(model: MaskedMotionTransformer, attention: str) -> None:
    tokens, lengths, condition, on = _inputs()
    logits = model(tokens, lengths, condition, on, attention)
    other = model(tokens, lengths, _negative(condition), on, attention)
    assert ((logits - other).abs().amax(dim=-1) > 1e-6).all()


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_without_a_text_nothing_tells_how_many_words_it_has(
    model: MaskedMotionTransformer, attention: str
) -> None:
    tokens, lengths, condition, on = _inputs()
    nothing = Condition.of([torch.zeros(1, 16)] * 3)
    torch.testing.assert_close(
        model(tokens, lengths, condition, ~on, attention), model(tokens, lengths, nothing, ~on, attention)
    )


def test_logits_at_chosen_positions_are_those_of_all(model: MaskedMotionTransformer) -> None:
    tokens, lengths, condition, on = _inputs()
    chosen = torch.rand(tokens.shape) < 0.5
    whole = model(tokens, lengths, condition, on, "bidirectional")
    torch.testing.assert_close(model(tokens, lengths, condition, on, "bidirectional", chosen), whole[chosen])


def test_a_token_knows_how_many_are_still_to_come_where_that_is_told(model: MaskedMotionTransformer) -> None:
    tokens, lengths, condition, on = _inputs()
    long = model(tokens, lengths, condition, on, "causal")[:, :6]
    short = model(tokens, lengths - 4, condition, on, "causal")[:, :6]
    is_blind = torch.allclose(long, short, atol=1e-6)
    assert is_blind is not model.settings.tell_remaining
