"""Small sources that the tests write: BVH folders and the published layout."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lamp_core.datasets.sources import KINDS, Source
from lamp_core.features.encode import encode
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

CAPTION_LINE = "a person walks forward.#a/DET person/NOUN walk/VERB forward/ADV#0.0#0.0\n"


@pytest.fixture
def smpl22() -> Skeleton:
    return load_skeleton("smpl22")


@dataclass
class WrittenSource:
    """A source on disk; tests spoil single files of it."""

    folder: Path
    source: Source

    def caption(self, clip: str) -> Path:
        return (self.source.captions or self.folder / "texts") / f"{clip}.txt"

    def motion(self, clip: str) -> Path:
        return next(path for path in self.folder.rglob(f"{clip}.*") if path.suffix in {".bvh", ".npy"})


def moving_joints(skeleton: Skeleton, frames: int, seed: int = 0) -> np.ndarray:
    """The rest pose that walks along Z while all joints tremble smoothly."""
    random = np.random.default_rng(seed)
    phase_J3 = random.uniform(0, 2 * np.pi, (skeleton.joint_count, 3))
    time_T = np.arange(frames) / skeleton.frames_per_second
    unit = 1 / skeleton.metres_per_unit
    joints = np.array(skeleton.rest)[None] + 0.02 * unit * np.sin(4 * time_T[:, None, None] + phase_J3)
    joints[..., 2] += unit * time_T[:, None]
    return joints.astype(np.float32)


def ready_features(skeleton: Skeleton, frames: int, seed: int = 0) -> np.ndarray:
    """Features of `moving_joints`."""
    return encode(moving_joints(skeleton, frames + 1, seed), skeleton, canonical_reference(skeleton)).numpy()


def bvh_text(skeleton: Skeleton, frames: int, frames_per_second: float = 30.0) -> str:
    """The skeleton's joints as a BVH file in metres: the root walks, the joints turn a little."""
    rest = np.array(skeleton.rest)
    children = {joint: [c for c, p in skeleton.bones if p == joint] for joint in range(skeleton.joint_count)}

    def block(joint: int) -> str:
        offset = rest[joint] - rest[skeleton.parents[joint]] if joint else np.zeros(3)
        channels = "6 Xposition Yposition Zposition" if joint == 0 else "3"
        kind = "JOINT" if joint else "ROOT"
        inner = "".join(map(block, children[joint])) or "End Site\n{\nOFFSET 0 0 0\n}\n"
        place = " ".join(f"{number:.5f}" for number in offset)
        head = f"{kind} {skeleton.joints[joint]}\n{{\nOFFSET {place}\n"
        return f"{head}CHANNELS {channels} Zrotation Xrotation Yrotation\n{inner}}}\n"

    time = np.arange(frames)[:, None] / frames_per_second
    root = np.concatenate([0 * time, 0 * time + rest[0, 1], time], axis=1)
    angles = 10 * np.sin(3 * time + np.arange(3 * skeleton.joint_count)[None])
    rows = "\n".join(" ".join(f"{v:.4f}" for v in row) for row in np.concatenate([root, angles], axis=1))
    head = f"MOTION\nFrames: {frames}\nFrame Time: {1 / frames_per_second:.7f}\n"
    return f"HIERARCHY\n{block(0)}{head}{rows}\n"


def write_splits(folder: Path, names: list[str]) -> None:
    """Three quarters train, then val and test."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(names)
    bounds = {"train": (0, count - 4), "val": (count - 4, count - 2), "test": (count - 2, count)}
    for split, (start, end) in bounds.items():
        (folder / f"{split}.txt").write_text("\n".join(names[start:end]) + "\n")


@pytest.fixture
def bvh_source(tmp_path: Path, smpl22: Skeleton) -> WrittenSource:
    """Twelve clips of 24 frames at 30 a second."""
    folder = tmp_path / "source"
    names = [f"walk_{index:02d}" for index in range(12)]
    for part in ("bvh", "texts"):
        (folder / part).mkdir(parents=True)
    for name in names:
        (folder / "bvh" / f"{name}.bvh").write_text(bvh_text(smpl22, 24))
        (folder / "texts" / f"{name}.txt").write_text(CAPTION_LINE)
    write_splits(folder / "splits", names)
    stated = Source(
        name="tiny",
        kind="bvh",
        motions=folder / "bvh",
        captions=folder / "texts",
        splits=folder / "splits",
    )
    return WrittenSource(folder, KINDS["bvh"].complete(stated))


@pytest.fixture
def write_published(tmp_path: Path) -> Callable[[str, bool], WrittenSource]:
    """A function that writes the published layout for a skeleton, with ready features or with joints only."""

    def write(skeleton_name: str, with_features: bool) -> WrittenSource:
        skeleton = load_skeleton(skeleton_name)
        folder = tmp_path / f"published-{skeleton_name}"
        names = [f"{index:06d}" for index in range(12)]
        motions = folder / ("new_joint_vecs" if with_features else "joints")
        for part in (motions, folder / "texts"):
            part.mkdir(parents=True)
        for index, name in enumerate(names):
            features = ready_features(skeleton, 30, index)
            np.save(
                motions / f"{name}.npy", features if with_features else moving_joints(skeleton, 30, index)
            )
            (folder / "texts" / f"{name}.txt").write_text(CAPTION_LINE)
        write_splits(folder, names)
        np.save(folder / "Mean.npy", np.full(skeleton.feature_count, 0.5, dtype=np.float32))
        np.save(folder / "Std.npy", np.full(skeleton.feature_count, 2.0, dtype=np.float32))
        stated = Source(name="published", kind="humanml3d", motions=folder)
        return WrittenSource(folder, KINDS["humanml3d"].complete(stated))

    return write
