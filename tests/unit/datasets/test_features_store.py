"""The features as later stages read them: views, splits and the hashes that caches are checked against."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata, read_clips, write_clips
from lamp_core.datasets.drift import feature_arrays
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton


@pytest.fixture
def folder(tmp_path: Path, smpl22: Skeleton, bvh_source) -> Path:
    ingest(bvh_source.source, smpl22, tmp_path / "ingest")
    extract_features(tmp_path / "ingest", tmp_path / "features")
    return tmp_path


def test_splits_shapes_and_views(folder: Path, smpl22: Skeleton) -> None:
    loaded = FeatureSet.load(folder / "features")
    assert len(loaded) == 12
    assert [len(loaded.of_split(split)) for split in ("train", "val", "test")] == [8, 2, 2]
    assert loaded.skeleton == smpl22
    assert loaded.reference_J3.shape == (22, 3)
    for features_TD in loaded.features:
        assert features_TD.shape == (15, 263)
        assert features_TD.dtype == np.float32
        assert not features_TD.flags.owndata
    assert loaded.version == read_clip_metadata(folder / "ingest" / CLIPS_FILE).version


def test_hashes_follow_what_they_stand_for(folder: Path) -> None:
    before = FeatureSet.load(folder / "features")
    assert FeatureSet.load(folder / "features").feature_hash == before.feature_hash
    extract_features(folder / "ingest", folder / "features", std_root_divisor=25.0)
    other_statistics = FeatureSet.load(folder / "features")
    path = folder / "ingest" / CLIPS_FILE
    clips = list(read_clips(path))
    clips[0].joints_TJ3 = clips[0].joints_TJ3 * np.float32(1.01)
    write_clips(path, clips, read_clip_metadata(path))
    extract_features(folder / "ingest", folder / "features", std_root_divisor=25.0)
    other_features = FeatureSet.load(folder / "features")
    assert len({before.feature_hash, other_statistics.feature_hash, other_features.feature_hash}) == 3
    assert before.split_hash == other_statistics.split_hash == other_features.split_hash


def test_features_of_another_width_are_refused_by_every_reader(folder: Path, smpl22: Skeleton) -> None:
    path = folder / "features" / "features.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("features")
    short = pa.array([values[:-1] for values in table["features"].to_pylist()], pa.list_(pa.float32()))
    metadata = {b"lamp": pq.read_metadata(path).metadata[b"lamp"]}
    pq.write_table(table.set_column(place, "features", short).replace_schema_metadata(metadata), path)
    for read in (
        lambda: FeatureSet.load(folder / "features"),
        lambda: list(feature_arrays(path, smpl22)),
    ):
        with pytest.raises(LampError, match=r"features\.parquet: field 'features' holds \d+ numbers"):
            read()


@pytest.mark.parametrize("name", ["features.parquet", "reference.npy", "mean.npy"])
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / "features" / name).unlink()
    with pytest.raises(LampError, match=name):
        FeatureSet.load(folder / "features")
