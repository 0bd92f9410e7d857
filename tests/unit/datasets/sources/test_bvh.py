"""Folders of BVH files: joint maps, and the real clips when they are there."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml

from lamp_core.datasets.sources import KINDS, Source
from lamp_core.errors import LampError
from lamp_core.skeleton.mapping import load_map
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

REAL = Path(__file__).parents[5] / "shared" / "data" / "bandai-namco"


@pytest.fixture
def real_source() -> Source:
    if not REAL.is_dir():
        pytest.skip("the real clips are not beside the project")
    stated = Source(
        name="real", kind="bvh", motions=REAL / "bvh", captions=REAL / "texts", splits=REAL / "splits"
    )
    return KINDS["bvh"].complete(stated)


def test_real_map_and_reference_are_detected(real_source: Source) -> None:
    assert (real_source.map, real_source.skeleton) == ("bandai-namco", None)
    assert real_source.reference_clip == "BN2_walk_normal_001"


@pytest.mark.parametrize("skeleton_name", ["smpl22", "kit21"])
def test_real_clips_stand_upright_in_the_skeletons_unit(real_source: Source, skeleton_name: str) -> None:
    skeleton = load_skeleton(skeleton_name)
    jobs = KINDS["bvh"].clip_jobs(real_source, skeleton)
    assert len(jobs) == 2765
    for job in islice(jobs, 0, None, 400):
        clip = job.load()
        assert np.isfinite(clip.joints_TJ3).all()
        heights_T = np.ptp(clip.joints_TJ3[..., 1], axis=1) * skeleton.metres_per_unit
        assert 1.2 < np.median(heights_T) < 2.0
        assert len(clip.captions) == 4


def test_map_of_the_users_own(tmp_path: Path, bvh_source, smpl22: Skeleton) -> None:
    for path in (bvh_source.folder / "bvh").iterdir():
        path.write_text(path.read_text().replace("pelvis", "Hueften"))
    stated = bvh_source.source.model_copy(update={"map": None, "skeleton": None})
    with pytest.raises(LampError, match="no joint map fits"):
        KINDS["bvh"].complete(stated)
    own = load_map("smpl22").model_dump(mode="json", exclude_none=True) | {"name": "own"}
    own["skeletons"]["smpl22"]["pelvis"] = "Hueften"
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    source = KINDS["bvh"].complete(stated.model_copy(update={"map": str(tmp_path / "own.yaml")}))
    clip = next(iter(KINDS["bvh"].clip_jobs(source, smpl22))).load()
    assert clip.joints_TJ3.shape == (16, 22, 3)
    assert ("map", tmp_path / "own.yaml") in list(KINDS["bvh"].files(source))


def test_map_is_not_detected_from_unreadable_files(bvh_source) -> None:
    for path in (bvh_source.folder / "bvh").iterdir():
        path.write_bytes(b"")
    with pytest.raises(LampError, match="none of the first BVH files can be read"):
        KINDS["bvh"].complete(bvh_source.source.model_copy(update={"map": None}))
