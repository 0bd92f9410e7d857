import pytest

from lamp_core.errors import LampError
from lamp_core.features.layout import GROUPS, FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


def test_groups_follow_each_other_and_fill_the_frame(skeleton: Skeleton):
    layout = FeatureLayout.of(skeleton)
    position = 0
    for name, group in layout.groups():
        assert group.start == position, name
        position = group.stop
    assert position == layout.width == skeleton.feature_count
    assert [name for name, _ in layout.groups()] == list(GROUPS)


def test_published_places():
    layout = FeatureLayout.of(load_skeleton("smpl22"))
    assert layout["root"] == slice(0, 4)
    assert layout["positions"] == slice(4, 67)
    assert layout["rotations"] == slice(67, 193)
    assert layout["velocities"] == slice(193, 259)
    assert layout["contacts"] == slice(259, 263)


def test_unknown_group_names_the_known_ones(skeleton: Skeleton):
    with pytest.raises(LampError, match=r"'speed'.*positions"):
        FeatureLayout.of(skeleton)["speed"]
