"""What ``--plant`` does in every command that writes motions.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from collections.abc import Sequence

import numpy as np

from lamp_core.features.contacts import told_contacts
from lamp_core.skeleton.planting import foot_sliding, plant_feet, standing_still, toe_contacts
from lamp_core.skeleton.skeleton import Skeleton


def planted(
    motions: Sequence[np.ndarray],
    features: Sequence[np.ndarray | None],
    skeleton: Skeleton,
    frames_per_second: float,
) -> tuple[list[np.ndarray], str]:
    """Plant the feet of motions, and tell how much they slid before and slide now.

    Args:
        motions: joints (T, J, 3) each, in the skeleton's unit.
        features: (T, D) each, not normalised, whose contacts are read; None where height and speed decide.
        skeleton: whose joints they are.
        frames_per_second: of the motions.
    """
    contacts = [
        toe_contacts(joints_TJ3, skeleton, frames_per_second)
        if features_TD is None
        else told_contacts(features_TD, joints_TJ3, skeleton)
        for joints_TJ3, features_TD in zip(motions, features, strict=True)
    ]
    stand = [
        plant_feet(joints_TJ3, contacts_T2, skeleton, frames_per_second)
        for joints_TJ3, contacts_T2 in zip(motions, contacts, strict=True)
    ]
    still = [
        standing_still(contacts_T2, joints_TJ3, stand_TJ3, skeleton)
        for contacts_T2, joints_TJ3, stand_TJ3 in zip(contacts, motions, stand, strict=True)
    ]
    before, after = (
        100
        * np.mean(
            [foot_sliding(joints_TJ3, held_T2, skeleton, frames_per_second) for joints_TJ3, held_T2 in pairs]
        )
        for pairs in (zip(motions, contacts, strict=True), zip(stand, still, strict=True))
    )
    share = np.concatenate(contacts).any(axis=1).mean()
    return stand, f"feet in contact slid at {before:.1f} cm/s, now {after:.1f} ({share:.0%} of the frames)"
