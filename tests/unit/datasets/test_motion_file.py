"""A motion file of the user's: joints, features, and every way it can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from lamp_core.datasets.clips import Clip
from lamp_core.datasets.motion_file import FeatureSpace, Gate, read_features, read_motion, read_motion_file
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import load_source
from lamp_core.datasets.synthetic.generate import generate_clips
from lamp_core.errors import LampError
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.skeleton import load_skeleton

SKELETON = load_skeleton("smpl22")
PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def features_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    source = load_source(PROJECT / "data", "procedural")
    ingest(source, SKELETON, folder / "ingest", procedural=(20, 0), workers=1)
    extract_features(folder / "ingest", folder / "features")
    return folder / "features"


@pytest.fixture(scope="module")
def clip() -> Clip:
    return next(iter(generate_clips(1, 5, SKELETON)))


def test_joints_and_features_of_a_clip_read_the_same(
    features_folder: Path, clip: Clip, tmp_path: Path
) -> None:
    np.save(tmp_path / "joints.npy", clip.joints_TJ3)
    motion = read_motion(tmp_path / "joints.npy", features_folder)
    assert motion.shape == ((len(clip.joints_TJ3) - 1) // 4 * 4, 263) and np.isfinite(motion).all()
    mean, std = (np.load(features_folder / f"{name}.npy") for name in ("mean", "std"))
    np.save(tmp_path / "features.npy", motion * std + mean)
    np.testing.assert_allclose(read_motion(tmp_path / "features.npy", features_folder), motion, atol=1e-3)


def test_what_cannot_be_read_is_named(features_folder: Path, clip: Clip, tmp_path: Path) -> None:
    broken = clip.joints_TJ3.copy()
    broken[3, 2] = np.nan
    for name, array, words in (
        ("short.npy", clip.joints_TJ3[:3], "at least 4"),
        ("joints.npy", clip.joints_TJ3[:, :5], r"has the shape .*22, 3"),
        ("nan.npy", broken, "cannot be used"),
        ("words.npy", np.array(["a"]), "holds <U1, not numbers"),
    ):
        np.save(tmp_path / name, array)
        with pytest.raises(LampError, match=words):
            read_motion(tmp_path / name, features_folder)
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "motion.txt").write_text("x")
    for name, words in (
        ("empty.npy", "empty"),
        ("motion.txt", "are read from"),
        ("none.npy", "there is no"),
    ):
        with pytest.raises(LampError, match=words):
            read_motion(tmp_path / name, features_folder)
    with pytest.raises(LampError, match="until features"):
        read_motion(tmp_path / "motion.txt", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("skeleton", "width", "told"),
    [
        ("smpl22", (52, 3), r"of smplx52: the first 22 joints .* array\[:, :22\].* \(--fps 30\)"),
        (
            "smpl22",
            (623,),
            r"of smplx52: `lamp joints` makes joints of it \(--skeleton smplx52\), and the",
        ),
        ("smplx52", (22, 3), "of smpl22, which has not the joints of smplx52; .* trained on smpl22"),
        ("smplx52", (263,), "of smpl22, which has not the joints of smplx52; .* trained on smpl22"),
        ("kit21", (22, 3), "of smpl22, which has not the joints of kit21"),
    ],
)
def test_a_motion_of_another_skeleton_is_told_its_remedy(
    skeleton: str, width: tuple[int, ...], told: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "motion.npy", np.zeros((8, *width), dtype=np.float32))
    with pytest.raises(LampError, match=told):
        read_motion_file(tmp_path / "motion.npy", skeleton=skeleton)
    np.save(tmp_path / "motion.npy", np.zeros((8, 5, 3), dtype=np.float32))
    with pytest.raises(LampError, match=r"known: [^;]*$"):
        read_motion_file(tmp_path / "motion.npy", skeleton=skeleton)


def test_the_remedy_makes_a_motion_of_the_wanted_skeleton(tmp_path: Path) -> None:
    hands = next(iter(generate_clips(1, 5, load_skeleton("smplx52"))))
    np.save(tmp_path / "body.npy", hands.joints_TJ3[:, :22])
    gate = Gate(form=MotionForm(frames_per_second=30))
    motion = read_motion_file(tmp_path / "body.npy", gate, skeleton="smpl22")
    assert motion.joints_TJ3.shape[1:] == (22, 3) and motion.frames_per_second == 30


def test_a_bvh_file_of_a_foreign_skeleton_is_named(features_folder: Path, clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "motion.bvh"
    write_bvh(path, clip.joints_TJ3, SKELETON, 20.0)
    text = path.read_text().replace("left_", "strange_")
    path.write_text(text)
    with pytest.raises(LampError, match="map"):
        read_motion(path, features_folder)


def test_features_keep_all_frames_as_they_are(features_folder: Path, clip: Clip, tmp_path: Path) -> None:
    space = FeatureSpace.load(features_folder)
    np.save(tmp_path / "joints.npy", clip.joints_TJ3[:40])
    features = read_features(tmp_path / "joints.npy", space)
    assert features.shape == (39, 263)
    np.save(tmp_path / "features.npy", features)
    assert np.array_equal(read_features(tmp_path / "features.npy", space), features)
