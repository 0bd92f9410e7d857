"""``lamp data`` and ``lamp export`` as they are typed."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.features import moving_clip
from flows.cli import app
from lamp_core.config import override, profile_config, save_params
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import load_skeleton


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data" / "sources").mkdir(parents=True)
    (tmp_path / "data" / "sources" / "procedural.yaml").write_text("name: procedural\nkind: procedural\n")
    (tmp_path / "dvc.yaml").write_text("stages:\n  ingest:\n    cmd: 'true'\n    outs: [data/ingest]\n")
    save_params(override(profile_config("smoke"), ["ingest.clips=6"]), tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lamp(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_describe_makes_a_page_and_the_list_knows_the_set(project: Path) -> None:
    assert " - " in lamp("data", "list")
    shown = lamp("data", "describe", "procedural")
    assert "6 clips" in shown and "rejected: none" in shown
    page = (project / ".lamp" / "describe" / "procedural.html").read_text()
    assert "Data set procedural" in page and "generator" in page
    assert "263" in lamp("data", "list")


def test_drift_against_a_set_and_against_a_folder(project: Path) -> None:
    np.save(project / "Mean.npy", np.zeros(263))
    np.save(project / "Std.npy", np.ones(263))
    for against in ("procedural", "."):
        shown = lamp("data", "drift", "procedural", "--against", against)
        assert "root_height" in shown and "other mean" in shown


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["data", "describe", "none"], "unknown data set"),
        (["data", "drift", "procedural", "--against", "nowhere"], "neither a data set"),
        (["data", "describe", "procedural", "-o", "page.txt"], "unknown ending"),
        (["export", "clip.npy", "-o", "clip.xyz"], "unknown ending"),
        (["export", "clip.npy", "-o", "clip.fbx"], "Blender reads"),
        (["export", "clip.npy", "-o", "clip.glb", "--clamp"], "--clamp says how .csv is written"),
        (
            ["export", "clip.npy", "-o", "clip.csv", "--robot", "r2"],
            "unknown robot map 'r2'; known: ",
        ),
        (["export", "clip.bvh", "-o", "clip.npy", "--unit", "mile"], "unknown unit"),
        (["export", "clip.bvh", "-o", "clip.npy", "--up", "w"], "unknown up axis"),
    ],
)
@pytest.mark.usefixtures("project")
def test_requests_that_cannot_be_met_are_one_line(words: list[str], fault: str) -> None:
    with pytest.raises(LampError, match=fault) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert "\n" not in str(caught.value)


def test_export_plants_feet_and_says_so(project: Path) -> None:
    skeleton = load_skeleton("smpl22")
    joints = moving_clip(skeleton, 40, np.random.default_rng(0))
    np.save(project / "walk.npy", joints)
    lamp("export", "walk.npy", "-o", "walk.bvh")
    assert "40 frames, 2.0 s, smpl22" in lamp("export", "walk.bvh", "-o", "again.npy")
    assert np.abs(np.load(project / "again.npy") - joints).max() < 1e-3
    assert "feet in contact slid" in lamp("export", "walk.npy", "-o", "planted.html", "--plant")


def test_export_writes_for_other_programs_and_says_what_a_robot_cannot(project: Path) -> None:
    skeleton = load_skeleton("smpl22")
    np.save(project / "walk.npy", moving_clip(skeleton, 40, np.random.default_rng(0)))
    for name in ("walk.glb", "walk.usdz", "walk.npz"):
        assert "40 frames" in lamp("export", "walk.npy", "-o", name)
        assert (project / name).stat().st_size > 10_000
    said = lamp("export", "walk.npy", "-o", "walk.csv", "--clamp")
    assert "frames are past the limits of unitree-g1" in said, said
    rows = np.loadtxt(project / "walk.csv", delimiter=",", skiprows=1)
    assert rows.shape == (98, 8 + 29)


def test_the_list_shows_a_broken_set_and_paths_with_brackets(project: Path) -> None:
    (project / "data" / "sources" / "broken.yaml").write_text("name: [")
    shown = lamp("data", "list")
    assert "procedural *" in shown and "unreadable: " in shown
