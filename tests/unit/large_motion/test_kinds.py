"""Kinds of clips, their weights, static poses, held-out actions and shares of the data."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lamp_core.config.large_motion import DataKinds
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.datasets.synthetic.generate import generate_clip
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.large_motion.kinds import (
    REAL,
    STATIC,
    SYNTHETIC,
    Mixture,
    check_held_out,
    held_captions,
    held_pose,
    is_held_out,
    kind_of_clip,
    nested_share,
)
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton
from tests.unit.large_motion.conftest import SETTINGS


def test_kinds_come_as_often_as_their_weights_say_however_many_items_they_have() -> None:
    kinds = [REAL] * 90 + [SYNTHETIC] * 5 + [STATIC] * 5
    mixture = Mixture(kinds, DataKinds(real=1, synthetic=2, static=1))
    draws = np.random.default_rng(0)
    found = [kinds[mixture.chosen(0, draws)] for _ in range(4000)]
    shares = [found.count(kind) / 4000 for kind in (REAL, SYNTHETIC, STATIC)]
    assert np.allclose(shares, [0.25, 0.5, 0.25], atol=0.03)
    assert mixture.count == 100


def test_one_kind_alone_is_drawn_item_by_item() -> None:
    mixture = Mixture([REAL, SYNTHETIC, REAL], DataKinds(real=1, synthetic=0))
    assert [mixture.chosen(number, np.random.default_rng(0)) for number in range(2)] == [0, 2]
    with pytest.raises(LampError, match="gives no weight to a kind of clips that is there; there are: real"):
        Mixture([REAL], DataKinds(real=0, static=1))
    with pytest.raises(ValueError, match="every weight is 0"):
        DataKinds(real=0, synthetic=0, static=0)


def test_clips_are_synthetic_by_their_data_set_or_their_label() -> None:
    assert kind_of_clip("procedural", {}, SETTINGS) == SYNTHETIC
    assert kind_of_clip("recorded", {}, SETTINGS) == REAL
    assert kind_of_clip("mixed", {"kind": "synthetic"}, SETTINGS) == SYNTHETIC


def test_a_pose_is_told_of_as_its_clip_or_behind_words_of_its_own() -> None:
    captions = tuple(Caption(text, (), ()) for text in ("a person walks", "walking"))
    item = Item("clip", 0, np.zeros((4, 263), np.float32), captions)
    assert held_captions(item, SETTINGS) == ("a person walks", "walking")
    posed = SETTINGS.model_copy(update={"static_caption": "holds a pose: "})
    assert held_captions(item, posed) == ("holds a pose: a person walks", "holds a pose: walking")


def test_actions_are_held_out_by_whole_words() -> None:
    settings = SETTINGS.model_copy(update={"held_out": ("walk", "sit down")})
    held = [{"actions": "walk, then kick"}, {"actions": "wave while sit down"}]
    free = [{"actions": "walking"}, {"actions": "sit"}, {}]
    assert all(is_held_out(labels, settings) for labels in held)
    assert not any(is_held_out(labels, settings) for labels in free)
    check_held_out([*held, *free], settings)
    with pytest.raises(LampError, match="no clip has 'sit down' in its label actions; known: sit, walk"):
        check_held_out([{"actions": "sit"}, {"actions": "walk"}], settings)
    with pytest.raises(LampError, match="known: none, the data set has no such label"):
        check_held_out([{}], settings)


def test_smaller_shares_are_part_of_larger_ones() -> None:
    shares = [set(nested_share(50, share, 3)) for share in (0.001, 0.1, 0.5, 1.0)]
    assert [len(share) for share in shares] == [1, 5, 25, 50]
    assert all(one < other for one, other in pairwise(shares))
    assert len(nested_share(0, 1.0, 3)) == 0


def test_a_held_pose_is_one_pose_that_stays_where_it_is() -> None:
    skeleton = load_skeleton("smpl22")
    joints_TJ3 = generate_clip(0, 0, skeleton).joints_TJ3
    motion_TD = encode(joints_TJ3, skeleton, canonical_reference(skeleton)).numpy()
    held_TD = held_pose(motion_TD, 10, 64)
    held_TJ3, true_TJ3 = (decode(torch.tensor(each_TD), skeleton).numpy() for each_TD in (held_TD, motion_TD))
    assert held_TD.shape == (64, motion_TD.shape[1])
    assert np.allclose(held_TJ3, held_TJ3[:1], atol=1e-5)
    assert np.allclose(held_TJ3[0, :, 1], true_TJ3[10, :, 1], atol=1e-4)


def test_feet_of_a_held_pose_stand_where_they_are_low() -> None:
    skeleton = load_skeleton("smpl22")
    rest_J3 = canonical_reference(skeleton)
    joints_TJ3 = np.repeat(rest_J3[None], 12, axis=0).astype(np.float32)
    joints_TJ3[4:8, :, 1] += 0.5  # a jump
    hip, *leg = (skeleton.joints.index(f"left_{name}") for name in ("hip", "knee", "ankle", "foot"))
    joints_TJ3[9:, leg] += joints_TJ3[9, hip] + [0, 0, 0.4] - joints_TJ3[9, leg[0]]  # the thigh level
    motion_TD = encode(joints_TJ3, skeleton, rest_J3).numpy()
    contacts = FeatureLayout.of(skeleton)["contacts"]
    found = [held_pose(motion_TD, frame, 2)[0, contacts].tolist() for frame in (0, 5, 9)]
    assert found == [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]]
