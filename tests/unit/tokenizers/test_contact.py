"""The loss on decoded feet: nothing where they stand, more where they slide, and none where none is asked."""

import numpy as np
import pytest
import torch

from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.statistics import FeatureStatistics, feature_statistics
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.tokenizers.contact import contact_error
from lamp_core.tokenizers.convolutional import ConvolutionalTokenizer
from lamp_core.tokenizers.decoded_errors import decoded_errors
from lamp_core.tokenizers.kinds import new_tokenizer
from lamp_core.tokenizers.protocol import HOW_TRAINED

from .conftest import SMALL, SMALL_GRID, WHOLE_BODY


def squatting(skeleton: Skeleton, frames: int = 33) -> torch.Tensor:
    """Features of a body that goes up and down over feet that stand."""
    joints = np.repeat(np.array(skeleton.rest)[None], frames, axis=0)
    down = 0.1 * np.sin(np.arange(frames) / 3) / skeleton.metres_per_unit
    legs = ("ankle", "foot", "toes", "midfoot")
    above = [not joint.endswith(legs) for joint in skeleton.joints]
    joints[:, above, 1] -= np.abs(down)[:, None]
    return encode(joints, skeleton, canonical_reference(skeleton))


def with_statistics(features_TD: torch.Tensor) -> tuple[FeatureStatistics, torch.Tensor]:
    layout = FeatureLayout.of_width(features_TD.shape[1])
    generator = torch.Generator().manual_seed(0)
    shaken = features_TD + 0.1 * torch.randn(features_TD.shape, generator=generator) * features_TD.std()
    statistics = feature_statistics([shaken], layout)
    return statistics, statistics.normalise(features_TD)[None]


def sliding(true_BTD: torch.Tensor, statistics: FeatureStatistics, metres_a_frame: float) -> torch.Tensor:
    """The same features with a root that glides over the floor."""
    layout = FeatureLayout.of_width(true_BTD.shape[-1])
    made_BTD = true_BTD.clone()
    forward = layout["root_planar_velocity"].start + 1
    made_BTD[..., forward] += metres_a_frame / float(statistics.std_D[forward])
    return made_BTD


def test_standing_feet_cost_nothing_and_sliding_ones_do() -> None:
    features_TD = squatting(load_skeleton("smpl22"))
    assert features_TD[:, FeatureLayout.of_width(263)["contacts"]].mean() > 0.9
    statistics, true_BTD = with_statistics(features_TD)
    assert contact_error(statistics, true_BTD, true_BTD) == 0
    slow, fast = (contact_error(statistics, true_BTD, sliding(true_BTD, statistics, s)) for s in (0.01, 0.02))
    deviation = float(statistics.std_D[FeatureLayout.of_width(263)["velocities"]][0])
    assert slow == pytest.approx(0.5 * (0.01 / deviation) ** 2 / 3, rel=1e-3)
    assert fast == pytest.approx(4 * float(slow), rel=1e-3)


def test_feet_in_the_air_cost_nothing() -> None:
    statistics, true_BTD = with_statistics(squatting(load_skeleton("smpl22")))
    contacts = FeatureLayout.of_width(263)["contacts"]
    flying_BTD = true_BTD.clone()
    flying_BTD[..., contacts] = torch.from_numpy(-statistics.mean_D / statistics.std_D)[contacts]
    assert contact_error(statistics, flying_BTD, sliding(flying_BTD, statistics, 0.02)) == 0
    # One foot joint of four in contact: a quarter of the loss.
    one_BTD = flying_BTD.clone()
    one_BTD[..., contacts.start] = true_BTD[..., contacts.start]
    whole, one = (
        contact_error(statistics, each, sliding(each, statistics, 0.02)) for each in (true_BTD, one_BTD)
    )
    assert one == pytest.approx(float(whole) / 4, rel=1e-3)


def test_gradient_slows_the_slide_and_is_that_of_the_differences() -> None:
    statistics, true_BTD = with_statistics(squatting(load_skeleton("smpl22"), 8))
    made_BTD = sliding(true_BTD, statistics, 0.02).requires_grad_()
    contact_error(statistics, true_BTD, made_BTD).backward()
    gradient_BTD = made_BTD.grad
    assert gradient_BTD is not None
    layout = FeatureLayout.of_width(263)
    assert (gradient_BTD[:, :-1, layout["root_planar_velocity"].start + 1] > 0).all()
    assert not gradient_BTD[..., layout["contacts"]].any()
    place = (0, 3, layout["root_planar_velocity"].start + 1)
    step = 1e-2
    ends = []
    for sign in (-1, 1):
        moved_BTD = made_BTD.detach().clone()
        moved_BTD[place] += sign * step
        ends.append(float(contact_error(statistics, true_BTD, moved_BTD)))
    assert float(gradient_BTD[place]) == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=0.01)


@pytest.mark.parametrize("name", ["smpl22", "kit21", "smplx52"])
def test_every_skeleton_has_such_feet(name: str) -> None:
    skeleton = load_skeleton(name)
    features_TD = squatting(skeleton)
    features_TD[:, FeatureLayout.of(skeleton)["contacts"]] = 1.0  # kit21's threshold is below rounding
    statistics, true_BTD = with_statistics(features_TD)
    made_BTD = sliding(true_BTD, statistics, 0.02 / skeleton.metres_per_unit)
    assert contact_error(statistics, true_BTD, true_BTD) == 0
    assert contact_error(statistics, true_BTD, made_BTD) > 0


def test_the_weight_adds_the_error_and_without_it_all_is_as_before() -> None:
    statistics, true_BTD = with_statistics(squatting(load_skeleton("smpl22")))
    tokenizer = new_tokenizer(263, SMALL)
    assert isinstance(tokenizer, ConvolutionalTokenizer)
    tokenizer.train().reconstruct(torch.randn(12, 32, 263))
    tokenizer.eval()
    window_BTD, decoded = true_BTD[:, :32], decoded_errors(statistics)
    without = tokenizer.losses(window_BTD, decoded)
    assert "contact" not in without
    tokenizer.settings = SMALL.model_copy(update={"contact_weight": 2.0})
    told = tokenizer.losses(window_BTD, decoded)
    made_BTD = tokenizer.reconstruct(window_BTD).features_BTD
    torch.testing.assert_close(told["contact"], decoded["contact"](window_BTD, made_BTD))
    torch.testing.assert_close(told["loss"], without["loss"] + 2 * told["contact"])
    with pytest.raises(ValueError, match="none is given"):
        tokenizer.losses(window_BTD)


def test_every_kind_takes_it_and_the_identity_does_not_know_it() -> None:
    statistics, true_BTD = with_statistics(squatting(load_skeleton("smplx52")))
    assert "contact_weight" in HOW_TRAINED
    for kind in ("lfq2d", "rvq", "part-aware"):
        identities = set()
        for weight in (0.0, 1.0):
            torch.manual_seed(0)
            settings = SMALL_GRID.model_copy(update={"kind": kind, "contact_weight": weight})
            tokenizer = new_tokenizer(WHOLE_BODY, settings)
            identities.add(tokenizer.identity())
        assert len(identities) == 1
        assert tokenizer.losses(true_BTD[:, :32], decoded_errors(statistics))["contact"] > 0
