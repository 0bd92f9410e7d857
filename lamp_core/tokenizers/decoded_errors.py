"""Losses on what windows decode to, which the features alone hide: feet that stand, and the heading.

A heading is the sum of all turns before it, so that errors too small to matter frame by frame lead a clip
astray. The path follows the heading; a loss of its own helped neither data set (docs/trials.md).

Shapes: B batch, T frames, D feature numbers a frame.
"""

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor

from lamp_core.features.decode import facing_of
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.tokenizers.contact import contact_error
from lamp_core.tokenizers.protocol import DecodedError


def heading_error(statistics: FeatureStatistics, true_BTD: Tensor, made_BTD: Tensor) -> Tensor:
    """Mean of 1 - cosine between the true and the made heading, both from the window's first frame.

    Turns that the published encoding reverses (`lamp_core.features.decode.yaw_velocity_of`) are left so in
    both: the loss asks for the stored numbers.

    Args:
        statistics: what normalised the features.
        true_BTD: normalised features.
        made_BTD: normalised features.
    """
    group = FeatureLayout.of_width(true_BTD.shape[-1])["root_yaw_velocity"]
    (cosine_BT1, sine_BT1), (made_cosine_BT1, made_sine_BT1) = (
        facing_of(statistics.of(group).denormalise(features_BTD[..., group].float()))
        for features_BTD in (true_BTD, made_BTD)
    )
    return (1 - cosine_BT1 * made_cosine_BT1 - sine_BT1 * made_sine_BT1).mean()


ERRORS: Mapping[str, Callable[[FeatureStatistics, Tensor, Tensor], Tensor]] = {
    "contact": contact_error,
    "heading": heading_error,
}
"""By name, as `ConvolutionalSizes.decoded_weights` names them."""


def decoded_errors(statistics: FeatureStatistics) -> dict[str, DecodedError]:
    """All errors by name, of windows that these statistics normalised."""
    return {name: partial(error, statistics) for name, error in ERRORS.items()}
