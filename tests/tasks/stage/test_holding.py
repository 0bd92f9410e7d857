import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.pipeline.stage_runner import LocalRunner
from tasks.project import Project
from tasks.stage.holding import StageHeld, always, end_stage, held_stage, holder
from tasks.stage.progress import ProgressWriter, read_progress
from tests.toy import REPOSITORY

# Holds a stage until its standard input ends.
OTHER_RUN = """\
import sys
from pathlib import Path
from tasks.stage.holding import always, held_stage
from tasks.project import Project
with held_stage(Project(Path(sys.argv[1])), "features", always):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def other_run(project: Project) -> "subprocess.Popen[str]":
    run = subprocess.Popen(
        [sys.executable, "-c", OTHER_RUN, str(project.root)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "held\n"
    return run


def test_the_second_waits_for_the_first_and_says_for_which(project: Project) -> None:
    other = other_run(project)
    mark = holder(project, "features")
    assert mark is not None
    assert mark.pid == other.pid
    shown = LocalRunner(project).progress("features")
    assert shown is not None
    assert shown.details == f"waits for process {other.pid}, which runs it"
    began: list[str] = []

    def second() -> None:
        with held_stage(project, "features", always):
            began.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    time.sleep(0.5)
    assert began == []
    other.communicate()  # ends it
    waiting.join(30)
    assert began == ["second"]
    assert holder(project, "features") is None


def test_a_killed_holder_holds_nothing(project: Project) -> None:
    other = other_run(project)
    with (
        pytest.raises(StageHeld, match=f"'features' is run by process {other.pid}; without --no-wait"),
        held_stage(project, "features", lambda: False),
    ):
        pass
    other.kill()
    other.communicate()
    assert holder(project, "features") is None
    with held_stage(project, "features", lambda: False):
        pass


def test_a_stage_that_runs_by_hand_holds_it_too(project: Project) -> None:
    progress = ProgressWriter(project.progress_file("features"))
    with (
        pytest.raises(StageHeld, match=f"process {os.getpid()}"),
        held_stage(project, "features", lambda: False),
    ):
        pass
    progress.end("done")
    assert not end_stage(project, "features")
    with held_stage(project, "features", lambda: False):
        assert LocalRunner(project).progress("features") is None  # held by this very run


def test_a_run_that_is_interrupted_leaves_the_other_s_stage_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.pipeline.stage_runner.SECONDS_TO_START", 0.3)
    other = other_run(project)
    runner = LocalRunner(project)
    runner.interrupt(["features"])
    assert other.poll() is None
    assert read_progress(project.progress_file("features")) is None
    other.communicate()
