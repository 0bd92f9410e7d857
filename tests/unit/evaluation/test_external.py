"""Motions of another system: read from a folder, scored on the same test items."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config import override
from lamp_core.errors import LampError
from lamp_core.evaluation.external import measure_motions, read_motions
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.features.decode import decode
from lamp_core.features.layout import FeatureLayout


def table(rows: list[Result]) -> dict[tuple[str, str], Result]:
    return {(row.system, row.metric): row for row in rows}


def write_truth(folder: Path, trained: Trained, *, joints: bool = False) -> list[Path]:
    """Write the true motion of every test item for its first caption."""
    folder.mkdir(exist_ok=True)
    paths = []
    for item in trained.items:
        paths.append(folder / f"{item.clip}.npy")
        raw = np.array(item.features_TD)
        np.save(
            paths[-1], decode(torch.from_numpy(raw), trained.features.skeleton).numpy() if joints else raw
        )
    return paths


def test_true_features_score_as_the_ground_truth(trained: Trained, tmp_path: Path) -> None:
    write_truth(tmp_path / "motions", trained)
    families, read = measure_motions(trained, tmp_path / "motions", "peer")
    assert (read.left_out, read.missing, read.cut, read.note) == ([], [], 0, "")
    found = table(families["text_to_motion"])
    first = override(trained.config, ["evaluate.captions=first"])
    beside = table(
        measure_motions(
            Trained(trained.data, first, trained.features, trained.device, trained.models),
            tmp_path / "motions",
            "peer",
        )[0]["text_to_motion"]
    )
    for metric in ("R-Precision top 1", "MM-Dist", "LaMP-R-Precision top 1", "LaMP-MM-Dist"):
        assert beside["peer", metric].value == pytest.approx(beside["ground truth", metric].value, abs=1e-6)
    assert found["peer", "FID"].value == pytest.approx(0.0, abs=1e-6)
    assert found["peer", "FID"].items == len(trained.items)
    of_body = table(families["plausibility"])
    for metric in ("foot skating", "jerk"):
        assert of_body["peer", metric].value == pytest.approx(of_body["ground truth", metric].value)


def test_joints_become_the_features_of_the_models_body(trained: Trained, tmp_path: Path) -> None:
    write_truth(tmp_path / "motions", trained, joints=True)
    read = read_motions(tmp_path / "motions", trained.features, trained.items, 200)
    assert sorted(motion.item for motion in read.given) == list(range(len(trained.items)))
    statistics = trained.features.statistics
    for motion in read.given:
        item = trained.items[motion.item]
        # Features hold the step to the next frame, so the last frame of joints has none.
        assert len(motion.features_TD) == item.frames - 4
        positions = FeatureLayout.of(trained.features.skeleton)["positions"]
        # The facing is smoothed anew, so a turn of the body moves the joints a little.
        gaps = statistics.denormalise(motion.features_TD)[:, positions] - item.features_TD[:-4, positions]
        assert np.abs(gaps).mean() < 0.01
    rows = measure_motions(trained, tmp_path / "motions", "peer")[0]["text_to_motion"]
    assert table(rows)["peer", "FID"].measured


def test_a_number_behind_the_name_is_the_caption(trained: Trained, tmp_path: Path) -> None:
    write_truth(tmp_path / "motions", trained)
    item = next(item for item in trained.items if len(item.captions) > 1)
    motion = np.array(item.features_TD)
    np.save(tmp_path / "motions" / f"{item.clip}_1.npy", motion)
    read = read_motions(tmp_path / "motions", trained.features, trained.items, 200)
    place = trained.items.index(item)
    assert [motion.caption for motion in read.given if motion.item == place] == list(item.captions[:2])


def test_every_file_that_cannot_be_scored_is_named_with_its_reason(trained: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "motions"
    paths = write_truth(folder, trained)
    clip = trained.items[0].clip
    good = np.load(paths[0])
    (folder / f"{clip}_77.npy").write_bytes(paths[0].read_bytes())
    train_clip = trained.features.clips[trained.features.of_split("train")[0]]
    np.save(folder / f"{train_clip}.npy", good)
    np.save(paths[1], np.where(np.arange(len(good))[:, None] == 3, np.nan, good))
    np.save(paths[2], good[:, 1:])
    np.save(paths[3], np.zeros((20, 21, 3)))
    np.save(paths[4], good[:3])
    paths[5].write_bytes(paths[5].read_bytes()[:-40])
    np.save(paths[6], np.array([{"a": 1}], dtype=object), allow_pickle=True)
    paths[7].unlink()
    read = read_motions(folder, trained.features, trained.items, 200)
    reasons = {left.file: left.reason for left in read.left_out}
    assert reasons == {
        f"{clip}_77.npy": "not-in-the-split",
        f"{train_clip}.npy": "not-in-the-split",
        paths[1].name: "not-finite",
        paths[2].name: "joint-count",
        paths[3].name: "joint-count",
        paths[4].name: "too-short",
        paths[5].name: "truncated",
        paths[6].name: "unreadable",
    }
    assert read.missing == [path.stem for path in paths[1:8]]
    assert read.note.startswith("8 files left out: ")
    assert f"2 not-in-the-split ({', '.join(sorted([f'{clip}_77.npy', f'{train_clip}.npy']))})" in read.note
    assert f"1 not-finite ({paths[1].name})" in read.note
    row = measure_motions(trained, folder, "peer")[0]["text_to_motion"][-1]
    assert row.items == len(trained.items) - 7
    assert f"7 of {len(trained.items)} items have no motion, left out" in row.note
    assert read.note in row.note


def test_clips_outside_the_protocol_are_told_and_longer_motions_cut(trained: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "motions"
    write_truth(folder, trained)
    long = np.tile(np.array(trained.items[0].features_TD), (20, 1))
    np.save(folder / f"{trained.items[0].clip}.npy", long)
    read = read_motions(folder, trained.features, trained.items[:-1], 200)
    assert [(left.file, left.reason) for left in read.left_out] == [
        (f"{trained.items[-1].clip}.npy", "outside-the-protocol")
    ]
    longest = max(len(motion.features_TD) for motion in read.given if motion.item == 0)
    assert (longest, read.cut) == (196, 1)
    assert "1 motions cut to the protocol's longest" in read.note


def test_a_folder_without_motions_is_named(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(LampError, match="there is no folder"):
        measure_motions(trained, tmp_path / "nowhere", "peer")
    with pytest.raises(LampError, match=r"holds no \.npy or \.bvh files"):
        measure_motions(trained, tmp_path, "peer")
    np.save(tmp_path / "unknown.npy", np.zeros((8, 263)))
    with pytest.raises(
        LampError, match=r"none of the files .* can be scored; 1 files left out: 1 not-in-the"
    ):
        measure_motions(trained, tmp_path, "peer")
