"""What any kind of tokenizer may rely on: identity, channels, and a kind that is no convolution."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import Tensor

from lamp_core.config.base import Optimisation, Section
from lamp_core.errors import LampError
from lamp_core.tokenizers import kinds
from lamp_core.tokenizers.clips import channel_usage, encode_clips, reconstruct_clips
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.kinds import KINDS, Kind, new_tokenizer, untrained_tokenizer
from lamp_core.tokenizers.protocol import (
    NOTHING_DECODED,
    Channel,
    DecodedError,
    MotionTokenizer,
    as_first_channel,
    first_channel,
)
from lamp_core.tokenizers.training import ValidationClips, train_tokenizer

from .conftest import SMALL, SMALL_GRID, WHOLE_BODY, started


class BandsSettings(Section):
    kind: str = "bands"
    levels: int = Field(9, description="codes of each half of the numbers")
    window_frames: int = 16
    clip_start_share: float = 0.0
    training: Optimisation = Optimisation(
        steps=150, batch_size=4, learning_rate=0.02, warmup_steps=0, schedule="constant", weight_decay=0.0
    )


class Bands(MotionTokenizer):
    """Rounds the mean of each half of the numbers over two frames: two parts, neither to be left out."""

    settings: BandsSettings

    def __init__(self, feature_count: int, settings: BandsSettings) -> None:
        super().__init__(feature_count, settings)
        self.shift = torch.nn.Parameter(torch.zeros(2))

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(Channel(name, "body part", self.settings.levels) for name in ("low", "high"))

    @property
    def downsampling(self) -> int:
        return 2

    @property
    def latent_dim(self) -> int:
        return 2

    def latents(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        halves = features_BTD.unflatten(1, (-1, 2)).mean(dim=2).tensor_split(2, dim=-1)
        latents_BSC = torch.stack([half.mean(dim=-1) for half in halves], dim=-1)
        if lengths_B is None:
            return latents_BSC
        inside_BS = torch.arange(latents_BSC.shape[1]) < (lengths_B // 2)[:, None]
        return latents_BSC * inside_BS[..., None]

    def encode(self, features_BTD: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        middle = self.settings.levels // 2
        codes_BSR = (self.latents(features_BTD) + middle).round().clamp(0, self.settings.levels - 1).long()
        if lengths_B is not None:
            inside_BS = torch.arange(codes_BSR.shape[1]) < (lengths_B // 2)[:, None]
            codes_BSR = codes_BSR * inside_BS[..., None]
        return codes_BSR

    def decode(self, codes_BSR: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        self.check_channels(codes_BSR)
        values_BSR = codes_BSR - self.settings.levels // 2 + self.shift
        widths = torch.tensor([(self.feature_count + 1) // 2, self.feature_count // 2])
        made_BTD = values_BSR.repeat_interleave(widths, dim=-1).repeat_interleave(2, dim=1)
        if lengths_B is not None:
            made_BTD = made_BTD * (torch.arange(made_BTD.shape[1]) < 2 * lengths_B[:, None])[..., None]
        return made_BTD

    def losses(
        self, features_BTD: Tensor, decoded: Mapping[str, DecodedError] = NOTHING_DECODED
    ) -> dict[str, Tensor]:
        return {"loss": (self.decode(self.encode(features_BTD)) - features_BTD).square().mean()}


@pytest.fixture
def bands(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """A kind of its own file and one line."""
    kind = Kind("bands", "Bands", Bands, BandsSettings)
    monkeypatch.setitem(KINDS, "bands", kind)
    return kind


@pytest.fixture
def steps() -> list[np.ndarray]:
    """Clips that stand still, each half of the numbers at a whole number and a quarter."""
    poses = ((8, 1.25, -2.75), (11, 3.25, 0.25), (9, -1.75, 2.25), (14, 0.25, 1.25))
    return [np.tile(np.float32([low] * 3 + [high] * 2), (2 * tokens, 1)) for tokens, low, high in poses]


def test_a_kind_that_is_no_convolution_is_trained_saved_and_used(
    bands: Kind, steps: list[np.ndarray], tmp_path: Path
) -> None:
    tokenizer = train_tokenizer(
        steps, BandsSettings(), device=torch.device("cpu"), validation=ValidationClips(steps[:2])
    )
    save_tokenizer(tmp_path, tokenizer)
    loaded = load_tokenizer(tmp_path)
    assert isinstance(loaded, Bands) and loaded.identity() == tokenizer.identity()
    codes = encode_clips(loaded, [*steps, steps[0][:7]], batch_frames=30)
    assert [codes_SR.shape for codes_SR in codes] == [(8, 2), (11, 2), (9, 2), (14, 2), (3, 2)]
    for clip_TD, made_TD in zip(steps, reconstruct_clips(loaded, steps), strict=True):
        np.testing.assert_allclose(made_TD, clip_TD, atol=0.05)
    assert set(channel_usage(codes, loaded.channels)) == {
        *("code_utilisation", "code_utilisation_1"),
        *("code_perplexity", "code_perplexity_1"),
        *("code_utilisation_of_all", "code_perplexity_of_all"),
    }
    with pytest.raises(ValueError, match="2 to 2 channels"):
        reconstruct_clips(loaded, steps, channels=1)
    assert type(untrained_tokenizer(loaded)) is Bands


def test_every_kind_of_the_catalogue_is_built_and_found_again(tmp_path: Path) -> None:
    for name, kind in kinds.KINDS.items():
        tokenizer = new_tokenizer(WHOLE_BODY, SMALL_GRID.model_copy(update={"kind": name}))
        assert type(tokenizer) is kind.tokenizer and kinds.kind_of(tokenizer) is kind
        assert 1 <= tokenizer.min_channels <= len(tokenizer.channels)
        assert len({channel.name for channel in tokenizer.channels}) == len(tokenizer.channels)
    of_section = {name for name, kind in KINDS.items() if kind.settings is type(SMALL)}
    assert of_section == set(get_args(type(SMALL).model_fields["kind"].annotation))
    assert set(kinds.KINDS) == set(get_args(type(SMALL_GRID).model_fields["kind"].annotation))
    with pytest.raises(LampError, match="unknown kind of tokenizer 'none'"):
        kinds.kind_named("none")


def test_a_kind_is_the_same_whatever_section_names_it() -> None:
    torch.manual_seed(0)
    own = new_tokenizer(263, SMALL)
    torch.manual_seed(0)
    grid = SMALL_GRID.model_copy(
        update={
            "kind": "vqvae",
            "codebook_size": SMALL.codebook_size,
            "commitment_weight": SMALL.commitment_weight,
        }
    )
    assert new_tokenizer(263, grid).identity() == own.identity()


def test_the_identity_follows_weights_codes_and_sizes(tokenizer: MotionTokenizer) -> None:
    seen = [tokenizer.identity()]
    assert tokenizer.identity() == seen[0]
    for name, tensor in tokenizer.state_dict().items():
        if name in ("encoder.first.bias", "decoder.last.weight") or name.endswith("codes_KC"):
            tensor.view(-1)[0] += 1
            seen.append(tokenizer.identity())
            tensor.view(-1)[0] -= 1
    tokenizer.settings = tokenizer.settings.model_copy(update={"dilation_growth": 2})
    seen.append(tokenizer.identity())
    assert len(set(seen)) == len(seen) == 4 + len(tokenizer.channels)


def test_the_identity_does_not_ask_how_it_was_trained(tokenizer: MotionTokenizer) -> None:
    before = tokenizer.identity()
    training = Optimisation(steps=9, batch_size=9, learning_rate=0.9)
    tokenizer.settings = tokenizer.settings.model_copy(update={"training": training})
    assert tokenizer.identity() == before
    assert started(SMALL).identity() != started(SMALL).identity()


@pytest.mark.parametrize("size", [0, 2**16 + 1])
def test_a_channel_has_codes_of_16_bits(size: int) -> None:
    assert Channel("grid", "grid part", 2**16).codebook_size == 65536
    with pytest.raises(ValueError, match=r"at most 2\^16"):
        Channel("grid", "grid part", size)


def test_the_first_channel_and_back() -> None:
    codes_BSR = torch.randint(9, (2, 5, 3))
    assert torch.equal(first_channel(codes_BSR), codes_BSR[:, :, 0])
    assert torch.equal(as_first_channel(first_channel(codes_BSR)), codes_BSR[:, :, :1])
    codes_SR = codes_BSR[0].numpy()
    assert np.array_equal(as_first_channel(first_channel(codes_SR)), codes_SR[:, :1])
