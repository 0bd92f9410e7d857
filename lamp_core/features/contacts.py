"""Which feet stand, as the features tell it.

Shapes: T frames, J joints, D feature numbers a frame; 2: left and right.
"""

import numpy as np
from numpy.typing import NDArray

from lamp_core.features.layout import STANDS, FeatureLayout
from lamp_core.skeleton.planting import HIGHEST
from lamp_core.skeleton.skeleton import Skeleton


def told_contacts(
    features_TD: NDArray[np.floating], joints_TJ3: NDArray[np.floating], skeleton: Skeleton
) -> NDArray[np.bool_]:
    """Whether the toes of each side stand on the floor, (T, 2), by the contacts of the features.

    A generated foot that is meant to stand may slide as fast as one that does not; the contacts, which a
    model generates too, tell them apart. A contact is of the step from a frame to the next, so that both
    stand; a foot far above the lowest place of the toes stands on nothing.

    Args:
        features_TD: not normalised.
        joints_TJ3: of the same frames, in the skeleton's unit.
        skeleton: whose joints they are.
    """
    steps_T2 = features_TD[:, FeatureLayout.of(skeleton)["contacts"]][:, 1::2] > STANDS
    stands_T2 = steps_T2.copy()
    stands_T2[1:] |= steps_T2[:-1]
    heights_T2 = joints_TJ3[:, list(skeleton.feet[1::2]), 1] * skeleton.metres_per_unit
    contacts_T2: NDArray[np.bool_] = stands_T2 & (heights_T2 < heights_T2.min() + HIGHEST)
    return contacts_T2
