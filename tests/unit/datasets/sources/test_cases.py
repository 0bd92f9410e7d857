"""Inputs as people really have them, of every kind: each gives what its EXPECTED.md says.

The folder of cases is read where it stands beside the project; tests of each kind
make such inputs themselves.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lamp_core.datasets.clips import Clip
from lamp_core.datasets.motion_file import Gate, read_motion_file
from lamp_core.datasets.motion_form import MotionForm
from lamp_core.datasets.registry import SourceSummary, register_source
from lamp_core.datasets.sources import KINDS
from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.skeleton import load_skeleton

CASES = Path(__file__).parents[5] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project")
SKELETON = load_skeleton("smpl22")


@dataclass(frozen=True)
class Read:
    """What came of a case."""

    summary: SourceSummary
    clips: dict[str, Clip]
    rejected: dict[str, str]


def register(data: Path, case: str, kind: str, **options: object) -> SourceSummary:
    folder = CASES / case
    places: dict[str, object] = {}
    if kind == "manifest":
        places = {"manifest": folder / "clips.csv", "skeleton": "smpl22"}
    else:
        motions = {"bvh": "bvh", "npy": "joints", "amass": "amass"}[kind]
        places = {"motions": folder / motions}
        places |= {"skeleton": "smpl22"} if kind == "npy" else {}
        places |= {
            key: folder / name
            for key, name in (("captions", "texts"), ("splits", "splits"), ("body_model", "model.npz"))
            if (folder / name).exists()
        }
    return register_source(data, "case", kind, places | options)


def read(data: Path, case: str, kind: str, **options: object) -> Read:
    summary = register(data, case, kind, **options)
    clips, rejected = {}, {}
    for job in KINDS[kind].clip_jobs(summary.source, SKELETON):
        try:
            clips[job.name] = job.load()
        except RejectedClip as fault:
            rejected[job.name] = fault.reason
    return Read(summary, clips, rejected)


@pytest.mark.parametrize(
    "case", ["names-with-spaces", "appledouble-few", "utf16-splits", "bvh-bom", "split-with-endings"]
)
def test_names_folders_and_encodings(tmp_path: Path, case: str) -> None:
    found = read(tmp_path, case, "bvh")
    assert (len(found.clips), found.rejected, found.summary.faults) == (8, {}, {})
    assert found.summary.clips_of_split == {"train": 5, "val": 1, "test": 2}
    assert found.summary.captions == 16
    told = " ".join(found.summary.source.remarks)
    assert ("hidden files" in told) == (case == "appledouble-few")
    assert ("with an ending" in told) == (case == "split-with-endings")


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    elsewhere = CASES / "linked-subfolders" / "elsewhere" / "day_1"
    (tmp_path / "joints").mkdir()
    (tmp_path / "joints" / "day_1").symlink_to(elsewhere, target_is_directory=True)
    found = read(tmp_path, "linked-subfolders", "npy", motions=tmp_path / "joints")
    assert len(found.clips) == 8 and not found.rejected
    assert any("lead out of the folder" in remark for remark in found.summary.source.remarks)


def test_a_header_that_miscounts(tmp_path: Path) -> None:
    found = read(tmp_path, "frames-off-by-one", "bvh")
    assert len(found.clips) == 8
    reason, text = found.clips["walk_00"].remarks[0]
    assert reason == "frame-count" and "says 90 frames and has 91" in text


def test_joint_names_with_spaces(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"no joint map fits the joints Bip01 Pelvis, Bip01 Spine"):
        register(tmp_path, "joint-names-with-spaces", "bvh")
    parts = {"hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder"}
    parts |= {"shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand"}
    middle = {"pelvis": "Pelvis", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2"}
    lines = [
        f"    {joint}: Bip01 {name}" for joint, name in {**middle, "neck": "Neck", "head": "Head"}.items()
    ]
    lines += [
        f"    {side}_{part}: Bip01 {side[0].upper()} {name}"
        for side in ("left", "right")
        for part, name in parts.items()
    ]
    (tmp_path / "map.yaml").write_text(
        "\n".join(["name: own", "metres_per_unit: 0.01", "skeletons:", "  smpl22:", *lines])
    )
    assert len(read(tmp_path, "joint-names-with-spaces", "bvh", map=str(tmp_path / "map.yaml")).clips) == 8


def test_toes_that_are_end_sites(tmp_path: Path) -> None:
    found = read(tmp_path, "no-toe", "bvh", map=str(CASES / "no-toe" / "map-end-site.yaml"))
    joints = found.clips["walk_00"].joints_TJ3
    toe = joints[:, SKELETON.index("left_foot")] - joints[:, SKELETON.index("left_ankle")]
    np.testing.assert_allclose(np.linalg.norm(toe, axis=1), 0.143, atol=1e-3)
    assert register(tmp_path, "no-toe", "bvh").source.map == "perception-neuron"
    with pytest.raises(LampError, match=r"left_ankle to left_foot has no length"):
        register(tmp_path, "no-toe", "bvh", map=str(CASES / "no-toe" / "map-foot-twice.yaml"))
    with pytest.raises(LampError, match=r"names joints that no file has: LeftFoot_End, RightFoot_End"):
        register(tmp_path, "bvh-bom", "bvh", map=str(CASES / "no-toe" / "map-end-site.yaml"))


def test_a_wrong_frame_time(tmp_path: Path) -> None:
    suspected = register(tmp_path, "manifest-bvh-fps", "manifest", map="mixamo")
    assert any("slow motion; is the frame rate right? --fps" in remark for remark in suspected.source.remarks)
    found = read(tmp_path, "manifest-bvh-fps", "manifest", map="mixamo", frames_per_second=120.0)
    assert len(found.clips["walk_00"].joints_TJ3) == pytest.approx(3.0 * 20, abs=1)
    assert found.summary.source.remarks == ()


def test_axes_that_are_not_ours(tmp_path: Path) -> None:
    with pytest.raises(LampError, match="give --up z"):
        register(tmp_path, "npy-z-up", "npy")
    assert len(read(tmp_path, "npy-z-up", "npy", up="z").clips) == 8
    with pytest.raises(LampError, match=r"toes point against the facing \(-0.\d+ m\).*give --left-handed"):
        register(tmp_path, "npy-left-handed", "npy")
    joints = read(tmp_path, "npy-left-handed", "npy", left_handed=True).clips["walk_00"].joints_TJ3
    assert np.median(joints[:, SKELETON.index("left_hip"), 0] - joints[:, SKELETON.index("right_hip"), 0]) > 0


def test_captions_in_other_forms(tmp_path: Path) -> None:
    plain = read(tmp_path, "plain-captions", "bvh")
    assert (plain.summary.captions, len(plain.clips), plain.rejected) == (16, 8, {})
    assert {caption.tags_by for clip in plain.clips.values() for caption in clip.captions} == {"built-in"}
    spacy = read(tmp_path, "tags-of-spacy", "bvh")
    assert (spacy.summary.captions, spacy.summary.skipped_captions) == (24, 0)
    span = spacy.clips["walk_00"].captions[2]
    assert (span.start, span.end) == (1.0, 3.0)


def test_languages(tmp_path: Path) -> None:
    words = {
        name: clip.captions[0].words
        for name, clip in read(tmp_path, "manifest-accents", "manifest").clips.items()
    }
    assert words["walk_00"] == ("ein", "mann", "läuft", "vorwärts", "und", "grüßt", "höflich")
    assert words["walk_02"] == tuple("一个人向前走")
    assert words["walk_04"] == ("человек", "идёт", "вперёд")
    assert {"naïve", "café"} <= set(words["walk_05"])


def test_manifests(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"clips.csv, row 2: 5 cells in 3 columns"):
        register(tmp_path, "manifest-commas", "manifest")
    found = read(tmp_path, "manifest-bad-npy", "manifest")
    assert (len(found.clips), found.rejected) == (7, {"walk_03": "unreadable"})


def test_variants_of_amass(tmp_path: Path) -> None:
    found = read(tmp_path, "amass-betas", "amass")
    assert (len(found.clips), found.rejected) == (8, {})


@pytest.mark.parametrize(("case", "option"), [("npy-z-up", "--up z"), ("npy-left-handed", "--left-handed")])
def test_single_files_meet_the_same_gate(case: str, option: str) -> None:
    path = CASES / case / "joints" / "walk_00.npy"
    with pytest.raises(LampError, match=f"give {option}"):
        read_motion_file(path, skeleton="smpl22")
    read_motion_file(path, Gate(force=True), "smpl22")
    form = MotionForm(up="z") if case == "npy-z-up" else MotionForm(left_handed=True)
    read_motion_file(path, Gate(form), "smpl22")
