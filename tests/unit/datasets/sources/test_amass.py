"""AMASS parameter files: rates, axes, the published index, and files with every fault."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clips
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.datasets.sources.amass import read_parameters
from lamp_core.datasets.sources.amass_index import Cut, read_index
from lamp_core.errors import LampError
from lamp_core.features.mirror import mirror
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.skeleton.smplx import load_body_model
from tests.unit.bodies import amass_fields, write_amass, write_body
from tests.unit.datasets.conftest import CAPTION_LINE

VICTIM = "KIT/3/walk_05_poses"


@pytest.fixture
def amass(tmp_path: Path) -> Path:
    """Twelve files of two seconds in the folders of AMASS, texts and body models."""
    for index in range(12):
        name = f"KIT/3/walk_{index:02d}_poses"
        write_amass(tmp_path / "amass" / f"{name}.npz", 241, seed=index)
        caption = tmp_path / "texts" / f"{name}.txt"
        caption.parent.mkdir(parents=True, exist_ok=True)
        caption.write_text(CAPTION_LINE)
    np.savez(tmp_path / "amass" / "KIT" / "3" / "shape.npz", betas=np.zeros(16))
    for gender in ("male", "female"):
        write_body(tmp_path / "smplh" / gender / "model.npz")
    return tmp_path


def stated(folder: Path, **changes) -> Source:
    options = {"motions": folder / "amass", "captions": folder / "texts", "body_model": folder / "smplh"}
    return Source(name="tiny", kind="amass", **(options | changes))


def expected_joints(path: Path, body: Path, skeleton: Skeleton) -> np.ndarray:
    """All frames of a file, Z up, by the body model alone."""
    given = read_parameters(path)
    tensors = (given.rotations_TK3, given.root_T3, given.betas_B)
    model = load_body_model(body / "male" / "model.npz")
    return model.joints(*(torch.tensor(array).float() for array in tensors), skeleton)


def test_a_file_is_a_clip_that_stands_at_the_skeletons_rate(amass: Path, smpl22: Skeleton) -> None:
    source = KINDS["amass"].complete(stated(amass))
    assert ingest(source, smpl22, amass / "out").clips == 12
    for clip in read_clips(amass / "out" / CLIPS_FILE):
        assert clip.source == f"{clip.name}.npz"
        assert clip.joints_TJ3.shape == (41, 22, 3)  # 241 frames at 120 a second: 2 s and the first frame
        every_sixth = expected_joints(amass / "amass" / clip.source, amass / "smplh", smpl22)[::6]
        x, y, z = np.moveaxis(every_sixth, -1, 0)
        np.testing.assert_allclose(clip.joints_TJ3, np.stack([-x, z, y], -1), atol=1e-5)
        head, pelvis = (clip.joints_TJ3[:, smpl22.index(name), 1] for name in ("head", "pelvis"))
        assert ((head - pelvis) > 0.3).all()
    assert len({clip.split for clip in read_clips(amass / "out" / CLIPS_FILE)}) > 1


@pytest.mark.parametrize("rate", [20.0, 50.0, 59.94, 100.0, 250.0])
def test_any_rate_becomes_the_skeletons(amass: Path, smpl22: Skeleton, rate: float) -> None:
    path = write_amass(amass / "amass" / f"{VICTIM}.npz", int(2 * rate) + 1, rate=rate)
    job = next(job for job in KINDS["amass"].clip_jobs(stated(amass), smpl22) if job.name == VICTIM)
    joints_TJ3 = job.load().joints_TJ3
    times = np.arange(len(joints_TJ3)) / 20
    places = expected_joints(path, amass / "smplh", smpl22)[:, 0, 1]
    np.testing.assert_allclose(
        joints_TJ3[:, 0, 2], np.interp(times, np.arange(len(places)) / rate, places), atol=1e-5
    )


def test_other_release_of_the_files_and_of_the_body(amass: Path) -> None:
    fields = amass_fields(60, 30.0, 55)
    fields["mocap_frame_rate"] = fields.pop("mocap_framerate")
    np.savez(amass / "amass" / f"{VICTIM}.npz", **fields)
    body, skeleton = write_body(amass / "smplx" / "SMPLX_NEUTRAL.npz", 55), load_skeleton("smplx52")
    source = KINDS["amass"].complete(stated(amass, body_model=body.parent))
    clip = next(job for job in KINDS["amass"].clip_jobs(source, skeleton) if job.name == VICTIM).load()
    assert clip.joints_TJ3.shape == (60, 52, 3)
    fingers_TF3 = clip.joints_TJ3[:, 22:] - clip.joints_TJ3[:, [20] * 15 + [21] * 15]
    assert np.ptp(fingers_TF3, axis=0).max() > 0.01


def test_the_hands_of_a_body_without_fingers_are_missing(amass: Path) -> None:
    write_amass(amass / "amass" / f"{VICTIM}.npz", 60, joints=24)
    source = KINDS["amass"].complete(stated(amass))
    summary = ingest(source, load_skeleton("smplx52"), amass / "out")
    assert summary.rejected.reasons == {"joint-count": 1}
    assert ingest(source, load_skeleton("smpl22"), amass / "out").clips == 12
    with pytest.raises(LampError, match="AMASS gives the skeletons smpl22, smplx52, not kit21"):
        ingest(source, load_skeleton("kit21"), amass / "out")


BAD_FILES = {
    "nan": ("not-finite", {"poses": np.full((240, 156), np.nan)}),
    "wrong joint count": ("joint-count", {"poses": np.zeros((240, 99))}),
    "no translation": ("unreadable", {"leave_out": ("trans",)}),
    "no rate": ("unreadable", {"leave_out": ("mocap_framerate",)}),
    "another length": ("unreadable", {"trans": np.zeros((7, 3))}),
    "an impossible rate": ("frame-rate", {"mocap_framerate": np.array(120000.0)}),
    "a rate of zero": ("frame-rate", {"mocap_framerate": np.array(0.0)}),
    "millimetres": ("jump", {"trans": 1000.0 * np.cumsum(np.ones((240, 3)), axis=0)}),
    "one frame": ("too-short", {"poses": np.zeros((1, 156)), "trans": np.zeros((1, 3))}),
    "objects": ("unreadable", {"poses": np.array([{"a": 1}], dtype=object)}),
}


@pytest.mark.parametrize("fault", BAD_FILES)
def test_bad_file_is_rejected_and_the_rest_goes_on(amass: Path, smpl22: Skeleton, fault: str) -> None:
    reason, changes = BAD_FILES[fault]
    write_amass(amass / "amass" / f"{VICTIM}.npz", **changes)
    summary = ingest(KINDS["amass"].complete(stated(amass)), smpl22, amass / "out")
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]


@pytest.mark.parametrize(("share", "reason"), [(0.0, "empty"), (0.6, "unreadable")])
def test_torn_file_is_rejected(amass: Path, smpl22: Skeleton, share: float, reason: str) -> None:
    path = amass / "amass" / f"{VICTIM}.npz"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    summary = ingest(KINDS["amass"].complete(stated(amass)), smpl22, amass / "out")
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body_model": None}, "name the body model with --body-model"),
        ({"body_model": "nowhere"}, "no body model in"),
        ({"motions": "texts"}, "no .npz file with a motion"),
        ({"captions": "nowhere"}, "folder of the captions does not exist"),
        ({"splits": "texts"}, "none of train.txt"),
        ({"index": "nowhere.csv"}, "cannot be read"),
    ],
)
def test_bad_registration(amass: Path, change: dict, message: str) -> None:
    changes = {key: value and amass / value for key, value in change.items()}
    with pytest.raises(LampError, match=message):
        KINDS["amass"].complete(stated(amass, **changes))


HEAD = "source_path,start_frame,end_frame,new_name\n"


@pytest.fixture
def indexed(amass: Path) -> Source:
    """The published form: an index that cuts, splits and texts of the new names, with mirror images."""
    long = {"Eyes_Japan_Dataset": "a b/turn", "MPI_HDM05": "mm/x", "TotalCapture": "s1/y", "CMU": "1/1_1"}
    lines = []
    for number, (folder, name) in enumerate(long.items()):
        write_amass(amass / "amass" / folder / f"{name}_poses.npz", 1200, seed=number)
        lines.append(f"./pose_data/{folder}/{name}_poses.npy,10,60,{number:06d}.npy")
    joints_TJ3 = np.array(load_skeleton("smplx52").rest)[None] + np.arange(40)[:, None, None] / 40
    (amass / "amass" / "humanact12").mkdir()
    np.save(amass / "amass" / "humanact12" / "P1.npy", joints_TJ3)
    lines.append("./pose_data/humanact12/P1.npy,0,-1,000004.npy")
    (amass / "index.csv").write_text(HEAD + "\n".join(lines) + "\n")
    names = [f"{mirrored}{number:06d}" for number in range(5) for mirrored in ("", "M")]
    for name in names:
        (amass / "texts" / f"{name}.txt").write_text(CAPTION_LINE)
    (amass / "splits").mkdir()
    (amass / "splits" / "train.txt").write_text("\n".join(names))
    return KINDS["amass"].complete(stated(amass, index=amass / "index.csv", splits=amass / "splits"))


def test_the_index_cuts_as_the_published_scripts(amass: Path, indexed: Source, smpl22: Skeleton) -> None:
    assert indexed.skeleton == "smpl22"
    assert ingest(indexed, smpl22, amass / "out").clips == 10
    clips = {clip.name: clip for clip in read_clips(amass / "out" / CLIPS_FILE)}
    skipped = {"000000": 60, "000001": 60, "000002": 20, "000003": 0}
    for name, frames in skipped.items():
        path = amass / "amass" / clips[name].source.replace(".npy", ".npz")
        whole_TJ3 = expected_joints(path, amass / "smplh", smpl22)[::6]
        x, y, z = np.moveaxis(whole_TJ3[frames:][10:60], -1, 0)
        np.testing.assert_allclose(clips[name].joints_TJ3, np.stack([-x, z, y], -1), atol=1e-5)
    ready_TJ3 = np.load(amass / "amass" / "humanact12" / "P1.npy")[:, :22]
    np.testing.assert_allclose(clips["000004"].joints_TJ3, ready_TJ3, atol=1e-6)
    for name in (*skipped, "000004"):
        np.testing.assert_array_equal(clips[f"M{name}"].joints_TJ3, mirror(clips[name].joints_TJ3, smpl22))
        assert clips[f"M{name}"].source_sha256 != clips[name].source_sha256


def test_mirror_images_that_no_split_names_are_not_made(
    amass: Path, indexed: Source, smpl22: Skeleton
) -> None:
    (amass / "splits" / "train.txt").write_text("000003\nM000003\n000009\n")
    jobs = {job.name: job for job in KINDS["amass"].clip_jobs(indexed, smpl22)}
    assert sorted(jobs) == ["000000", "000001", "000002", "000003", "000004", "000009", "M000003"]
    summary = ingest(indexed, smpl22, amass / "out", max_rejected=1.0)
    reasons = {row.clip: row.reason for row in summary.rejected.examples}
    assert reasons.pop("000009") in {"caption-missing", "motion-missing"}
    assert set(reasons.values()) == {"no-split"}


def test_the_later_release_is_found_under_its_names(amass: Path, indexed: Source, smpl22: Skeleton) -> None:
    folder = amass / "amass" / "Eyes_Japan_Dataset"
    (folder / "a b").rename(folder / "a_b")
    (folder / "a_b" / "turn_poses.npz").rename(folder / "a_b" / "turn_stageii.npz")
    job = next(job for job in KINDS["amass"].clip_jobs(indexed, smpl22) if job.name == "000000")
    assert len(job.load().joints_TJ3) == 50


def test_a_path_that_leaves_the_folder_is_rejected(amass: Path, indexed: Source, smpl22: Skeleton) -> None:
    index = amass / "index.csv"
    index.write_text(index.read_text().replace("./pose_data/CMU/1/1_1", "./pose_data/../../etc/passwd"))
    summary = ingest(indexed, smpl22, amass / "out", max_rejected=1.0)
    assert {(row.clip, row.reason) for row in summary.rejected.examples} == {
        ("000003", "outside"),
        ("M000003", "outside"),
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a,b\n", "its first line is not source_path"),
        (HEAD + "a.npy,1,2\n", "line 2: wanted"),
        (HEAD + "a.npy,one,2,000001.npy\n", "line 2: wanted"),
        (HEAD + "a.npy,5,5,000001.npy\n", "frames 5 to 5 are no span"),
        (HEAD + "a.npy,-5,5,000001.npy\n", "are no span"),
        (HEAD + "a.npy,1,5,1.npy\nb.npy,1,5,1.npy\n", "line 3: the clip '1' stands there twice"),
    ],
)
def test_bad_index(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "index.csv").write_text(lines)
    with pytest.raises(LampError, match=message):
        read_index(tmp_path / "index.csv")


def test_a_rate_that_is_no_multiple_is_counted_as_the_scripts_do() -> None:
    assert Cut("CMU/1.npz", 0, 10).frames(100, 59.94).tolist() == list(range(0, 20, 2))
    assert Cut("Transitions_mocap/1.npz", 0, 3).frames(400, 120.0).tolist() == [60, 66, 72]
    assert Cut("CMU/1.npz", 0, -1).frames(40, 20.0).tolist() == list(range(39))
    assert Cut("CMU/1.npz", 500, 600).frames(40, 20.0).tolist() == []


def test_cut_behind_the_end_of_its_file_is_rejected(amass: Path, indexed: Source, smpl22: Skeleton) -> None:
    write_amass(amass / "amass" / "CMU" / "1" / "1_1_poses.npz", 30)
    summary = ingest(indexed, smpl22, amass / "out", max_rejected=1.0)
    assert summary.rejected.reasons == {"too-short": 2}


def test_amass_becomes_features(amass: Path, indexed: Source, smpl22: Skeleton) -> None:
    ingest(indexed, smpl22, amass / "out")
    extract_features(amass / "out", amass / "features")
    loaded = FeatureSet.load(amass / "features")
    assert len(loaded) == 10
    assert all(np.isfinite(features_TD).all() for features_TD in loaded.features)
