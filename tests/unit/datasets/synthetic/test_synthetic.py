"""The procedural data set as a whole: quality of the motion, determinism, lengths, splits, skeletons."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from lamp_core.datasets.clips import Clip
from lamp_core.datasets.preprocessing.ingest import JOBS_A_TASK
from lamp_core.datasets.sources.procedural import ProceduralJobs
from lamp_core.datasets.synthetic.actions import ACTIONS
from lamp_core.datasets.synthetic.generate import (
    CLIPS_A_BLOCK,
    GENERATOR_VERSION,
    generate_block,
    generate_clip,
    generate_clips,
    split_of,
)
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import load_skeleton

SMPL22 = load_skeleton("smpl22")
KIT21 = load_skeleton("kit21")
ON_THE_FLOOR = 0.002
"""Metres of height below which the ball of a foot stands; a speed is measured between two such frames."""
RIGID_KIT_BONES = [
    (f"{side}_{child}", f"{side}_{parent}")
    for side in ("left", "right")
    for child, parent in (
        ("elbow", "shoulder"), ("wrist", "elbow"), ("knee", "hip"), ("ankle", "knee"),
        ("midfoot", "ankle"), ("toes", "midfoot"),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return list(generate_clips(300, seed=3, skeleton=SMPL22))


def main_action(clip: Clip) -> str:
    return clip.name.rsplit("_", 1)[0]


@pytest.mark.slow
def test_bones_keep_their_length(clips: list[Clip]) -> None:
    for clip in clips:
        for child, parent in SMPL22.bones:
            lengths_T = np.linalg.norm(clip.joints_TJ3[:, child] - clip.joints_TJ3[:, parent], axis=-1)
            assert np.ptp(lengths_T) < 1e-4, (clip.name, SMPL22.joints[child])


def test_no_joint_sinks_into_the_floor(clips: list[Clip]) -> None:
    assert min(clip.joints_TJ3[..., 1].min() for clip in clips) > -0.001


def test_a_foot_that_stands_does_not_slide(clips: list[Clip]) -> None:
    stood = 0
    for clip in clips:
        balls_T23 = clip.joints_TJ3[:, [SMPL22.index("left_foot"), SMPL22.index("right_foot")]]
        low_T2 = balls_T23[..., 1] < ON_THE_FLOOR
        stands_T2 = low_T2[1:] & low_T2[:-1]
        speed_T2 = np.linalg.norm(np.diff(balls_T23[..., [0, 2]], axis=0), axis=-1) * clip.frames_per_second
        assert (speed_T2 * stands_T2).max() < 0.02, clip.name
        stood += stands_T2.sum()
    frames = sum(len(clip.joints_TJ3) for clip in clips)
    assert stood > frames, "a body stands on at least one foot most of the time"


def test_someone_always_stands_on_the_floor_sooner_or_later(clips: list[Clip]) -> None:
    for clip in clips:
        assert clip.joints_TJ3[..., 1].min() < ON_THE_FLOOR, clip.name


def test_nothing_pops() -> None:
    """Accelerations stay those of a body when time is cut finer; here a jump of 4 cm would be 400 m/s2."""
    fine = replace(SMPL22, frames_per_second=100.0)
    for clip in generate_clips(60, seed=3, skeleton=fine):
        acceleration_TJ = (
            np.linalg.norm(np.diff(clip.joints_TJ3.astype(np.float64), 2, axis=0), axis=-1) * 100.0**2
        )
        assert acceleration_TJ.max() < 320.0, clip.name


def test_knees_bend_forward(clips: list[Clip]) -> None:
    """The knee is never behind the line from hip to ankle."""
    for clip in clips:
        joints = {name: clip.joints_TJ3[:, index] for index, name in enumerate(SMPL22.joints)}
        for side in ("left", "right"):
            across_T3 = joints["left_hip"] - joints["right_hip"]
            thigh_T3 = joints[f"{side}_knee"] - joints[f"{side}_hip"]
            shin_T3 = joints[f"{side}_ankle"] - joints[f"{side}_knee"]
            bend_T = (np.cross(thigh_T3, shin_T3) * across_T3).sum(axis=-1)
            assert bend_T.min() > -1e-4, clip.name


def test_the_same_seed_gives_the_same_bytes(clips: list[Clip]) -> None:
    for index in (0, 7, 123):
        again = generate_clip(index, seed=3, skeleton=SMPL22)
        assert again.joints_TJ3.tobytes() == clips[index].joints_TJ3.tobytes()
        assert (again.name, again.captions, again.split, again.source_sha256) == (
            clips[index].name, clips[index].captions, clips[index].split, clips[index].source_sha256,
        )  # fmt: skip


def test_another_seed_gives_other_clips(clips: list[Clip]) -> None:
    other = list(generate_clips(5, seed=4, skeleton=SMPL22))
    assert all(a.joints_TJ3.tobytes() != b.joints_TJ3.tobytes() for a, b in zip(other, clips, strict=False))
    assert {clip.source_sha256 for clip in other}.isdisjoint(clip.source_sha256 for clip in clips)


def test_lengths_suit_the_evaluators(clips: list[Clip]) -> None:
    lengths = np.array([len(clip.joints_TJ3) for clip in clips])
    assert lengths.min() >= 41 and lengths.max() <= 196
    assert 80 <= lengths.mean() <= 120


@pytest.mark.slow
def test_every_action_is_in_both_train_and_test() -> None:
    many = [(generate_clip(index, 0, KIT21), split_of(index)) for index in range(700)]
    for split in ("train", "test"):
        assert {main_action(clip) for clip, of in many if of == split} == set(ACTIONS)


def test_shares_of_the_splits() -> None:
    splits = [split_of(index) for index in range(1500)]
    shares = {split: splits.count(split) / len(splits) for split in ("train", "val", "test")}
    assert shares == pytest.approx({"train": 0.80, "val": 0.05, "test": 0.15}, abs=0.02)


def test_names_and_sources_are_unique(clips: list[Clip]) -> None:
    for of in ("name", "source", "source_sha256"):
        assert len({getattr(clip, of) for clip in clips}) == len(clips)
    assert clips[5].source == "procedural:3:5"


def test_captions_are_sentences(clips: list[Clip]) -> None:
    for clip in clips:
        texts = [caption.text for caption in clip.captions]
        assert len(set(texts)) == len(texts) >= 3, clip.name
        for caption in clip.captions:
            assert caption.text.endswith(".") and not set(caption.text) & set("{}[]_")
            assert "  " not in caption.text and " ." not in caption.text and " ," not in caption.text
            assert caption.is_whole_clip and len(caption.words) == len(caption.tags) >= 2


def test_kit21_is_the_same_motion_in_millimetres() -> None:
    for index in range(20):
        metres, millimetres = generate_clip(index, 3, SMPL22), generate_clip(index, 3, KIT21)
        assert millimetres.captions == metres.captions and millimetres.frames_per_second == 12.5
        assert millimetres.joints_TJ3.shape[1:] == (21, 3)
        start = metres.joints_TJ3[0, SMPL22.index("left_wrist")] * 1000.0
        assert np.linalg.norm(millimetres.joints_TJ3[0, KIT21.index("left_wrist")] - start) < 120.0
        for child, parent in RIGID_KIT_BONES:
            bone_T3 = (
                millimetres.joints_TJ3[:, KIT21.index(child)] - millimetres.joints_TJ3[:, KIT21.index(parent)]
            )
            assert np.ptp(np.linalg.norm(bone_T3, axis=-1)) < 0.1, (millimetres.name, child)


def test_a_skeleton_with_other_joints_is_refused() -> None:
    with pytest.raises(LampError, match="left_thumb"):
        generate_clip(0, 0, replace(SMPL22, joints=("left_thumb", *SMPL22.joints[1:])))


@pytest.mark.parametrize(
    ("skeleton", "seed", "digest"),
    [
        ("smpl22", 0, "7671cb811bb3df1f64a4fc4b3ee42c877c5ea767402be511c0d4be29853a665a"),
        ("smplx52", 0, "dfb93ab6f740d7f321331e9d09277b8d62fba18a0cff90d51dfd8554193359b2"),
        ("kit21", 1, "cac65821760075fca6383b0c6ec1005dcb82a0050cd4939fe44b22c5fb784105"),
    ],
)
def test_a_seed_gives_the_clips_that_it_gave_before(skeleton: str, seed: int, digest: str) -> None:
    """A change that makes other clips raises GENERATOR_VERSION and these digests; a faster one does neither.

    Joints count to the micrometre: processors differ in the last bit of a sine.
    """
    digested = hashlib.sha256(GENERATOR_VERSION.encode())
    for clip in generate_clips(20, seed, load_skeleton(skeleton)):
        micrometres_TJ3 = np.rint(clip.joints_TJ3 * load_skeleton(skeleton).metres_per_unit * 1e6)
        digested.update(micrometres_TJ3.astype("<i4").tobytes())
        texts = [(caption.text, caption.words, caption.tags) for caption in clip.captions]
        digested.update(repr((clip.name, texts, clip.split, clip.source_sha256, clip.labels)).encode())
    assert digested.hexdigest() == digest


def test_a_clip_does_not_depend_on_those_made_beside_it() -> None:
    beside = generate_block([40, 3, 11], 2, SMPL22)
    alone = [generate_clip(index, 2, SMPL22) for index in (40, 3, 11)]
    for one, other in zip(beside, alone, strict=True):
        assert one.joints_TJ3.tobytes() == other.joints_TJ3.tobytes()
        assert (one.name, one.captions, one.labels) == (other.name, other.captions, other.labels)


def test_a_task_of_ingest_goes_through_whole_blocks() -> None:
    assert JOBS_A_TASK % CLIPS_A_BLOCK == 0, "else two processes make the same block"
    jobs = list(ProceduralJobs("procedural", 20, 2, "smpl22"))
    for index in (0, 17, 3):
        clip = jobs[index].load()
        assert clip.joints_TJ3.tobytes() == generate_clip(index, 2, SMPL22).joints_TJ3.tobytes()
        assert clip.source == f"procedural:2:{index}"
