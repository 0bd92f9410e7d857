"""A loss on decoded feet: where a true foot stands, the decoded one moves as it does.

Shapes: B batch, T frames, S steps from a frame to the next (T-1), F foot joints, D feature numbers a frame.
"""

import torch.nn.functional as F
from torch import Tensor

from lamp_core.features.foot_steps import foot_steps
from lamp_core.features.layout import STANDS, FeatureLayout
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.skeleton.skeleton import skeleton_with_features


def contact_error(statistics: FeatureStatistics, true_BTD: Tensor, made_BTD: Tensor) -> Tensor:
    """Smooth L1 between the steps of true and of made feet in the world, where the true foot is in contact.

    A true foot in contact hardly moves, so that this is the speed at which the made one slides, and it asks
    for no more stillness than the truth has. Steps are in deviations of the features' velocities; the mean is
    over all steps and feet, with nothing from those without contact.

    Args:
        statistics: what normalised the features.
        true_BTD: normalised features, whose contacts are read.
        made_BTD: normalised features.
    """
    width = true_BTD.shape[-1]
    layout, skeleton = FeatureLayout.of_width(width), skeleton_with_features(width)
    raw_BTD, raw_made_BTD = (statistics.denormalise(each.float()) for each in (true_BTD, made_BTD))
    stands_BSF = raw_BTD[:, :-1, layout["contacts"]] > STANDS
    deviation = float(statistics.std_D[layout["velocities"]].mean())
    true_BSF3, made_BSF3 = (foot_steps(each, skeleton) / deviation for each in (raw_BTD, raw_made_BTD))
    error_BSF3 = F.smooth_l1_loss(made_BSF3, true_BSF3, reduction="none")
    return (error_BSF3 * stands_BSF[..., None]).mean()
