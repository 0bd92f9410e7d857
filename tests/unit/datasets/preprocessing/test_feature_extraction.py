"""Features of a whole data set: the same as clip by clip, statistics of train only, bad clips left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamp_core.datasets import clips_store
from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata, read_clips, write_clips
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing import feature_extraction as extraction
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.preprocessing.rejected_clips import REJECTED_FILE, read_rejected
from lamp_core.errors import LampError
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.statistics import feature_statistics
from lamp_core.io.parquet import open_parquet
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


@pytest.fixture
def clips_folder(tmp_path: Path, smpl22: Skeleton, bvh_source) -> Path:
    ingest(bvh_source.source, smpl22, tmp_path / "ingest")
    return tmp_path / "ingest"


def test_same_as_clip_by_clip(
    tmp_path: Path, clips_folder: Path, smpl22: Skeleton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "FRAMES_A_SHARD", 40)
    progress: list[tuple[int, int]] = []
    summary = extract_features(
        clips_folder, tmp_path, on_progress=lambda done, total: progress.append((done, total))
    )
    assert (summary.clips, summary.frames, summary.rejected.clips) == (12, 12 * 15, 0)
    assert progress == [(3, 12), (6, 12), (9, 12), (12, 12)]
    loaded = FeatureSet.load(tmp_path)
    reference = torch.from_numpy(loaded.reference_J3)
    for index, clip in enumerate(read_clips(clips_folder / CLIPS_FILE)):
        expected_TD = encode(torch.tensor(clip.joints_TJ3), smpl22, reference).numpy()
        np.testing.assert_allclose(loaded.features[index], expected_TD, atol=1e-5)
        assert loaded.captions[index] == clip.captions
        assert (loaded.clips[index], loaded.splits[index]) == (clip.name, clip.split)


def test_the_clips_are_opened_once(
    tmp_path: Path, clips_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def noted(path: Path, *rest: Any) -> Any:
        opened.append(path)
        return open_parquet(path, *rest)

    monkeypatch.setattr(clips_store, "open_parquet", noted)
    assert extract_features(clips_folder, tmp_path, mirror=True).mirrored > 0
    assert opened == [clips_folder / CLIPS_FILE]


def test_statistics_are_of_the_train_split(tmp_path: Path, clips_folder: Path, smpl22: Skeleton) -> None:
    extract_features(clips_folder, tmp_path, std_root_divisor=25.0)
    loaded = FeatureSet.load(tmp_path)
    train = [torch.tensor(loaded.features[index]) for index in loaded.of_split("train")]
    expected = feature_statistics(train, FeatureLayout.of(smpl22), 25.0)
    np.testing.assert_allclose(loaded.statistics.mean_D, expected.mean_D, atol=1e-6)
    np.testing.assert_allclose(loaded.statistics.std_D, expected.std_D, atol=1e-6)


def test_ready_features_and_published_statistics_are_used_as_they_are(
    tmp_path: Path, write_published
) -> None:
    written = write_published("kit21", True)
    ingest(written.source, load_skeleton("kit21"), tmp_path / "ingest")
    extract_features(tmp_path / "ingest", tmp_path, statistics="published")
    loaded = FeatureSet.load(tmp_path)
    for name, features_TD in zip(loaded.clips, loaded.features, strict=True):
        np.testing.assert_array_equal(features_TD, np.load(written.motion(name)))
    assert (np.asarray(loaded.statistics.mean_D) == 0.5).all()
    assert (np.asarray(loaded.statistics.std_D) == 2.0).all()


def test_published_statistics_that_the_source_lacks(tmp_path: Path, clips_folder: Path) -> None:
    with pytest.raises(
        LampError, match=r"'tiny' has no Mean.npy and Std.npy; set features.statistics to train"
    ):
        extract_features(clips_folder, tmp_path, statistics="published")


def test_clip_that_does_not_move_is_left_out(tmp_path: Path, clips_folder: Path) -> None:
    path = clips_folder / CLIPS_FILE
    clips = list(read_clips(path))
    clips[4].joints_TJ3 = np.repeat(clips[4].joints_TJ3[:1], 9, axis=0)
    write_clips(path, clips, read_clip_metadata(path))
    summary = extract_features(clips_folder, tmp_path)
    assert summary.clips == 11
    assert [(row.clip, row.reason) for row in read_rejected(tmp_path / REJECTED_FILE)] == [
        ("walk_04", "no-motion")
    ]
    assert "walk_04" not in FeatureSet.load(tmp_path).clips


def test_nothing_left_of_train_is_an_error(tmp_path: Path, clips_folder: Path) -> None:
    path = clips_folder / CLIPS_FILE
    clips = [clip for clip in read_clips(path) if clip.split != "train"]
    write_clips(path, clips, read_clip_metadata(path))
    with pytest.raises(LampError, match="no clip of the train split"):
        extract_features(clips_folder, tmp_path)


def test_missing_clips_are_named(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"clips.parquet is missing"):
        extract_features(tmp_path, tmp_path)


def test_features_do_not_depend_on_torchs_threads(tmp_path: Path, clips_folder: Path) -> None:
    before = torch.get_num_threads()
    hashes = set()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            extract_features(clips_folder, tmp_path)
            hashes.add(FeatureSet.load(tmp_path).feature_hash)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(hashes) == 1
