"""Masked motion transformer: masking, causality, padding, guidance, decoding, length modes."""

from itertools import pairwise

import pytest
import torch

from lamp_core.config.models import Length, Optimisation, TextToMotion
from lamp_core.generation.length import LengthEstimator, train_length
from lamp_core.generation.masking import mask_count, mask_tokens
from lamp_core.generation.sampler import Sampling, guided_logits, keep_top, sample_tokens
from lamp_core.generation.training import MotionText, masked_losses, train_t2m
from lamp_core.generation.transformer import MaskedMotionTransformer

TRAINING = Optimisation(steps=250, batch_size=8, learning_rate=3e-3, warmup_steps=10, weight_decay=0.0)
SETTINGS = TextToMotion(layers=2, heads=2, width=32, feed_forward=64, dropout=0.0, training=TRAINING)
HOW = Sampling(steps=6, guidance=4.0, temperature=1.0, top_share=0.9, attention="bidirectional")


def _model() -> MaskedMotionTransformer:
    return MaskedMotionTransformer(20, 16, 12, SETTINGS).eval()


def _inputs(batch: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    on = torch.ones(batch, dtype=torch.bool)
    return torch.randint(0, 20, (batch, 10)), torch.full((batch,), 10), torch.randn(batch, 16), on


def test_mask_counts_follow_the_true_length() -> None:
    lengths = torch.tensor([1, 7, 40])
    assert mask_count(torch.tensor(0.0), lengths).tolist() == [1, 7, 40]
    assert mask_count(torch.tensor(0.5), lengths).tolist() == [1, 5, 29]  # ceil(cos(pi / 4) n)
    assert mask_count(torch.tensor(1.0), lengths).tolist() == [1, 1, 1]


def test_masks_stay_inside_the_true_length_and_follow_bert() -> None:
    tokens, lengths = torch.randint(0, 20, (4000, 12)), torch.randint(1, 13, (4000,))
    corrupted, chosen = mask_tokens(tokens, lengths, 20, 20)
    inside = torch.arange(12) < lengths[:, None]
    assert not (chosen & ~inside).any() and chosen.any(1).all()
    assert torch.equal(corrupted[~chosen], tokens[~chosen])
    masked = (corrupted[chosen] == 20).float().mean()
    same = (corrupted[chosen] == tokens[chosen]).float().mean()
    assert masked == pytest.approx(0.8, abs=0.02)
    assert same == pytest.approx(0.1 + 0.1 / 20, abs=0.02)
    # The mean of cos(pi r / 2) over uniform r is 2 / pi; rounding up adds to it.
    assert (chosen.sum(1) / lengths).mean() == pytest.approx(2 / torch.pi + 0.08, abs=0.05)


def test_causal_means_causal() -> None:
    model, (tokens, lengths, condition, on) = _model(), _inputs()
    changed = tokens.clone()
    changed[:, 6] = (tokens[:, 6] + 1) % 20
    for attention, equal_before in (("causal", True), ("bidirectional", False)):
        before = model(tokens, lengths, condition, on, attention)
        after = model(changed, lengths, condition, on, attention)
        assert torch.allclose(before[:, :6], after[:, :6], atol=1e-6) is equal_before
        assert not torch.allclose(before[:, 6:], after[:, 6:], atol=1e-6)


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_padding_changes_nothing(attention: str) -> None:
    model, (tokens, lengths, condition, on) = _model(), _inputs()
    wide = torch.cat([tokens, torch.randint(0, 20, (3, 2))], dim=1)
    torch.testing.assert_close(
        model(tokens, lengths, condition, on, attention),
        model(wide, lengths, condition, on, attention)[:, :10],
    )


def test_guidance_one_is_the_conditional_and_zero_the_unconditional() -> None:
    model, (tokens, lengths, condition, on) = _model(), _inputs()
    conditional = model(tokens, lengths, condition, on, "bidirectional")
    unconditional = model(tokens, lengths, condition, ~on, "bidirectional")

    def guided(scale: float) -> torch.Tensor:
        how = Sampling(6, scale, 1.0, 0.9, "bidirectional")
        return guided_logits(model, tokens, lengths, condition, how)

    torch.testing.assert_close(guided(1.0), conditional)
    torch.testing.assert_close(guided(0.0), unconditional)
    torch.testing.assert_close(guided(4.0), 4 * conditional - 3 * unconditional, atol=1e-4, rtol=1e-4)


def test_keep_top_keeps_a_tenth() -> None:
    kept = keep_top(torch.randn(2, 3, 50), 0.9)
    assert (kept.isfinite().sum(-1) == 5).all()
    assert (keep_top(torch.randn(1, 1, 4), 0.999).isfinite().sum(-1) == 1).all()


@pytest.mark.parametrize("steps", [1, 4, 10, 30])
def test_decoding_leaves_no_mask_and_depends_on_the_seed_alone(steps: int) -> None:
    model, condition, lengths = _model(), torch.randn(4, 16), torch.tensor([1, 5, 12, 9])
    how = Sampling(steps, 4.0, 1.0, 0.9, "bidirectional")
    drawn = [
        sample_tokens(model, condition, lengths, how, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert int(drawn[0].max()) < 20 and int(drawn[0].min()) >= 0
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert all(not row[length:].any() for row, length in zip(drawn[0], lengths, strict=True))


def test_a_kept_code_is_never_masked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = _model(), []

    def record(_model: object, tokens: torch.Tensor, *_: object) -> torch.Tensor:
        seen.append(tokens.clone())
        return torch.randn(*tokens.shape, 20) * 30  # shares of exactly one, the hard case

    monkeypatch.setattr("lamp_core.generation.sampler.guided_logits", record)
    sample_tokens(model, torch.randn(2, 16), torch.tensor([12, 12]), HOW, torch.Generator().manual_seed(0))
    for before, after in pairwise(seen):
        kept = before != model.mask_token
        assert torch.equal(before[kept], after[kept])
    masked = [int((tokens == model.mask_token).sum()) for tokens in seen]
    assert masked == sorted(masked, reverse=True) and masked[0] == 24 and masked[-1] < 12


def test_gradients_reach_every_parameter() -> None:
    model = _model().train()
    items = [MotionText(torch.randint(0, 20, (9,)), torch.randn(2, 16)) for _ in range(60)]
    masked_losses(model, items, torch.device("cpu"))["loss"].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_training_overfits_eight_motions_and_sampling_gives_them_back() -> None:
    items = [MotionText(torch.randint(0, 20, (10,)), torch.eye(16)[i : i + 1] * 4) for i in range(8)]
    settings = SETTINGS.model_copy(update={"attention_train": "bidirectional"})
    model = train_t2m(items, settings, 20, 12, device=torch.device("cpu"))
    conditions = torch.cat([item.conditions_NW for item in items])
    how = Sampling(10, 2.0, 0.1, 0.9, "bidirectional")
    drawn = sample_tokens(model, conditions, torch.full((8,), 10), how, torch.Generator().manual_seed(0))
    right = (drawn == torch.stack([item.codes_S for item in items])).float().mean()
    assert right > 0.95


def test_length_modes_agree_with_their_definitions() -> None:
    model = LengthEstimator(4, Length(bins=3, width=8, training=TRAINING)).eval()
    share = torch.tensor([0.5, 0.1, 0.4])
    model.forward = lambda condition_BW: share.log().expand(len(condition_BW), -1)  # type: ignore[method-assign]
    condition = torch.zeros(4000, 4)

    def tokens(mode: str) -> torch.Tensor:
        model.settings = model.settings.model_copy(update={"mode": mode})
        return model.tokens(condition, torch.Generator().manual_seed(0))

    assert set(tokens("argmax").tolist()) == {1}
    assert set(tokens("expectation").tolist()) == {2}  # 0.5 + 0.2 + 1.2 = 1.9
    counts = torch.bincount(tokens("sample"), minlength=4)[1:] / 4000
    torch.testing.assert_close(counts, share, atol=0.03, rtol=0)
    assert model.bin_of(torch.tensor([1, 3, 99])).tolist() == [0, 2, 2]


def test_the_length_estimator_learns_lengths() -> None:
    conditions, tokens = torch.eye(6) * 3, [2, 5, 9, 14, 20, 33]
    settings = Length(width=32, mode="argmax", training=TRAINING)
    model = train_length(conditions, torch.arange(6), tokens, settings, device=torch.device("cpu"))
    assert model.eval().tokens(conditions).tolist() == tokens
