"""All systems through the command line, in a copy of the project: every stage runs, on little data."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lamp_core.config import load_params, override, save_params
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE
from tests.flows.commands import run
from tests.workspace import copy_project

STAGES = [name for name in CATALOGUE.stages if CATALOGUE.systems_of(name)]  # a parameter chooses the others

pytestmark = pytest.mark.timeout(1800)  # the first test waits for every stage of every system


@dataclass(frozen=True)
class Workspace:
    """A copy of the project in which every system has run once."""

    root: Path

    def lamp(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=self.root,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    def here(self, *arguments: str) -> tuple[int, str]:
        """A command in this process, which has its imports already: status, and what it says."""
        with chdir(self.root):
            return run(*arguments)

    def run(self, *arguments: str) -> dict[str, str]:
        """``lamp run``; return each stage's last state."""
        ended = self.lamp("run", *arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return dict(re.findall(r"^(\w+): (fresh|restored|done)", ended.stdout, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("workspace")
    copy_project(root)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    workspace = Workspace(root)
    states = workspace.run("--data", "procedural", "--profile", "smoke", "--system", "all")
    assert set(states.values()) == {"done"}
    return workspace


def test_every_stage_left_its_output_and_metrics(workspace: Workspace) -> None:
    for stage in STAGES:
        assert any((workspace.root / "data" / CATALOGUE.folder(stage)).iterdir())
        metrics = json.loads((workspace.root / "data" / "metrics" / f"{stage}.json").read_text())
        assert any(isinstance(value, float) for value in metrics.values()), stage


def test_the_report_stands_alone(workspace: Workspace) -> None:
    page = (workspace.root / "data" / "report" / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?https?:""", page)


def test_a_second_run_finds_everything_fresh(workspace: Workspace) -> None:
    assert set(workspace.run().values()) == {"fresh"}


def test_status_and_compare_tell_of_the_runs(workspace: Workspace) -> None:
    status = workspace.lamp("status")
    assert status.returncode == 0, status.stderr
    assert len(re.findall(r"\bfresh\b", status.stdout)) == len(STAGES)
    compared = workspace.lamp("compare")
    assert compared.returncode == 0, compared.stderr
    assert "LaMP-T2M" in compared.stdout


def test_a_motion_is_generated_from_a_text(workspace: Workspace) -> None:
    asked = ("generate", "a person walks forward", "--seconds", "2", "-o")
    ended = workspace.lamp(*asked, "motion.bvh")
    assert ended.returncode == 0, ended.stderr
    assert (workspace.root / "motion.bvh").stat().st_size > 0
    status, said = workspace.here(*asked, "motion.html")
    assert status == 0, said
    assert (workspace.root / "motion.html").stat().st_size > 0


def test_a_clip_is_continued_as_a_text_says(workspace: Workspace) -> None:
    clip = _first_test_clip(workspace.root)
    text = ("--text", "a person waves", "--seconds", "1")
    status, said = workspace.here("edit", "--clip", clip, "--after", *text, "-o", "edited.html")
    assert status == 0, said
    assert (workspace.root / "edited.html").stat().st_size > 0


def test_motions_are_captioned_and_one_that_is_too_short_is_named(workspace: Workspace) -> None:
    status, said = workspace.here(
        "generate", "a person walks", "--seconds", "3", "-n", "2", "-o", "captioned.npy"
    )
    assert status == 0, said
    np.save(workspace.root / "short.npy", np.load(workspace.root / "captioned-1.npy")[:3])
    files = ("captioned-1.npy", "short.npy", "captioned-2.npy")
    ended = workspace.lamp("caption", *files, "--windows", "1", "--json")
    assert ended.returncode == 2
    assert "error: short.npy has 2 feature frames" in ended.stderr
    found = json.loads(ended.stdout)
    assert [each["file"] for each in found] == list(files)
    assert [len(each["windows"]) for each in found] == [3, 0, 3]
    assert [each["error"] is None for each in found] == [True, False, True]


def _first_test_clip(root: Path) -> str:
    table = pq.read_table(root / "data/retrieval/items.parquet", columns=["clip"])
    return str(table["clip"][0])


def test_the_models_are_measured_on_demand(workspace: Workspace) -> None:
    ended = workspace.lamp("evaluate", "--of", "retrieval", "--repeats", "2")
    assert ended.returncode == 0, ended.stderr
    assert list((workspace.root / "data" / "evaluations").glob("*/results.parquet"))


def test_the_gallery_is_searched_by_text(workspace: Workspace) -> None:
    status, said = workspace.here("search", "a person jumps", "--top", "3")
    assert status == 0, said
    assert len(said.strip().splitlines()) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--set", "t2m.widht=3"),
        ("run", "--data", "nope"),
        ("run", "--only", "nope"),
        ("generate", "a person walks", "-o", "motion.mp5"),
        ("features", "nope.npy", "-o", "out.npy", "--skeleton", "smpl99"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line_and_status_2(
    arguments: tuple[str, ...], workspace: Workspace
) -> None:
    ended = workspace.lamp(*arguments)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "Traceback" not in ended.stderr


def test_another_system_stands_in_the_same_report(workspace: Workspace) -> None:
    status, said = workspace.here("search", "a person jumps", "--top", "3", "--model", "LexCMLP")
    assert status == 0, said
    assert len(said.strip().splitlines()) == 4
    page = (workspace.root / "data" / "report" / "report.html").read_text()
    assert all(name in page for name in ("LaMP-Feat", "LexCMLP directly", "Dense baseline"))


@pytest.mark.soak  # on a toy and on the graph's closures `make test` tries it too
def test_a_changed_parameter_of_t2m_runs_t2m_and_what_follows(workspace: Workspace) -> None:
    states = workspace.run("--set", "t2m.training.steps=20")
    assert [name for name, state in states.items() if state == "done"] == ["t2m", "evaluate", "report"]
    assert {state for name, state in states.items() if name not in {"t2m", "evaluate", "report"}} == {"fresh"}
    back = workspace.run("--set", "t2m.training.steps=30")
    assert [name for name, state in back.items() if state == "restored"] == ["t2m", "evaluate", "report"]


def test_a_killed_stage_goes_on_and_ends_with_the_weights_of_an_uninterrupted_one(
    workspace: Workspace,
) -> None:
    params = Project(workspace.root).params_file
    save_params(override(load_params(params), ["tokenizer.training.steps=150"]), params)
    command = [sys.executable, "-m", "tasks.stages.tokenizer"]
    running = subprocess.Popen(command, cwd=workspace.root, stderr=subprocess.DEVNULL)
    os.kill(_pid_after_a_checkpoint(workspace.root), signal.SIGKILL)
    assert running.wait(timeout=60) == -signal.SIGKILL

    def train() -> dict[str, str]:
        subprocess.run(command, cwd=workspace.root, check=True)
        return _written_by_the_tokenizer(workspace.root)

    resumed = train()
    progress = json.loads((workspace.root / ".lamp/progress/tokenizer.json").read_text())
    assert progress["first_done"] > 10, "it started from the beginning"
    assert train() == resumed  # by hand nothing is remembered of a stage that has ended
    progress = json.loads((workspace.root / ".lamp/progress/tokenizer.json").read_text())
    assert progress["first_done"] == 1  # counting begins with the first step


def _pid_after_a_checkpoint(root: Path) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        progress = root / ".lamp/progress/tokenizer.json"
        found = json.loads(progress.read_text()) if progress.exists() else {}
        if found.get("state") == "running" and found.get("total") == 150 and found.get("done", 0) > 15:
            return int(found["pid"])
        time.sleep(0.1)
    raise AssertionError("the tokenizer wrote no checkpoint in two minutes")


def _written_by_the_tokenizer(root: Path) -> dict[str, str]:
    files = sorted((root / "data/tokenizer").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
