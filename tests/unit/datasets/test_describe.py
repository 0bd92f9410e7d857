"""The description counts what is there, and the drift finds what was moved."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lamp_core.config.models import ClipLimits
from lamp_core.datasets.describe import Description, describe, size_of
from lamp_core.datasets.drift import (
    Moments,
    compare,
    feature_arrays,
    moments_of,
    moments_of_folder,
    number_names,
)
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.errors import LampError
from lamp_core.features.layout import GROUPS, FeatureLayout
from lamp_core.report.data_set_page import render_description
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from tests.unit.datasets.conftest import WrittenSource


@pytest.fixture
def outputs(bvh_source: WrittenSource, smpl22: Skeleton, tmp_path: Path) -> Path:
    """Ingest and features of the twelve clips, of which one is broken and one has two captions."""
    bvh_source.motion("walk_03").write_text("HIERARCHY")
    caption = bvh_source.caption("walk_05")
    caption.write_text(caption.read_text() + "she kicks <b>twice</b>.#she/PRON kick/VERB twice/ADV#0.1#0.5\n")
    folder = tmp_path / "outputs"
    ingest(bvh_source.source, smpl22, folder / "ingest", max_rejected=0.5, workers=1)
    extract_features(folder / "ingest", folder / "features")
    return folder


def described(outputs: Path, limits: ClipLimits | None = None) -> Description:
    return describe(outputs / "ingest", outputs / "features", limits)


def test_counts(outputs: Path) -> None:
    found = described(outputs)
    assert (found.name, found.skeleton, found.feature_count) == ("tiny", "smpl22", 263)
    assert [(split.split, split.clips) for split in found.splits] == [("train", 7), ("val", 2), ("test", 2)]
    assert found.clips == found.features == len(found.seconds_N) == 11
    frames = sum(split.frames for split in found.splits)
    assert found.hours == pytest.approx(frames / 20 / 3600)
    assert found.feature_frames == frames - 11
    assert size_of(outputs / "ingest") == (11, pytest.approx(frames / 20))


def test_captions_and_their_words(outputs: Path) -> None:
    found = described(outputs)
    assert sorted(found.words_C.tolist()) == [3] + [4] * 11
    assert found.spans == 1
    assert found.vocabulary == 7
    assert found.common_words["VERB"] == [("walk", 11), ("kick", 1)]


def test_ranges_hold_what_the_features_hold(outputs: Path) -> None:
    found = described(outputs)
    assert tuple(group.group for group in found.groups) == GROUPS
    assert sum(group.numbers for group in found.groups) == 263
    for group in found.groups:
        assert group.smallest <= group.percentile_1 <= group.mean + 1e-6
        assert group.mean - 1e-6 <= group.percentile_99 <= group.largest


@pytest.mark.slow
def test_every_number_has_its_range(outputs: Path, smpl22: Skeleton) -> None:
    found = described(outputs)
    rows = np.concatenate(list(feature_arrays(outputs / "features" / "features.parquet", smpl22)))
    assert [number.name for number in found.numbers] == number_names(smpl22)
    for name, of in (("smallest", rows.min(0)), ("mean", rows.mean(0)), ("largest", rows.max(0))):
        np.testing.assert_allclose([getattr(number, name) for number in found.numbers], of, atol=1e-5)
    lengths = found.lengths
    assert lengths is not None
    assert lengths.shortest == lengths.median == lengths.longest == pytest.approx(16 / 20)
    assert "velocities left_wrist y" in render_description(found)


def test_rejected_and_warned_clips_with_their_reasons(outputs: Path) -> None:
    found = described(outputs, ClipLimits(max_speed=0.01))
    assert [(reason.reason, reason.clips) for reason in found.rejected] == [("truncated", 1)]
    assert found.rejected[0].examples[0][0] == "walk_03"
    assert ("too-fast", 11) in [(reason.reason, reason.clips) for reason in found.warnings]


@pytest.mark.slow
def test_page_stands_alone_and_escapes(outputs: Path) -> None:
    page = render_description(described(outputs))
    assert page.startswith("<!doctype html>")
    assert "walk_03" in page and "truncated" in page and "Drift" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    hostile = replace(described(outputs), name="<script>alert(1)</script>")
    assert "<script>alert" not in render_description(hostile)
    with_drift = render_description(
        described(outputs), compare(*[moments_of_folder(outputs / "features")] * 2)
    )
    assert "Numbers that moved furthest" in with_drift


def test_a_set_does_not_drift_from_itself(outputs: Path) -> None:
    moments = moments_of_folder(outputs / "features")
    drift = compare(moments, moments)
    assert all(group.shift == 0 and group.ratio in (pytest.approx(1), 0) for group in drift.groups)


def test_moments_are_those_of_all_frames() -> None:
    skeleton = load_skeleton("kit21")
    random = np.random.default_rng(0)
    clips = [random.normal(5, 2, (length, 251)).astype(np.float32) for length in (3, 40, 7)]
    moments = moments_of(clips, "made", skeleton)
    rows = np.concatenate(clips).astype(np.float64)
    assert moments.frames == 50
    np.testing.assert_allclose(moments.mean_D, rows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(moments.std_D, rows.std(0), rtol=1e-5)
    with pytest.raises(LampError, match="no clip"):
        moments_of([], "empty", skeleton)


def test_drift_names_the_number_that_moved(skeleton: Skeleton) -> None:
    layout = FeatureLayout.of(skeleton)
    rng = np.random.default_rng(0)
    mean_D = rng.normal(size=layout.width)
    std_D = np.ones(layout.width)
    names = number_names(skeleton)
    moved_D, wider_D = mean_D.copy(), std_D.copy()
    place = names.index("velocities left_wrist y")
    moved_D[place] += 3
    wider_D[layout["root_height"]] = 2.5
    drift = compare(Moments("a", skeleton, moved_D, wider_D), Moments("b", skeleton, mean_D, std_D))
    assert drift.worst[0].name == "velocities left_wrist y"
    assert drift.worst[0].shift == pytest.approx(3)
    shifts = {group.group: group for group in drift.groups}
    assert shifts["velocities"].largest_shift == pytest.approx(3)
    assert shifts["root_height"].ratio == pytest.approx(2.5)
    assert shifts["positions"].shift == 0


def test_numbers_are_named_by_group_joint_and_coordinate(skeleton: Skeleton) -> None:
    names, layout = number_names(skeleton), FeatureLayout.of(skeleton)
    assert len(names) == len(set(names)) == layout.width
    for group, place in layout.groups():
        assert all(name.startswith(group) for name in names[place])
    foot = skeleton.joints[skeleton.feet[3]]
    assert names[-1] == f"contacts {foot}"


def test_statistics_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"no Mean\.npy"):
        moments_of_folder(tmp_path)
    np.save(tmp_path / "Mean.npy", np.zeros(7))
    np.save(tmp_path / "Std.npy", np.zeros(7))
    with pytest.raises(LampError, match="no known skeleton"):
        moments_of_folder(tmp_path)
    np.save(tmp_path / "Std.npy", np.full(263, np.nan))
    with pytest.raises(LampError, match="no row of finite"):
        moments_of_folder(tmp_path)


def test_sets_of_two_skeletons_are_not_compared() -> None:
    one, two = (
        Moments(name, skeleton := load_skeleton(name), *np.ones((2, skeleton.feature_count)))
        for name in ("smpl22", "kit21")
    )
    with pytest.raises(LampError, match="one skeleton"):
        compare(one, two)


def test_published_statistics_are_read(shared: Path) -> None:
    moments = moments_of_folder(shared / "data" / "humanml3d-sample")
    assert moments.skeleton.name == "smpl22" and moments.frames == 0
    features = np.load(shared / "data" / "humanml3d-sample" / "new_joint_vecs" / "012314.npy")
    drift = compare(moments_of([features], "clip", moments.skeleton), moments)
    assert all(group.shift < 3 for group in drift.groups)
