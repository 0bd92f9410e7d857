"""Units and up axes of BVH sources: what is wrong is said when the set is registered, and can be mended."""

from pathlib import Path

import numpy as np
import pytest

from lamp_core.datasets.registry import register_source
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import Skeleton
from tests.unit.datasets.conftest import WrittenSource, bvh_text


def options(source: WrittenSource, **more: str) -> dict[str, object]:
    stated = source.source
    return {"motions": stated.motions, "captions": stated.captions, "splits": stated.splits, **more}


def rewrite(source: WrittenSource, text: str) -> None:
    for path in (source.folder / "bvh").iterdir():
        path.write_text(text)


def joints_of(source: Source, skeleton: Skeleton) -> np.ndarray:
    return next(iter(KINDS["bvh"].clip_jobs(source, skeleton))).load().joints_TJ3


def scaled(text: str, factor: float) -> str:
    """The same motion in another unit: offsets and the root's places times the factor."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "OFFSET":
            words[1:] = [f"{float(word) * factor:.6f}" for word in words[1:]]
        elif len(words) > 60:
            words[:3] = [f"{float(word) * factor:.6f}" for word in words[:3]]
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def with_z_up(text: str) -> str:
    """The same motion with Z up: the root and its turns, and with it all, lie over."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 60:
            x, y, z = words[:3]
            words = [f"{-float(x):.6f}", z, y, "0", "0", "0", *words[6:]]
        elif words and words[0] == "OFFSET":
            words[1:] = [f"{-float(words[1]):.6f}", words[3], words[2]]
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def test_people_of_ninety_metres_are_refused_with_the_remedy(
    bvh_source: WrittenSource, smpl22: Skeleton, tmp_path: Path
) -> None:
    before = joints_of(bvh_source.source, smpl22)
    rewrite(bvh_source, scaled(bvh_text(smpl22, 24), 100))
    with pytest.raises(LampError, match=r"m tall; give --unit cm"):
        register_source(tmp_path / "data", "tall", "bvh", options(bvh_source))
    summary = register_source(tmp_path / "data", "tall", "bvh", options(bvh_source, unit="cm"))
    np.testing.assert_allclose(joints_of(summary.source, smpl22), before, atol=1e-4)


def test_people_who_lie_are_refused_with_the_remedy(
    bvh_source: WrittenSource, smpl22: Skeleton, tmp_path: Path
) -> None:
    rewrite(bvh_source, with_z_up(bvh_text(smpl22, 24)))
    with pytest.raises(LampError, match="give --up z"):
        register_source(tmp_path / "data", "lying", "bvh", options(bvh_source))
    summary = register_source(tmp_path / "data", "lying", "bvh", options(bvh_source, up="z"))
    joints = joints_of(summary.source, smpl22)
    assert joints[:, smpl22.index("head"), 1].min() > joints[:, 0, 1].max()
    with pytest.raises(LampError, match="give --up z"):
        register_source(tmp_path / "data", "lying", "bvh", options(bvh_source, up="x"))


def test_unit_and_axis_are_part_of_the_version(bvh_source: WrittenSource, smpl22: Skeleton) -> None:
    def hash_of(**changes: str) -> str:
        source = bvh_source.source.model_copy(update=changes)
        return next(iter(KINDS["bvh"].clip_jobs(source, smpl22))).load().source_sha256

    assert len({hash_of(), hash_of(unit="m"), hash_of(unit="cm"), hash_of(up="z")}) == 4


def test_unknown_units_are_named(bvh_source: WrittenSource, tmp_path: Path) -> None:
    for wrong in ({"unit": "parsec"}, {"up": "w"}):
        with pytest.raises(LampError, match=next(iter(wrong))):
            register_source(tmp_path / "data", "odd", "bvh", options(bvh_source, **wrong))
