from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.errors import LampError
from lamp_core.features.layout import ROOT_BLOCKS, FeatureLayout
from lamp_core.features.statistics import FeatureStatistics, feature_statistics
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

LAYOUT = FeatureLayout.of(load_skeleton("smpl22"))


def random_clips(count: int = 5) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    scales = generator.uniform(0.1, 3, LAYOUT.width)
    return [generator.normal(1000, scales, (int(n), LAYOUT.width)) for n in generator.integers(20, 60, count)]


def test_mean_and_deviation_are_those_of_all_frames():
    clips = random_clips()
    frames = np.concatenate(clips)
    statistics = feature_statistics(iter(clips), LAYOUT, std_root_divisor=1)
    np.testing.assert_allclose(statistics.mean_D, frames.mean(0), rtol=1e-6)
    for name, group in LAYOUT.groups():
        np.testing.assert_allclose(
            statistics.std_D[group], frames.std(0)[group].mean(), rtol=1e-5, err_msg=name
        )
    assert statistics.mean_D.dtype == statistics.std_D.dtype == np.float32


@pytest.mark.parametrize("divisor", [5.0, 25.0])
def test_divisor_applies_to_root_and_contacts_only(divisor: float):
    plain = feature_statistics(random_clips(), LAYOUT, std_root_divisor=1)
    divided = feature_statistics(random_clips(), LAYOUT, std_root_divisor=divisor)
    for name, group in LAYOUT.groups():
        factor = divisor if name in (*ROOT_BLOCKS, "contacts") else 1
        np.testing.assert_allclose(divided.std_D[group] * factor, plain.std_D[group], rtol=1e-6)


def test_divisor_is_five_by_default():
    default, five = feature_statistics(random_clips(), LAYOUT), feature_statistics(random_clips(), LAYOUT, 5)
    np.testing.assert_array_equal(default.std_D, five.std_D)


def test_published_deviation_has_the_same_structure(shared: Path):
    """Std.npy is constant within our groups, and differs from group to group."""
    published = np.load(shared / "data" / "humanml3d-sample" / "Std.npy")
    values = []
    for name, group in LAYOUT.groups():
        assert np.unique(published[group]).size == 1, name
        values.append(float(published[group][0]))
    assert len(set(values)) == len(values)
    features = np.load(shared / "data" / "humanml3d-sample" / "new_joint_vecs" / "012314.npy")
    ours = feature_statistics([features], LAYOUT, std_root_divisor=1).std_D
    for name, group in LAYOUT.groups():
        assert np.unique(ours[group]).size == 1, name


def test_group_that_does_not_vary_is_not_blown_up():
    clips = random_clips()
    for clip in clips:
        clip[:, LAYOUT["contacts"]] = 1
    statistics = feature_statistics(clips, LAYOUT)
    assert (statistics.std_D[LAYOUT["contacts"]] == 1).all()
    assert np.isfinite(statistics.normalise(clips[0])).all()


def test_normalised_features_come_back():
    clip = random_clips()[0].astype(np.float32)
    statistics = feature_statistics(random_clips(), LAYOUT)
    tensor = torch.from_numpy(clip)[None]
    np.testing.assert_allclose(statistics.denormalise(statistics.normalise(clip)), clip, rtol=1e-5)
    torch.testing.assert_close(
        statistics.denormalise(statistics.normalise(tensor)), tensor, rtol=1e-5, atol=0
    )
    np.testing.assert_allclose(statistics.normalise(tensor)[0].numpy(), statistics.normalise(clip), rtol=1e-6)


def test_saved_statistics_come_back(tmp_path: Path):
    statistics = feature_statistics(random_clips(), LAYOUT)
    statistics.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mean.npy", "std.npy"]
    loaded = FeatureStatistics.load(tmp_path)
    np.testing.assert_array_equal(loaded.mean_D, statistics.mean_D)
    np.testing.assert_array_equal(loaded.std_D, statistics.std_D)


def test_missing_or_broken_statistics_name_the_file(tmp_path: Path):
    with pytest.raises(LampError, match=r"mean\.npy.*stage 'features'"):
        FeatureStatistics.load(tmp_path)
    (tmp_path / "mean.npy").write_bytes(b"not an array")
    with pytest.raises(LampError, match=r"mean\.npy"):
        FeatureStatistics.load(tmp_path)


def test_what_has_no_statistics_is_refused(skeleton: Skeleton):
    layout = FeatureLayout.of(skeleton)
    bad = np.zeros((3, layout.width))
    bad[1, 1] = np.nan
    for clips, fault in (([], "no clips"), ([bad], "not finite"), ([bad[:, 1:]], "shape")):
        with pytest.raises(LampError, match=fault):
            feature_statistics(clips, layout)
