"""An older commit brings its data set back, and what a run is tagged with finds that commit."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.sources import Source
from lamp_core.skeleton.skeleton import load_skeleton
from tests.toy import Toy

# Clips and features were made before: what is tested is that their versions come and go.
COPY = """\
import os, shutil, sys, yaml
with open("params.yaml") as file:
    clips = yaml.safe_load(file)["ingest"]["clips"]
shutil.copytree(f"made/{clips}/{sys.argv[1]}", f"data/{sys.argv[1]}", dirs_exist_ok=True)
os.makedirs("data/metrics", exist_ok=True)
with open(f"data/metrics/{sys.argv[1]}.json", "w") as metrics:
    metrics.write("{}")
"""
STAGES = ("ingest", "features")


@pytest.fixture
def data(toy: Toy) -> Toy:
    """The toy project with data sets of five and of six clips."""
    root = toy.project.root
    source = Source(name="procedural", kind="procedural")
    for clips in (5, 6):
        made = root / "made" / str(clips)
        ingest(source, load_skeleton("smpl22"), made / "ingest", procedural=(clips, 0), workers=1)
        extract_features(made / "ingest", made / "features")
    (root / "take.py").write_text(COPY)
    described = yaml.safe_load(toy.project.graph_file.read_text())
    for name in STAGES:
        described["stages"][name]["cmd"] = f"{sys.executable} take.py {name}"
        described["stages"][name]["params"] = ["ingest"]
    toy.project.graph_file.write_text(yaml.safe_dump(described, sort_keys=False))
    return toy


def make(data: Toy, clips: int) -> str:
    """Make a version, commit it, and return the hash that runs are tagged with."""
    data.set(f"ingest.clips={clips}")
    for name in STAGES:
        data.versions.reproduce(name)
    git(data.project.root, "add", "-A", ":!made")
    git(data.project.root, "commit", "--quiet", "--message", f"{clips} clips")
    found = data.versions.output_hash("ingest")
    assert found
    return found


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def listed() -> list[str]:
    """Version, clips and the tag of runs, as `lamp data list` shows them."""
    shown = CliRunner().invoke(app, ["data", "list"], catch_exceptions=False).output
    row = next(line.split() for line in shown.splitlines() if "procedural *" in line)
    return [row[3], row[4], shown.partition("data_version ")[2].split()[0]]


def test_an_older_commit_brings_the_older_set_back(data: Toy) -> None:
    root = data.project.root
    older, older_shown = make(data, 5), listed()
    newer, newer_shown = make(data, 6), listed()
    assert older != newer
    assert (older_shown[1:], newer_shown[1:]) == (["5", older], ["6", newer])
    assert older_shown[0] != newer_shown[0]

    first, second = git(root, "log", "--format=%H", f"-S{older}", "--", "dvc.lock").split()[::-1]
    assert git(root, "log", "-1", "--format=%s", first).strip() == "5 clips"
    assert git(root, "log", "-1", "--format=%s", second).strip() == "6 clips"
    shutil.rmtree(root / "made")  # nothing can be computed again
    git(root, "checkout", first, "--", "dvc.lock", "params.yaml")
    subprocess.run(
        [sys.executable, "-m", "dvc", "checkout", *STAGES], cwd=root, check=True, capture_output=True
    )
    assert listed() == older_shown
