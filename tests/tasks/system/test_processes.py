import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.project import Project
from tasks.stage import holding
from tasks.stage.progress import ProgressWriter
from tasks.system.processes import send_signal


def test_a_signal_to_a_process_that_has_ended_says_so() -> None:
    sleeping = subprocess.Popen(["sleep", "60"])
    assert send_signal(sleeping.pid, signal.SIGTERM)
    sleeping.wait()
    assert not send_signal(sleeping.pid, signal.SIGTERM)


def test_a_stage_that_ends_while_it_is_told_to_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is seen alive, and is gone at the signal."""
    project, ended = Project(tmp_path), subprocess.Popen(["true"])
    ended.wait()
    progress = replace(ProgressWriter(project.progress_file("t2m")).progress, pid=ended.pid)
    monkeypatch.setattr(holding, "read_progress", lambda path: progress)
    assert progress.is_alive  # as its mark says, which is ours
    assert not holding.end_stage(project, "t2m")
