"""Feet stand where the features say so, and where they are low."""

import numpy as np

from lamp_core.features.contacts import told_contacts
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton


def test_a_contact_is_of_both_ends_of_its_step(skeleton: Skeleton) -> None:
    features = np.zeros((10, skeleton.feature_count), np.float32)
    joints = np.repeat(np.array(skeleton.rest)[None], 10, axis=0)
    first = FeatureLayout.of(skeleton)["contacts"].start
    features[2:5, first + 1] = 0.9  # the left foot
    features[6, first + 3] = 0.6  # the right foot
    features[8, [first, first + 2]] = 1.0  # ankles tell nothing of the toes
    contacts = told_contacts(features, joints, skeleton)
    assert np.flatnonzero(contacts[:, 0]).tolist() == [2, 3, 4, 5]
    assert np.flatnonzero(contacts[:, 1]).tolist() == [6, 7]


def test_a_foot_in_the_air_stands_on_nothing(skeleton: Skeleton) -> None:
    features = np.ones((10, skeleton.feature_count), np.float32)
    joints = np.repeat(np.array(skeleton.rest)[None], 10, axis=0)
    joints[4:7, skeleton.feet[1], 1] += 0.3 / skeleton.metres_per_unit
    contacts = told_contacts(features, joints, skeleton)
    assert np.flatnonzero(~contacts[:, 0]).tolist() == [4, 5, 6]
    assert contacts[:, 1].all()
