"""Another data set in the space of the trained models."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lamp_core.config import Config, override
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.families.family import measure
from lamp_core.evaluation.trained import Trained
from lamp_core.evaluation.transfer import features_on
from lamp_core.features.decode import decode
from lamp_core.skeleton.kinematics import bone_lengths
from lamp_core.systems.lamp import MODELS


def register_published(data: Path, folder: Path, skeleton: str = "smpl22") -> None:
    """A data set in the published layout: ready features of bodies half as large again."""
    own = FeatureSet.load(data / "features")
    for name in ("new_joints", "texts"):
        (folder / name).mkdir(parents=True)
    places = range(12)
    for place in places:
        joints = decode(torch.from_numpy(np.array(own.features[place])), own.skeleton).numpy()
        np.save(folder / "new_joints" / f"{place:03d}.npy", 1.5 * joints)
        (folder / "texts" / f"{place:03d}.txt").write_text("a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\n")
    for split, names in (("train", places[:2]), ("val", places[2:3]), ("test", places[3:])):
        (folder / f"{split}.txt").write_text("\n".join(f"{place:03d}" for place in names))
    source = {"name": "larger", "kind": "humanml3d", "motions": str(folder), "skeleton": skeleton}
    (data / "sources" / "larger.yaml").write_text(yaml.safe_dump(source))


@pytest.fixture
def other(small_data: Path, tmp_path: Path) -> Path:
    """A project's data folder that has the models, and a second data set registered."""
    data = tmp_path / "data"
    data.mkdir()
    for path in small_data.iterdir():
        if path.name != "sources":
            (data / path.name).symlink_to(path)
    (data / "sources").mkdir()
    (data / "sources" / "procedural.yaml").write_text("name: procedural\nkind: procedural\n")
    register_published(data, tmp_path / "published")
    return data


def test_features_have_the_models_body_and_statistics(other: Path, config: Config, tmp_path: Path) -> None:
    own = FeatureSet.load(other / "features")
    found = features_on("larger", other, config.ingest, tmp_path / "cache")
    assert (found.dataset, len(found.of_split("test"))) == ("larger", 9)
    np.testing.assert_array_equal(found.statistics.mean_D, own.statistics.mean_D)
    np.testing.assert_array_equal(found.statistics.std_D, own.statistics.std_D)
    np.testing.assert_allclose(found.reference_J3, own.reference_J3, rtol=1e-6)
    # The clips are those of the own data set on a larger body: in the models' body they are the same again.
    np.testing.assert_allclose(found.features[5], own.features[5][:-1], atol=2e-3)
    joints = decode(torch.from_numpy(np.array(found.features[5])), own.skeleton)
    expected = bone_lengths(torch.from_numpy(np.array(own.reference_J3)).float(), own.skeleton)
    np.testing.assert_allclose(bone_lengths(joints[0], own.skeleton), expected, rtol=1e-3)


def test_they_are_made_once_and_again_when_a_file_changes(
    other: Path, config: Config, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    for _ in range(2):
        features_on("larger", other, config.ingest, cache)
        assert len(list(cache.iterdir())) == 1
    made = next(cache.iterdir())
    assert not (made / "clips.parquet").exists()
    os.utime(tmp_path / "published" / "new_joints" / "004.npy", (1, 1))
    features_on("larger", other, config.ingest, cache)
    assert len(list(cache.iterdir())) == 2
    features_on("larger", other, override(config, ["ingest.min_frames=20"]).ingest, cache)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("split", ["test", "all"])
def test_the_models_are_measured_on_it(split: str, other: Path, config: Config, tmp_path: Path) -> None:
    wanted = override(config, ["evaluate.protocols=[reconstruction, text-to-motion, full]"])
    features = features_on("larger", other, wanted.ingest, tmp_path / "cache")
    trained = Trained(other, wanted, features, torch.device("cpu"), MODELS, split, own_data=False)
    families = measure(trained, FAMILIES)
    assert {row.items for row in families["retrieval"]} == {9 if split == "test" else 12}
    assert len(trained.items) == {row.items for row in families["tokenizer"]}.pop() > 0


def test_another_skeleton_and_an_unknown_name_are_named(other: Path, config: Config, tmp_path: Path) -> None:
    source = yaml.safe_load((other / "sources" / "larger.yaml").read_text())
    (other / "sources" / "larger.yaml").write_text(yaml.safe_dump({**source, "skeleton": "kit21"}))
    with pytest.raises(LampError, match="has the skeleton kit21, the models were trained on smpl22"):
        features_on("larger", other, config.ingest, tmp_path / "cache")
    with pytest.raises(LampError, match="unknown data set 'nowhere'; known: larger, procedural"):
        features_on("nowhere", other, config.ingest, tmp_path / "cache")


def test_a_set_with_only_a_test_split_is_measured_as_it_is(
    other: Path, config: Config, tmp_path: Path
) -> None:
    """Its first test clip stands in for the reference pose, and the models' body counts all the same."""
    folder = tmp_path / "published"
    everything = features_on("larger", other, config.ingest, tmp_path / "cache")
    for split in ("train", "val"):
        (folder / f"{split}.txt").unlink()
    (folder / "test.txt").write_text("003\n004\n005\n")
    found = features_on("larger", other, config.ingest, tmp_path / "cache")
    assert (found.clips, found.splits) == (["003", "004", "005"], ["test"] * 3)
    np.testing.assert_array_equal(found.reference_J3, everything.reference_J3)
    for clip, features_TD in zip(found.clips, found.features, strict=True):
        expected_TD = everything.features[everything.clips.index(clip)]
        np.testing.assert_allclose(features_TD, expected_TD, atol=1e-6)  # other clips stand in the block


def test_what_is_known_of_its_captions_is_counted(other: Path, config: Config) -> None:
    """Word for word, whatever the case and the punctuation: an independent count by strings."""
    own = FeatureSet.load(other / "features")
    found = features_on("larger", other, config.ingest, other / "cache")
    captions = [["A man WALKS"], [own.captions[own.of_split("train")[0]][0].text.upper()]]
    texts = [[Caption(text, ("x",), ("X",)) for text in of_clip] for of_clip in captions]
    test = [place for place in found.of_split("test") if len(found.features[place]) >= 4][:2]
    part = replace(
        found,
        clips=[found.clips[place] for place in test],
        splits=["test"] * 2,
        features=[found.features[place] for place in test],
        captions=texts,
        labels=[],
    )
    trained = Trained(other, config, part, torch.device("cpu"), MODELS, own_data=False)
    plain = {text.lower().strip(" .").replace(",", "") for text in trained.training_captions}
    expected = np.mean([of_clip[0].lower().strip(" .").replace(",", "") in plain for of_clip in captions])
    assert trained.known_captions == expected
    assert expected >= 0.5
