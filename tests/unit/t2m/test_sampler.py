"""Iterative decoding: guidance, temperature, masks, given codes."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.sampler import Guide, Sampling, Schedule, kept_codes, sample_tokens
from lamp_core.t2m.transformer import MaskedMotionTransformer

HOW = Sampling(steps=6, guidance=4.0, temperature=1.0, top_k_fraction=0.1, attention="bidirectional")


def _draw(
    model: MaskedMotionTransformer,
    lengths: list[int],
    how: Sampling = HOW,
    seed: int = 0,
    given: torch.Tensor | None = None,
) -> torch.Tensor:
    texts = torch.randn(len(lengths), 2, 16, generator=torch.Generator().manual_seed(5))
    condition = Condition.of(list(texts))
    generator = torch.Generator().manual_seed(seed)
    return sample_tokens(model, condition, torch.tensor(lengths), how, generator, given)


def test_guidance_one_is_the_conditional_and_zero_the_unconditional(model: MaskedMotionTransformer) -> None:
    tokens, lengths, condition = (
        torch.randint(0, 20, (3, 10)),
        torch.full((3,), 10),
        Condition.of([torch.randn(n, 16) for n in (1, 3, 2)]),
    )
    on, chosen = torch.ones(3, dtype=torch.bool), torch.rand(3, 10) < 0.5
    conditional = model(tokens, lengths, condition, on, "bidirectional")[chosen]
    unconditional = model(tokens, lengths, condition, ~on, "bidirectional")[chosen]

    def guided(scale: float) -> torch.Tensor:
        return Guide(model, condition, lengths, replace(HOW, guidance=scale))(tokens, chosen)

    torch.testing.assert_close(guided(1.0), conditional)
    torch.testing.assert_close(guided(0.0), unconditional)
    torch.testing.assert_close(guided(4.0), 4 * conditional - 3 * unconditional, atol=1e-4, rtol=1e-4)
    # One pass over both halves is exactly the sum where the scale is next to one.
    torch.testing.assert_close(guided(1.0 + 1e-6), conditional, atol=1e-4, rtol=1e-4)


def test_a_falling_guidance_begins_at_its_scale_and_ends_without_guidance(
    model: MaskedMotionTransformer,
) -> None:
    lengths, condition = torch.full((2,), 10), Condition.of([torch.randn(n, 16) for n in (1, 3)])
    tokens, chosen = torch.randint(0, 20, (2, 10)), torch.rand(2, 10) < 0.5

    def guided(schedule: Schedule, scale: float, step: int) -> torch.Tensor:
        how = replace(HOW, steps=5, guidance=scale, schedule=schedule)
        return Guide(model, condition, lengths, how)(tokens, chosen, step)

    torch.testing.assert_close(guided("falling", 4.0, 0), guided("constant", 4.0, 0))
    torch.testing.assert_close(guided("falling", 4.0, 2), guided("constant", 2.5, 0))
    torch.testing.assert_close(guided("falling", 4.0, 4), guided("constant", 1.0, 0))
    assert [replace(HOW, steps=1, schedule="falling").guidance_at(0)] == [HOW.guidance]
    assert {replace(HOW, guidance=0.0, schedule="falling").guidance_at(step) for step in range(6)} == {0.0}


def test_every_step_has_its_guidance(model: MaskedMotionTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    scales: list[float] = []

    def record(guide: Guide, _tokens: torch.Tensor, chosen: torch.Tensor, step: int) -> torch.Tensor:
        scales.append(guide.how.guidance_at(step))
        return torch.randn(int(chosen.sum()), 20)

    monkeypatch.setattr(Guide, "__call__", record)
    _draw(model, [12], replace(HOW, steps=4, schedule="falling"))
    assert scales == [4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize("steps", [1, 4, 10, 30])
def test_decoding_leaves_no_mask_and_depends_on_the_seed_alone(
    model: MaskedMotionTransformer, steps: int
) -> None:
    lengths = [1, 5, 12, 9]
    how = replace(HOW, steps=steps)
    drawn = [_draw(model, lengths, how, seed) for seed in (1, 1, 2)]
    assert int(drawn[0].max()) < 20 and int(drawn[0].min()) >= 0
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert all(not row[length:].any() for row, length in zip(drawn[0], lengths, strict=True))


def test_a_kept_code_is_never_masked_again(
    model: MaskedMotionTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []

    def record(_guide: Guide, tokens: torch.Tensor, chosen: torch.Tensor, _step: int) -> torch.Tensor:
        seen.append(tokens.clone())
        assert torch.equal(chosen, tokens == model.mask_token)
        return torch.randn(int(chosen.sum()), 20) * 30  # shares of exactly one, the hard case

    monkeypatch.setattr(Guide, "__call__", record)
    _draw(model, [12, 12])
    for before, after in pairwise(seen):
        kept = before != model.mask_token
        assert torch.equal(before[kept], after[kept])
    masked = [int((tokens == model.mask_token).sum()) for tokens in seen]
    assert masked == [24, 24, 22, 18, 12, 8]  # twice ceil(cos(pi k / 12) 12) for k = 0 ... 5


def _logits(monkeypatch: pytest.MonkeyPatch, logits_K: torch.Tensor) -> None:
    """Let every position have these logits."""
    monkeypatch.setattr(
        Guide, "__call__", lambda _guide, _tokens, chosen, _step: logits_K.expand(int(chosen.sum()), -1)
    )


@pytest.mark.parametrize("temperature", [0.0, 1e-12, 1e-3])
def test_a_cold_temperature_takes_the_likeliest(
    model: MaskedMotionTransformer, monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    logits = torch.randn(20) * 100
    _logits(monkeypatch, logits)
    drawn = _draw(model, [12], replace(HOW, temperature=temperature, top_k_fraction=0.99))
    assert (drawn == logits.argmax()).all()


def test_codes_are_drawn_among_the_top_by_their_share(
    model: MaskedMotionTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.full((20,), -1.0)
    logits[[3, 17]] = torch.tensor([3.0, 2.0])
    _logits(monkeypatch, logits)
    codes = _draw(model, [12] * 400, replace(HOW, steps=1)).flatten()
    assert set(codes.tolist()) == {3, 17}  # a tenth of twenty codes
    assert (codes == 3).float().mean() == pytest.approx(1 / (1 + torch.e**-1), abs=0.02)
    assert set(_draw(model, [12], replace(HOW, top_k_fraction=0.0)).flatten().tolist()) == {3}


@pytest.mark.parametrize(
    ("fraction", "size", "kept"),
    [(0.1, 512, 51), (0.1, 256, 26), (0.1, 15, 1), (0.1, 4, 1), (1, 7, 7), (0, 9, 1)],
)
def test_a_fraction_of_the_codebook_is_rounded(fraction: float, size: int, kept: int) -> None:
    assert kept_codes(fraction, size) == kept


@pytest.mark.parametrize("steps", [1, 10])
def test_given_codes_stay_and_the_others_are_drawn(model: MaskedMotionTransformer, steps: int) -> None:
    given = torch.randint(0, 20, (3, 12))
    free = torch.zeros(3, 12, dtype=torch.bool)
    free[0, 4:7], free[1, 0], free[2, 9:] = True, True, True
    mask = model.mask_token
    drawn = _draw(model, [12, 12, 12], replace(HOW, steps=steps), given=given.masked_fill(free, mask))
    assert torch.equal(drawn[~free], given[~free])
    assert int(drawn.max()) < 20
    others = _draw(
        model, [12, 12, 12], replace(HOW, steps=steps), seed=1, given=given.masked_fill(free, mask)
    )
    assert not torch.equal(drawn[free], others[free])


def test_the_schedule_counts_the_codes_that_are_drawn(
    model: MaskedMotionTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def record(_guide: Guide, _tokens: torch.Tensor, chosen: torch.Tensor, _step: int) -> torch.Tensor:
        counts.append(int(chosen.sum()))
        return torch.randn(counts[-1], 20)

    monkeypatch.setattr(Guide, "__call__", record)
    given = torch.randint(0, 20, (1, 12))
    given[0, 2:9] = model.mask_token
    _draw(model, [12], given=given)
    assert counts == [7, 7, 7, 5, 4, 2]  # ceil(cos(pi k / 12) 7)
