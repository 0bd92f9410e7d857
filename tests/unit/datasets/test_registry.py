"""Registering a data set: what is checked, what is written, when the fingerprint changes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamp_core.datasets.registry import load_source, refresh_fingerprint, register_source, source_names
from lamp_core.datasets.sources import KINDS
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import load_skeleton


def options_of(source: Any) -> dict[str, Any]:
    return {"motions": source.motions, "captions": source.captions, "splits": source.splits}


def test_registered_source_is_found_again(tmp_path: Path, bvh_source) -> None:
    summary = register_source(tmp_path / "data", "tiny", "bvh", options_of(bvh_source.source))
    assert summary.path == tmp_path / "data" / "sources" / "tiny.yaml"
    assert (summary.clips, summary.captions) == (12, 12)
    assert summary.clips_of_split == {"train": 8, "val": 2, "test": 2}
    assert summary.faults == {}
    assert load_source(tmp_path / "data", "tiny") == summary.source
    assert source_names(tmp_path / "data") == ["tiny"]
    assert summary.source.map == "smpl22"
    assert summary.source.skeleton == "smpl22"
    assert len(summary.source.fingerprint) == 64


def test_relative_folders_become_absolute(
    tmp_path: Path, bvh_source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bvh_source.folder)
    stated = {"motions": "bvh", "captions": "texts", "splits": "splits"}
    source = register_source(tmp_path / "data", "tiny", "bvh", stated).source
    assert source.motions == bvh_source.folder / "bvh"


def test_faults_that_captions_and_splits_show_are_counted(tmp_path: Path, bvh_source) -> None:
    bvh_source.caption("walk_00").unlink()
    bvh_source.caption("walk_01").write_text("")
    (bvh_source.folder / "splits" / "test.txt").write_text("walk_11\n")
    summary = register_source(tmp_path / "data", "tiny", "bvh", options_of(bvh_source.source))
    assert summary.faults == {"caption-missing": 1, "caption-empty": 1, "no-split": 1}
    assert "there is no caption file" in summary.first_faults["caption-missing"]


def test_published_layout_of_either_width(tmp_path: Path, write_published) -> None:
    for skeleton in ("smpl22", "kit21"):
        folder = write_published(skeleton, True).folder
        summary = register_source(tmp_path / "data", skeleton, "humanml3d", {"motions": folder})
        assert summary.source.skeleton == skeleton
        assert summary.clips_of_split == {"train": 8, "val": 2, "test": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"motions": "nowhere"}, "folder of the BVH files does not exist"),
        ({"captions": "nowhere"}, "folder of the captions does not exist"),
        ({"splits": None}, "folder of the splits is not given"),
        ({"motions": "texts"}, "no .bvh file in"),
        ({"splits": "texts"}, "none of train.txt, val.txt, test.txt in"),
        ({"map": "martian"}, "unknown joint map 'martian'; known: .*bandai-namco"),
        ({"reference_clip": "absent"}, "reference clip 'absent'"),
        ({"skeleton": "centaur"}, "unknown skeleton 'centaur'; known: kit21, smpl22, smplx52"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_bad_bvh_options_are_named(
    tmp_path: Path,
    bvh_source,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(bvh_source.folder)
    with pytest.raises(LampError, match=message):
        register_source(tmp_path / "data", "tiny", "bvh", options_of(bvh_source.source) | change)
    assert source_names(tmp_path / "data") == []


@pytest.mark.parametrize("name", ["Upper", "with space", "../escape", "", "under_score"])
def test_bad_name_is_refused(tmp_path: Path, bvh_source, name: str) -> None:
    with pytest.raises(LampError, match="name"):
        register_source(tmp_path / "data", name, "bvh", options_of(bvh_source.source))


def test_embedded_name_and_unknown_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LampError, match="embedded data set"):
        register_source(tmp_path, "procedural", "bvh", {})
    with pytest.raises(LampError, match=r"kind.*'amass', 'bvh', .* or 'procedural'"):
        register_source(tmp_path, "tiny", "amc", {})


def test_published_folder_without_motions_or_of_strange_width(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LampError, match="holds none of new_joint_vecs"):
        register_source(tmp_path, "tiny", "humanml3d", {"motions": tmp_path / "empty"})
    (tmp_path / "wide" / "new_joint_vecs").mkdir(parents=True)
    np.save(tmp_path / "wide" / "new_joint_vecs" / "a.npy", np.zeros((4, 77), dtype=np.float32))
    with pytest.raises(LampError, match=r"fit none of the skeletons smpl22, kit21: a.npy \(4, 77\)"):
        register_source(tmp_path, "tiny", "humanml3d", {"motions": tmp_path / "wide"})


def test_clip_in_two_splits_is_an_error(tmp_path: Path, bvh_source) -> None:
    (bvh_source.folder / "splits" / "val.txt").write_text("walk_00\n")
    with pytest.raises(LampError, match="'walk_00' stands in both train and val"):
        register_source(tmp_path / "data", "tiny", "bvh", options_of(bvh_source.source))


def test_two_files_of_one_name_are_an_error(tmp_path: Path, bvh_source) -> None:
    (bvh_source.folder / "bvh" / "more").mkdir()
    (bvh_source.folder / "bvh" / "more" / "walk_00.BVH").write_text("")
    with pytest.raises(LampError, match=r"two files of .* have the name 'walk_00'"):
        register_source(tmp_path / "data", "tiny", "bvh", options_of(bvh_source.source))


def test_unknown_data_set_names_the_known_ones(tmp_path: Path, bvh_source) -> None:
    register_source(tmp_path, "tiny", "bvh", options_of(bvh_source.source))
    with pytest.raises(LampError, match="unknown data set 'other'; known: tiny"):
        load_source(tmp_path, "other")


@pytest.mark.parametrize("content", ["[1, 2", "name: tiny\nkind: bvh\ncolour: red\n", "", "- list"])
def test_broken_description_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "tiny.yaml").write_text(content)
    with pytest.raises(LampError, match=r"tiny.yaml"):
        load_source(tmp_path, "tiny")


def test_fingerprint_changes_only_with_the_files(tmp_path: Path, bvh_source) -> None:
    path = register_source(tmp_path, "tiny", "bvh", options_of(bvh_source.source)).path
    before = path.stat().st_mtime_ns
    assert refresh_fingerprint(tmp_path, "tiny") is False
    assert path.stat().st_mtime_ns == before
    bvh_source.caption("walk_03").write_text("runs#run/VERB#0#0\n")
    assert refresh_fingerprint(tmp_path, "tiny") is True
    assert refresh_fingerprint(tmp_path, "tiny") is False
    motion = bvh_source.motion("walk_03")
    os.utime(motion, ns=(0, motion.stat().st_mtime_ns + 1))
    assert refresh_fingerprint(tmp_path, "tiny") is True
    bvh_source.motion("walk_04").unlink()
    assert refresh_fingerprint(tmp_path, "tiny") is True


def test_remarks_are_those_of_the_files_as_they_are(tmp_path: Path, bvh_source) -> None:
    motions = bvh_source.source.motions
    (motions / "._walk_00.bvh").write_bytes(b"\0")
    register_source(tmp_path, "tiny", "bvh", options_of(bvh_source.source))
    assert "hidden files" in " ".join(load_source(tmp_path, "tiny").remarks)
    (motions / "._walk_00.bvh").unlink()
    (motions / "notes.txt").write_text("of the day")
    assert refresh_fingerprint(tmp_path, "tiny") is True
    (remark,) = load_source(tmp_path, "tiny").remarks
    assert "notes.txt" in remark
    before = load_source(tmp_path, "tiny")
    assert refresh_fingerprint(tmp_path, "tiny") is False
    assert load_source(tmp_path, "tiny") == before


def test_files_that_import_would_refuse_are_refused_when_they_change(tmp_path: Path, bvh_source) -> None:
    register_source(tmp_path, "tiny", "bvh", options_of(bvh_source.source))
    before = load_source(tmp_path, "tiny")
    for path in bvh_source.source.motions.iterdir():
        lines = path.read_text().splitlines()
        scaled = [
            " ".join(["OFFSET", *(str(100 * float(number)) for number in line.split()[1:])])
            if line.startswith("OFFSET")
            else line
            for line in lines
        ]
        path.write_text("\n".join(scaled) + "\n")
    with pytest.raises(LampError, match=r"the first files: the people are .* give --unit cm"):
        refresh_fingerprint(tmp_path, "tiny")
    assert load_source(tmp_path, "tiny") == before


def test_folder_that_is_gone_is_named(tmp_path: Path, bvh_source) -> None:
    register_source(tmp_path, "tiny", "bvh", options_of(bvh_source.source))
    bvh_source.folder.rename(tmp_path / "moved")
    with pytest.raises(LampError, match="folder of the BVH files does not exist"):
        refresh_fingerprint(tmp_path, "tiny")


@pytest.mark.parametrize(("name", "skeleton"), [("procedural", None), ("procedural-hands", "smplx52")])
def test_the_embedded_data_sets_are_registered_and_fresh(name: str, skeleton: str | None) -> None:
    data_folder = Path(__file__).parents[3] / "data"
    source = load_source(data_folder, name)
    assert (source.kind, source.skeleton, source.name) == ("procedural", skeleton, name)
    assert refresh_fingerprint(data_folder, name) is False


def test_hands_are_asked_for_by_the_name_of_the_data_set() -> None:
    hands, wanted = load_skeleton("smplx52"), {"clips": 3, "seed": 0}
    plain, gestures = (
        load_source(Path(__file__).parents[3] / "data", name).model_copy(update=wanted)
        for name in ("procedural", "procedural-hands")
    )
    with pytest.raises(LampError, match="'procedural' has no hands; take --data procedural-hands"):
        KINDS["procedural"].clip_jobs(plain, hands)
    assert len(KINDS["procedural"].clip_jobs(gestures, hands)) == 3
    assert len(KINDS["procedural"].clip_jobs(plain, load_skeleton("smpl22"))) == 3


def test_looking_a_data_set_up_does_not_load_torch() -> None:
    imports = "import sys, lamp_core.datasets.registry, lamp_core.datasets.preprocessing.ingest"
    script = f"{imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
