"""Motion-X: published parameters, joints and ready features of 52 joints, to features and back."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata, read_clips
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.datasets.sources.motionx import SLICES, WIDTH
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.kinematics import bone_lengths
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from tests.unit.bodies import body_fields, write_body
from tests.unit.datasets.conftest import moving_joints, ready_features, write_splits

NAMES = [f"idea400/subset_{index // 6}/Wave_{index}" for index in range(11)] + ["humanml/M000001"]
VICTIM = NAMES[4]


@pytest.fixture
def smplx52() -> Skeleton:
    return load_skeleton("smplx52")


def vectors(frames: int, seed: int) -> np.ndarray:
    """Published parameters of a body that stands, walks along Z and moves all its joints."""
    random = np.random.default_rng(seed)
    time_T1 = np.arange(frames)[:, None] / 30
    vectors_TV = 0.2 * np.sin(3 * time_T1 + random.uniform(0, 6, WIDTH))
    vectors_TV[:, SLICES["root_orient"]] = 0
    vectors_TV[:, SLICES["trans"]] = time_T1 * np.array([0, 0, 1])
    vectors_TV[:, SLICES["betas"]] = random.normal(0, 1, 10)
    return vectors_TV.astype(np.float32)


@pytest.fixture
def write_motionx(tmp_path: Path, smplx52: Skeleton):
    """A function that writes the published folders with motions of one form."""

    def write(form: str) -> Source:
        places = {"vectors": "new_joint_vecs", "joints": "new_joints", "smplx_322": "motion_data/smplx_322"}
        for index, name in enumerate(NAMES):
            motion = {
                "vectors": lambda index=index: ready_features(smplx52, 45, index),
                "joints": lambda index=index: moving_joints(smplx52, 45, index),
                "smplx_322": lambda index=index: vectors(45, index),
            }[form]()
            for part, ending in ((places[form], ".npy"), ("texts/semantic_labels", ".txt")):
                path = tmp_path / "motionx" / part / f"{name}{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, motion) if ending == ".npy" else path.write_text("A person waves both hands.\n")
        hands = tmp_path / "motionx" / "texts" / "hand_texts" / f"{NAMES[0]}.txt"
        hands.parent.mkdir(parents=True)
        hands.write_text("The left hand is open.\nThe right hand is a fist.\n")
        write_splits(tmp_path / "motionx", NAMES)
        body = write_body(tmp_path / "SMPLX_NEUTRAL.npz", 55)
        stated = Source(name="whole", kind="motionx", motions=tmp_path / "motionx", body_model=body)
        return KINDS["motionx"].complete(stated)

    return write


@pytest.mark.parametrize("form", ["vectors", "joints", "smplx_322"])
def test_623_features_from_end_to_end(tmp_path: Path, write_motionx, smplx52: Skeleton, form: str) -> None:
    summary = ingest(write_motionx(form), smplx52, tmp_path / "ingest")
    assert (summary.clips, summary.rejected.clips) == (12, 0)
    extract_features(tmp_path / "ingest", tmp_path / "features")
    loaded = FeatureSet.load(tmp_path / "features")
    assert FeatureLayout.of(smplx52).width == 623 == 4 + 51 * 3 + 51 * 6 + 52 * 3 + 4
    assert sorted(loaded.clips) == sorted(NAMES)
    assert loaded.statistics.mean_D.shape == loaded.statistics.std_D.shape == (623,)
    for features_TD in loaded.features:
        assert features_TD.shape == (45 if form == "vectors" else 44, 623)
        joints_TJ3 = decode(torch.tensor(features_TD), smplx52)
        lengths = bone_lengths(joints_TJ3[3], smplx52)
        expected = bone_lengths(torch.tensor(np.array(smplx52.rest)).float(), smplx52)
        if form == "vectors":
            torch.testing.assert_close(lengths, expected, atol=1e-3, rtol=0)
    parts = loaded.part_captions[loaded.clips.index(NAMES[0])]
    assert parts == {"hand": ("The left hand is open.", "The right hand is a fist.")}
    assert loaded.part_captions[loaded.clips.index(NAMES[1])] == {}
    captions = loaded.captions[0][0]
    assert (captions.text, captions.words[:2]) == ("A person waves both hands.", ("a", "person"))


def test_part_texts_of_every_frame(tmp_path: Path, write_motionx, smplx52: Skeleton) -> None:
    """As published for body and hands: an object from frame numbers to a few sentences each."""
    source = write_motionx("joints")
    texts = tmp_path / "motionx" / "texts"
    open_hand, both_up = "The left hand is open.", "Both arms are up."
    written = {"10": f"{open_hand} It rises.", "2": open_hand, "0": f"The right hand is a fist. {open_hand}"}
    for part, content in (
        ("hand_texts", json.dumps(written)),
        ("body_texts", json.dumps({"0": both_up, "1": both_up})),
    ):
        path = texts / part / f"{NAMES[1]}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    ingest(source, smplx52, tmp_path)
    clips = {clip.name: clip for clip in read_clips(tmp_path / CLIPS_FILE)}
    assert clips[NAMES[1]].part_captions == {
        "body": (both_up,),
        "hand": ("The right hand is a fist.", open_hand, "It rises."),
    }
    assert clips[NAMES[0]].part_captions == {"hand": ("The left hand is open.", "The right hand is a fist.")}


@pytest.mark.parametrize(
    ("reason", "content"),
    [
        ("caption-unreadable", '{"0": "The hand is'),
        ("caption-unreadable", '["The hand is open."]'),
        ("caption-unreadable", '{"0": {"left": "open"}}'),
        ("caption-unreadable", '{"first": "The hand is open."}'),
        ("caption-unreadable", "[" * 100_000),
        ("caption-empty", '{"0": " "}'),
        ("caption-empty", "{}"),
    ],
)
def test_bad_part_texts_are_rejected(
    tmp_path: Path, write_motionx, smplx52: Skeleton, reason: str, content: str
) -> None:
    source = write_motionx("joints")
    path = tmp_path / "motionx" / "texts" / "body_texts" / f"{VICTIM}.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    summary = ingest(source, smplx52, tmp_path)
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]


def test_parameters_pose_the_body_with_its_mean_hands(
    tmp_path: Path, write_motionx, smplx52: Skeleton
) -> None:
    ingest(write_motionx("smplx_322"), smplx52, tmp_path)
    clip = next(clip for clip in read_clips(tmp_path / CLIPS_FILE) if clip.name == VICTIM)
    vector_V = np.load(tmp_path / "motionx" / "motion_data" / "smplx_322" / f"{VICTIM}.npy")[7]
    fields = body_fields(55)
    vertices = fields["v_template"] + fields["shapedirs"][..., :10] @ vector_V[SLICES["betas"]]
    rest_K3 = fields["J_regressor"] @ vertices
    means = np.concatenate([fields["hands_meanl"], fields["hands_meanr"]])
    hands = (vector_V[SLICES["pose_hand"]] + means).reshape(30, 3)
    # The way to the left index finger: pelvis, spine, collar, arm, hand.
    way = [0, 3, 6, 9, 13, 16, 18, 20, 25, 26, 27]
    body = np.concatenate([vector_V[SLICES["root_orient"]], vector_V[SLICES["pose_body"]]]).reshape(22, 3)
    place, turned = rest_K3[0] + vector_V[SLICES["trans"]], Rotation.identity()
    for before, joint in pairwise(way):
        turned *= Rotation.from_rotvec(body[before] if before < 22 else hands[before - 25])
        place = place + turned.apply(rest_K3[joint] - rest_K3[before])
    np.testing.assert_allclose(clip.joints_TJ3[7, smplx52.index("left_index3")], place, atol=1e-5)


def test_body_alone_at_its_own_rate(tmp_path: Path, write_motionx, smpl22: Skeleton) -> None:
    whole = write_motionx("smplx_322")
    assert whole.skeleton == "smplx52"
    body = KINDS["motionx"].complete(whole.model_copy(update={"skeleton": "smpl22"}))
    ingest(body, smpl22, tmp_path)
    assert {len(clip.joints_TJ3) for clip in read_clips(tmp_path / CLIPS_FILE)} == {30}  # 44 / 30 s at 20
    assert read_clip_metadata(tmp_path / CLIPS_FILE).skeleton == "smpl22"


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("joint-count", lambda array: array[:, :-1]),
        ("not-finite", lambda array: array * np.nan),
        ("empty", lambda array: array[:0]),
        ("too-short", lambda array: array[:1]),
        ("unreadable", lambda array: array.astype(np.str_)),
    ],
)
@pytest.mark.parametrize("form", ["joints", "smplx_322"])
def test_bad_motion_is_rejected(
    tmp_path: Path, write_motionx, smplx52: Skeleton, form: str, reason: str, change
) -> None:
    source = write_motionx(form)
    path = next((tmp_path / "motionx").rglob(f"{Path(VICTIM).name}.npy"))
    np.save(path, change(np.load(path)))
    summary = ingest(source, smplx52, tmp_path)
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [(VICTIM, reason)]


def test_bad_registration(tmp_path: Path, write_motionx, smplx52: Skeleton) -> None:
    source = write_motionx("smplx_322")
    with pytest.raises(LampError, match="name the SMPL-X model: --body-model"):
        KINDS["motionx"].complete(source.model_copy(update={"body_model": None}))
    with pytest.raises(LampError, match="smplx_322 gives smplx52, not kit21"):
        KINDS["motionx"].complete(source.model_copy(update={"skeleton": "kit21"}))
    with pytest.raises(LampError, match="gives the skeletons smpl22, smplx52, not kit21"):
        KINDS["motionx"].clip_jobs(source, load_skeleton("kit21"))
    with pytest.raises(LampError, match=r"holds none of new_joint_vecs"):
        KINDS["motionx"].complete(source.model_copy(update={"motions": tmp_path / "motionx" / "texts"}))
    for split in ("train", "val", "test"):
        (tmp_path / "motionx" / f"{split}.txt").unlink(missing_ok=True)
    with pytest.raises(LampError, match=r"none of train\.txt"):
        KINDS["motionx"].complete(source)
