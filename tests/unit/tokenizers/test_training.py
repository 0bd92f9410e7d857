"""Training: windows, overfitting, and one seed, one tokenizer."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from lamp_core.config.models import Optimisation
from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.errors import LampError
from lamp_core.tokenizers.clips import encode_clips, reconstruct_clips
from lamp_core.tokenizers.training import ValidationClips, Windows, train_tokenizer

CPU = torch.device("cpu")


def test_a_window_is_a_run_of_frames_of_its_clip() -> None:
    lengths = (12, 3, 9, 8)
    clips = [
        np.stack([np.full(n, i), np.arange(n)], axis=1).astype(np.float32) for i, n in enumerate(lengths)
    ]
    windows = Windows(clips, 8, CPU)
    assert len(windows) == 3
    cut = windows.cut(np.array([0, 1, 2] * 60))
    assert cut.shape == (180, 8, 2)
    assert cut[:, :, 0].eq(torch.tensor([0.0, 2.0, 3.0] * 60)[:, None]).all()
    assert cut[:, :, 1].diff(dim=1).eq(1).all()
    starts = [set(cut[place::3, 0, 1].tolist()) for place in range(3)]
    assert starts == [{0.0, 1.0, 2.0, 3.0, 4.0}, {0.0, 1.0}, {0.0}]


def test_a_share_of_the_windows_begins_with_its_clip() -> None:
    clips = [np.arange(108, dtype=np.float32)[:, None]]
    torch.manual_seed(0)
    starts = Windows(clips, 8, CPU, clip_start_share=0.25).cut(np.zeros(4000, dtype=int))[:, 0, 0]
    assert float((starts == 0).float().mean()) == pytest.approx(0.25 + 0.75 / 101, abs=0.03)
    others = starts[starts > 0]
    assert float(others.mean()) == pytest.approx(50.5, abs=2)
    assert (float(others.min()), float(others.max())) == (1, 100)
    every = Windows(clips, 8, CPU, clip_start_share=1.0).cut(np.zeros(50, dtype=int))[:, 0, 0]
    assert not every.any()


@pytest.mark.slow
def test_training_overfits_eight_clips(settings: TokenizerSettings, waves: list[np.ndarray]) -> None:
    settings = settings.model_copy(
        update={
            "hidden_dim": 48,
            "window_frames": 64,
            "training": Optimisation(steps=250, batch_size=8, learning_rate=3e-3, warmup_steps=10),
        }
    )
    tokenizer = train_tokenizer(waves, settings, device=CPU)
    true = np.stack(waves)
    errors = [
        np.square(np.stack(reconstruct_clips(tokenizer, waves, channels=channels)) - true).mean()
        / np.var(true)
        for channels in range(1, len(tokenizer.channels) + 1)
    ]
    # Quantiser dropout keeps the first layer usable by itself, and every further layer helps.
    assert errors[0] < 0.03
    assert errors == sorted(errors, reverse=True)


def test_one_seed_one_tokenizer(settings: TokenizerSettings, waves: list[np.ndarray]) -> None:
    first, second = (train_tokenizer(waves, settings, device=CPU) for _ in range(2))
    codes = [encode_clips(tokenizer, waves) for tokenizer in (first, second)]
    assert all(np.array_equal(a, b) for a, b in zip(*codes, strict=True))
    other = settings.training.model_copy(update={"seed": 1})
    third = train_tokenizer(waves, settings.model_copy(update={"training": other}), device=CPU)
    assert not torch.equal(third.encoder.last.bias, first.encoder.last.bias)


def test_use_of_every_layer_is_logged(settings: TokenizerSettings, waves: list[np.ndarray]) -> None:
    logged: dict[str, float] = {}

    def on_log(_step: int, values: Mapping[str, float]) -> None:
        logged.update(values)

    tokenizer = train_tokenizer(waves, settings, device=CPU, on_log=on_log)
    for layer in range(len(tokenizer.channels)):
        suffix = f"_{layer}" if layer else ""
        assert 1 <= logged[f"perplexity{suffix}"] <= settings.codebook_size
        assert 0 < logged[f"utilisation{suffix}"] <= 1


def test_validation_measures_clips_that_were_not_trained_on(
    settings: TokenizerSettings, waves: list[np.ndarray]
) -> None:
    tokenizer = train_tokenizer(waves[:4], settings, device=CPU)
    held = ValidationClips(waves[4:])
    made = np.stack(reconstruct_clips(tokenizer, waves[4:]))
    smooth = torch.nn.functional.smooth_l1_loss(torch.tensor(made), torch.tensor(np.stack(waves[4:])))
    assert held.measure(tokenizer) == pytest.approx(float(smooth))


def test_validation_decides_which_weights_are_kept(
    settings: TokenizerSettings, waves: list[np.ndarray]
) -> None:
    two = settings.training.model_copy(update={"steps": 2, "schedule": "constant", "validate_every": 2})
    four = two.model_copy(update={"steps": 4})
    errors, logged = iter([1.0, 2.0]), []
    held = ValidationClips(waves[4:], error=lambda _true, _made: next(errors), name="val_error")

    def on_log(step: int, values: Mapping[str, float]) -> None:
        if "val_error" in values:
            logged.append((step, values["val_error"]))

    kept = train_tokenizer(
        waves, settings.model_copy(update={"training": four}), device=CPU, validation=held, on_log=on_log
    )
    best = train_tokenizer(waves, settings.model_copy(update={"training": two}), device=CPU)
    assert logged == [(2, 1.0), (4, 2.0)]
    assert all(torch.equal(value, best.state_dict()[name]) for name, value in kept.state_dict().items())


def test_too_short_clips_are_named(settings: TokenizerSettings) -> None:
    with pytest.raises(LampError, match="the longest has 12"):
        train_tokenizer([np.zeros((12, 263), np.float32)], settings, device=CPU)
