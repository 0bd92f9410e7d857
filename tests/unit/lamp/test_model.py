"""LaMP: causality, padding, gradients, negatives, losses on eight pairs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lamp_core.config.models import Optimisation, Pretrain
from lamp_core.lamp.model import LaMP, LaMPShape, Pairs, sinusoids
from lamp_core.lamp.objectives import Batch, matching_loss, pretraining_losses

SHAPE = LaMPShape(
    layers=2,
    hidden_dim=32,
    heads=4,
    feed_forward_dim=64,
    max_positions=20,
    vocabulary_size=50,
    queries=3,
    projection_dim=16,
    cross_attention_every=2,
    code_dim=12,
    codebook_size=20,
    max_tokens=12,
    max_text_tokens=20,
    dropout=0.0,
    temperature=0.07,
    motion_decoding="autoregressive",
)
SETTINGS = Pretrain(training=Optimisation(steps=1, batch_size=8, learning_rate=1e-3))
SWITCHED_ON = {"latent_positions": True, "query_pooling": "softened", "sentence_encoder": "minilm"}
SWITCHED_ON_SHAPE = {"latent_positions": True, "sentence_encoder": "minilm", "sentence_dim": 5}


def _pairs(batch: int = 4, tokens: int = 10, words: int = 7) -> Pairs:
    return Pairs(
        torch.randn(batch, tokens, 12),
        torch.ones(batch, tokens, dtype=torch.bool),
        torch.randint(5, 50, (batch, words)),
        torch.ones(batch, words, dtype=torch.bool),
    )


def _model(**changes: object) -> LaMP:
    return LaMP(SHAPE.model_copy(update=changes)).eval()


def _batch(count: int = 8) -> Batch:
    pairs = _pairs(count)
    return Batch(pairs, torch.randint(0, 20, (count, 10)), torch.eye(count, dtype=torch.bool))


def test_a_later_word_changes_no_earlier_caption_state() -> None:
    model, pairs = _model(), _pairs()
    changed = Pairs(pairs.latents_BSC, pairs.tokens_mask_BS, pairs.ids_BL.clone(), pairs.words_mask_BL)
    changed.ids_BL[:, 4] = 6
    _, _, before = model.encode_pairs(pairs)
    _, _, after = model.encode_pairs(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])


def test_a_later_code_changes_no_earlier_motion_logits() -> None:
    model, pairs = _model(), _pairs()
    text = model.encode_text(pairs.ids_BL, pairs.words_mask_BL)
    codes = torch.randint(0, 20, (4, 10))
    changed = codes.clone()
    changed[:, 6] = (codes[:, 6] + 1) % 20
    before = model.motion_logits(text, pairs.words_mask_BL, codes, pairs.tokens_mask_BS)
    after = model.motion_logits(text, pairs.words_mask_BL, changed, pairs.tokens_mask_BS)
    torch.testing.assert_close(before[:, :7], after[:, :7])  # position 7 is the first that sees code 6
    assert not torch.allclose(before[:, 7], after[:, 7])


def test_parallel_generation_sees_no_code() -> None:
    model, pairs = _model(motion_decoding="parallel"), _pairs()
    text = model.encode_text(pairs.ids_BL, pairs.words_mask_BL)
    logits = [
        model.motion_logits(text, pairs.words_mask_BL, torch.full((4, 10), code), pairs.tokens_mask_BS)
        for code in (1, 2)
    ]
    torch.testing.assert_close(logits[0], logits[1])


def test_the_text_does_not_see_the_motion_and_the_queries_not_the_text() -> None:
    model, pairs, other = _model(), _pairs(), _pairs()
    queries, text, _ = model.encode_pairs(pairs)
    swapped = Pairs(other.latents_BSC, pairs.tokens_mask_BS, pairs.ids_BL, pairs.words_mask_BL)
    torch.testing.assert_close(text, model.encode_pairs(swapped)[1])
    torch.testing.assert_close(queries, model.encode_motion(pairs.latents_BSC, pairs.tokens_mask_BS))
    torch.testing.assert_close(text, model.encode_text(pairs.ids_BL, pairs.words_mask_BL))


def _padded(pairs: Pairs, tokens: int, words: int) -> Pairs:
    def wide(x: Tensor, more: int, value: float) -> Tensor:
        return torch.cat([x, torch.full((len(x), more, *x.shape[2:]), value).to(x.dtype)], dim=1)

    return Pairs(
        wide(pairs.latents_BSC, tokens, 9.0),
        wide(pairs.tokens_mask_BS, tokens, 0),
        wide(pairs.ids_BL, words, 0),
        wide(pairs.words_mask_BL, words, 0),
    )


@pytest.mark.parametrize("positions", [False, True])
def test_padding_changes_nothing(positions: bool) -> None:
    model, pairs = _model(latent_positions=positions), _pairs()
    padded = _padded(pairs, 2, 3)
    for alone, beside in zip(model.encode_pairs(pairs), model.encode_pairs(padded), strict=True):
        torch.testing.assert_close(alone, beside[:, : alone.shape[1]])
    torch.testing.assert_close(model.match(pairs), model.match(padded))
    condition = model.condition(pairs.ids_BL, pairs.words_mask_BL)
    torch.testing.assert_close(condition, model.condition(padded.ids_BL, padded.words_mask_BL))
    text = model.encode_text(pairs.ids_BL, pairs.words_mask_BL)
    wide_text = model.encode_text(padded.ids_BL, padded.words_mask_BL)
    codes = torch.randint(0, 20, (4, 10))
    wide_codes = torch.cat([codes, torch.zeros(4, 2, dtype=torch.long)], dim=1)
    torch.testing.assert_close(
        model.motion_logits(text, pairs.words_mask_BL, codes, pairs.tokens_mask_BS),
        model.motion_logits(wide_text, padded.words_mask_BL, wide_codes, padded.tokens_mask_BS)[:, :10],
    )


@pytest.mark.parametrize("positions", [False, True])
def test_the_order_of_the_tokens_is_seen_with_positions_alone(positions: bool) -> None:
    model, pairs = _model(latent_positions=positions), _pairs()
    shuffled = pairs.latents_BSC[:, torch.randperm(10, generator=torch.Generator().manual_seed(0))]
    here, there = (
        model.motion_embedding(model.encode_motion(latents_BSC, pairs.tokens_mask_BS))
        for latents_BSC in (pairs.latents_BSC, shuffled)
    )
    assert torch.allclose(here, there, atol=1e-6) != positions


def test_positions_are_apart_and_bounded() -> None:
    for width in (12, 7):
        table_PW = sinusoids(49, width)
        assert table_PW.shape == (49, width) and table_PW.abs().max() <= 1
        assert (torch.cdist(table_PW, table_PW) + 9 * torch.eye(49)).min() > 0.05


@pytest.mark.parametrize("settings", [SETTINGS, SETTINGS.model_copy(update=SWITCHED_ON)])
def test_gradients_reach_every_parameter(settings: Pretrain) -> None:
    model, batch = LaMP(SHAPE), _batch()
    if settings.sentence_encoder != "none":
        model = LaMP(SHAPE.model_copy(update=SWITCHED_ON_SHAPE))
        batch = replace(batch, pairs=replace(batch.pairs, sentences_BW=torch.randn(8, 5)))
    pretraining_losses(model, batch, settings, done=0.5)["loss"].backward()
    unused = {"text_embedding.segment.weight"}
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A key's bias moves all scores of a row alike, and softmax does not see it.
    assert [name for name in silent if not name.endswith("key.bias") and name not in unused] == []


def test_a_grounded_share_gives_the_losses_of_the_first_pairs() -> None:
    model, batch = _model(), _batch()
    shared = pretraining_losses(model, batch, SETTINGS.model_copy(update={"grounded_share": 0.5}))
    whole = pretraining_losses(model, batch, SETTINGS)
    first = pretraining_losses(model, batch.part(slice(4)), SETTINGS)
    torch.testing.assert_close(shared["contrastive"], whole["contrastive"])
    for objective in ("text_generation", "motion_generation"):
        torch.testing.assert_close(shared[objective], first[objective])


def _uneven(batch: Batch) -> Batch:
    """The batch with motions and captions of many lengths."""
    for row in range(len(batch.codes_BS)):
        batch.pairs.tokens_mask_BS[row, 2 + (5 * row) % 8 :] = False
        batch.pairs.words_mask_BL[row, 3 + (3 * row) % 5 :] = False
    return batch


@pytest.mark.parametrize("groups", [2, 3, 8])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_groups_of_similar_length_have_the_losses_and_gradients_of_one_pass(
    groups: int, share: float
) -> None:
    batch, measured = _uneven(_batch()), []
    for changes in ({}, {"length_groups": groups}):
        model = _model().train()
        model.load_state_dict(_seeded().state_dict())
        settings = SETTINGS.model_copy(update={"grounded_share": share, **changes})
        same = Batch(batch.pairs, batch.codes_BS, batch.equal_BB, torch.Generator().manual_seed(3))
        losses = pretraining_losses(model, same, settings)
        losses["loss"].backward()
        measured.append(
            (losses, {name: p.grad for name, p in model.named_parameters() if p.grad is not None})
        )
    (one, one_gradients), (several, several_gradients) = measured
    torch.testing.assert_close(several, one)
    torch.testing.assert_close(several_gradients, one_gradients, rtol=1e-4, atol=1e-6)


def _seeded() -> LaMP:
    torch.manual_seed(0)
    return _model()


def test_matching_rows_equals_matching_copies_of_them() -> None:
    model, pairs = _model(), _pairs()
    motions, texts = torch.tensor([0, 3, 0, 2]), torch.tensor([1, 3, 0, 0])
    copies = Pairs(
        pairs.latents_BSC[motions],
        pairs.tokens_mask_BS[motions],
        pairs.ids_BL[texts],
        pairs.words_mask_BL[texts],
    )
    torch.testing.assert_close(model.match(pairs, motions, texts), model.match(copies))


def test_a_model_comes_back_from_its_folder(tmp_path: Path) -> None:
    model = _model()
    model.save_pretrained(tmp_path)
    back = LaMP.from_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "config.json"}
    assert not any(parameter.requires_grad for parameter in back.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name]), name


def test_an_objective_that_is_off_gives_no_loss() -> None:
    settings = SETTINGS.model_copy(update={"matching_weight": 0.0, "motion_generation_weight": 0.0})
    losses = pretraining_losses(_model(), _batch(), settings)
    assert set(losses) == {"loss", "contrastive", "text_generation"}
    torch.testing.assert_close(losses["loss"], losses["contrastive"] + losses["text_generation"])


def test_the_scale_is_clamped() -> None:
    model = _model()
    assert model.scale.item() == pytest.approx(1 / 0.07)
    model.log_scale.data.fill_(50.0)
    assert model.scale.item() == 100.0


def test_a_batch_of_equals_draws_no_negative() -> None:
    batch = _batch(3)
    losses = matching_loss(
        _model(), Batch(batch.pairs, batch.codes_BS, torch.ones(3, 3, dtype=torch.bool)), torch.zeros(3, 3)
    )
    assert torch.isfinite(losses)


@pytest.mark.slow
def test_the_losses_fall_to_near_zero_on_eight_pairs() -> None:
    model = LaMP(SHAPE)
    batch = _batch(8)
    settings = SETTINGS.model_copy(update={"label_smoothing": 0.0})
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(220):
        losses = pretraining_losses(model, batch, settings)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
    assert {name: round(float(v), 3) for name, v in losses.items() if v > 0.12} == {}
