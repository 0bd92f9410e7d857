"""The 2-D look-up-free tokenizer: its parts, what passes between them, and that it learns."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from lamp_core.config.models import Optimisation
from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.features.parts import parts_of
from lamp_core.tokenizers.clips import reconstruct_clips
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.lfq2d import GridLFQ
from lamp_core.tokenizers.training import train_tokenizer

from .conftest import SMALL_GRID


def grid(width: int = 263, **changes: object) -> GridLFQ:
    tokenizer = new_tokenizer(width, SMALL_GRID.model_copy(update=changes))
    assert isinstance(tokenizer, GridLFQ)
    return tokenizer.eval()


@pytest.mark.parametrize(
    ("width", "division"), [(263, "groups"), (263, "body"), (623, "body"), (251, "body")]
)
def test_a_channel_is_a_part_of_the_frame(width: int, division: str) -> None:
    tokenizer = grid(width, division=division, codebook_size=2**14)
    names = [part.name for part in parts_of(width, division)]
    assert [channel.name for channel in tokenizer.channels] == names
    assert {(c.kind, c.codebook_size) for c in tokenizer.channels} == {("grid part", 2**14)}
    assert tokenizer.latent_dim == 14 * len(names)
    codes = tokenizer.encode(torch.randn(2, 16, width))
    assert codes.shape == (2, 4, len(names))
    assert tokenizer.decode(codes).shape == (2, 16, width)
    with pytest.raises(ValueError, match="channels"):
        tokenizer.decode(codes[..., :1])


def test_codes_to_numbers_and_back() -> None:
    tokenizer = grid(codebook_size=2**12)
    codes = torch.randint(2**12, (2, 7, 5))
    assert torch.equal(
        tokenizer.quantise(tokenizer.vectors(codes).flatten(0, 1), train=False).codes_NR, codes.flatten(0, 1)
    )


@pytest.mark.parametrize("exchange", [True, False])
def test_parts_read_each_other_only_with_exchange(exchange: bool) -> None:
    tokenizer = grid(division="body", exchange=exchange)
    clip, changed = torch.randn(1, 32, 263), 3
    other = clip.clone()
    columns = list(tokenizer.parts[changed].columns)
    other[..., columns] = torch.randn(1, 32, len(columns))
    one, two = (tokenizer.latents(features).unflatten(-1, (-1, 8)) for features in (clip, other))
    moved = [not torch.equal(one[..., part, :], two[..., part, :]) for part in range(6)]
    assert moved == ([True] * 6 if exchange else [part == changed for part in range(6)])
    codes = tokenizer.encode(clip)
    flipped = codes.clone()
    flipped[..., changed] = 255 - flipped[..., changed]
    kept = [c for part in range(6) if part != changed for c in tokenizer.parts[part].columns]
    same = torch.equal(tokenizer.decode(codes)[..., kept], tokenizer.decode(flipped)[..., kept])
    assert same is not exchange


def test_use_of_every_part_and_entropy_are_among_the_losses() -> None:
    losses = grid().train().losses(torch.randn(4, 32, 263))
    assert {"entropy", "commitment", "perplexity", "perplexity_4", "utilisation_4"} <= set(losses)
    weights = {"features": 1.0, "auxiliary": 0.5, "commitment": 0.25, "entropy": 0.1}
    torch.testing.assert_close(losses["loss"], sum(weight * losses[name] for name, weight in weights.items()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lfq2d", "fsq"])
def test_training_overfits_eight_clips(kind: str, waves: list[np.ndarray]) -> None:
    settings = SMALL_GRID.model_copy(
        update={
            "kind": kind,
            "window_frames": 64,
            "part_dim": 16,
            "hidden_dim": 48,
            "codebook_size": 1024,
            "training": Optimisation(steps=120, batch_size=8, learning_rate=5e-3, warmup_steps=10),
        }
    )
    tokenizer = train_tokenizer(waves, settings, device=torch.device("cpu"))
    true = np.stack(waves)
    error = np.square(np.stack(reconstruct_clips(tokenizer, waves)) - true).mean()
    assert error < 0.05 * np.var(true)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codebook_size": 1000}, "no power of two"),
        ({"kind": "fsq", "codebook_size": 512}, "set levels"),
        ({"kind": "fsq", "levels": (300, 300)}, "at most 65536"),
    ],
)
def test_codes_that_cannot_be_made_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GridTokenizer(**settings)  # type: ignore[arg-type]


def test_the_default_is_the_papers() -> None:
    settings = GridTokenizer()
    assert (settings.kind, settings.bits, settings.entropy_weight) == ("lfq2d", 14, 0.1)
    assert (settings.commitment_weight, settings.inverse_temperature) == (0.25, 100.0)
