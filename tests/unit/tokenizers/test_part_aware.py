"""Body and hands by codebooks of their own: what each code depends on, and that both are learned."""

import numpy as np
import pytest
import torch

from lamp_core.config.base import Optimisation
from lamp_core.datasets.synthetic.generate import generate_clips
from lamp_core.errors import LampError
from lamp_core.features.encode import encode
from lamp_core.features.parts import hand_columns
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.tokenizers.clips import encode_clips, reconstruct_clips
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.part_aware import PartAwareVQVAE
from lamp_core.tokenizers.protocol import check_first_channel
from lamp_core.tokenizers.training import ValidationClips, train_tokenizer

from .conftest import SMALL, WHOLE_BODY

SETTINGS = SMALL.model_copy(update={"kind": "part-aware"})
HANDS = list(hand_columns(WHOLE_BODY))
BODY = sorted(set(range(WHOLE_BODY)) - set(HANDS))


@pytest.fixture
def part_aware() -> PartAwareVQVAE:
    tokenizer = new_tokenizer(WHOLE_BODY, SETTINGS)
    assert isinstance(tokenizer, PartAwareVQVAE)
    tokenizer.train().reconstruct(torch.randn(12, 32, WHOLE_BODY))
    return tokenizer.eval()


def test_the_hands_are_thirty_joints_and_the_body_is_what_a_body_alone_has() -> None:
    assert len(HANDS) == 30 * (3 + 6 + 3) and len(BODY) == 263
    assert hand_columns(263) == hand_columns(251) == ()


def test_body_and_hands_are_the_channels_and_neither_is_left_out(part_aware: PartAwareVQVAE) -> None:
    assert [(channel.name, channel.kind) for channel in part_aware.channels] == [
        ("body", "body part"),
        ("hands", "body part"),
    ]
    assert part_aware.min_channels == 2
    with pytest.raises(ValueError, match="2 to 2 channels"):
        part_aware.decode(torch.zeros(1, 4, 1, dtype=torch.long))


def test_the_hands_are_coded_without_the_body_and_the_body_with_the_hands(part_aware: PartAwareVQVAE) -> None:
    window = torch.randn(6, 32, WHOLE_BODY)
    codes = part_aware.encode(window)
    other_body, other_hands = window.clone(), window.clone()
    other_body[..., BODY] = torch.randn(6, 32, len(BODY))
    other_hands[..., HANDS] = 3 * torch.randn(6, 32, len(HANDS))
    of_other_body, of_other_hands = part_aware.encode(other_body), part_aware.encode(other_hands)
    assert torch.equal(of_other_body[..., 1], codes[..., 1])
    assert not torch.equal(of_other_body[..., 0], codes[..., 0])
    assert not torch.equal(of_other_hands[..., 1], codes[..., 1])
    latents, of_hands = part_aware.latents(window), part_aware.latents(other_hands)
    assert not torch.allclose(latents[..., :16], of_hands[..., :16]), (
        "the hands' code joins the body's latent"
    )


def test_the_body_is_joined_with_the_hands_code_and_not_with_their_latent(part_aware: PartAwareVQVAE) -> None:
    window = torch.randn(1, 32, WHOLE_BODY)
    nearly = window.clone()
    nearly[..., HANDS] += 1e-3
    assert torch.equal(part_aware.encode(window)[..., 1], part_aware.encode(nearly)[..., 1])
    body, hands = part_aware.latents(window).chunk(2, dim=-1)
    body_nearly, hands_nearly = part_aware.latents(nearly).chunk(2, dim=-1)
    assert (hands - hands_nearly).abs().max() > 1e-5
    torch.testing.assert_close(body, body_nearly, atol=1e-6, rtol=0)


def test_an_error_of_the_body_moves_the_encoder_of_the_hands(part_aware: PartAwareVQVAE) -> None:
    window = torch.randn(2, 32, WHOLE_BODY)
    made = part_aware.train().reconstruct(window).features_BTD
    (made[..., BODY] - window[..., BODY]).square().mean().backward()
    assert part_aware.encoder.join.weight.grad.abs().sum() > 0
    assert part_aware.encoder.hands.first.weight.grad.abs().sum() > 0


def test_a_model_of_the_first_channel_alone_is_refused(part_aware: PartAwareVQVAE) -> None:
    with pytest.raises(
        LampError, match=r"\(body, hands\) are decoded together; take tokenizer.kind vqvae or rvq"
    ):
        check_first_channel(part_aware)
    check_first_channel(new_tokenizer(WHOLE_BODY, SMALL))


@pytest.mark.parametrize("width", [263, 251])
def test_features_without_hands_are_refused(width: int) -> None:
    with pytest.raises(LampError, match=r"features of \d+ numbers have no hands; .*smplx52") as refused:
        new_tokenizer(width, SETTINGS)
    assert "\n" not in str(refused.value)


def test_eight_clips_are_learned_by_heart() -> None:
    skeleton = load_skeleton("smplx52")
    clips = []
    for clip in generate_clips(8, seed=1, skeleton=skeleton):
        clips.append(encode(clip.joints_TJ3[:49], skeleton, canonical_reference(skeleton)).numpy())
    every = np.concatenate(clips)
    clips = [((clip - every.mean(0)) / (every.std(0) + 0.05)).astype(np.float32) for clip in clips]
    settings = SETTINGS.model_copy(
        update={
            "hidden_dim": 48,
            "code_dim": 32,
            "codebook_size": 128,
            "training": Optimisation(
                steps=160, batch_size=8, learning_rate=3e-3, warmup_steps=5, weight_decay=0.0, seed=1
            ),
        }
    )
    held = ValidationClips(clips)
    tokenizer = train_tokenizer(clips, settings, device=torch.device("cpu"))
    still = float(np.mean([np.where(np.abs(c) < 1, 0.5 * c**2, np.abs(c) - 0.5).mean() for c in clips]))
    assert held.measure(tokenizer) < 0.35 * still
    codes = encode_clips(tokenizer, clips)
    made = reconstruct_clips(tokenizer, clips)
    for clip, codes_SR, made_TD in zip(clips, codes, made, strict=True):
        decoded = tokenizer.decode(torch.from_numpy(codes_SR)[None])[0].detach().numpy()
        np.testing.assert_allclose(decoded, made_TD, atol=1e-4)
        assert len(made_TD) == len(clip) // 4 * 4
