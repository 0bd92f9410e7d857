import itertools
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.stage import progress
from tasks.stage.progress import ProgressWriter, read_progress
from tasks.system.processes import process_exists, this_process


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    writer = ProgressWriter(tmp_path / "t2m.json")
    writer.advance(5, 5, "loss 0.1")
    assert read_progress(tmp_path / "t2m.json") == writer.progress
    writer.end("failed", "bad data", is_bad_request=True)
    found = read_progress(tmp_path / "t2m.json")
    assert found is not None
    assert (found.state, found.error, found.is_bad_request, found.is_alive) == (
        "failed",
        "bad data",
        True,
        False,
    )


def test_writes_are_spaced_out(tmp_path: Path) -> None:
    writer = ProgressWriter(tmp_path / "t2m.json")
    for done in range(1000):
        writer.advance(done, 1000, "")
    found = read_progress(tmp_path / "t2m.json")
    assert found is not None
    assert found.done < 999  # the last change within a quarter of a second is not written


def test_the_first_count_is_written_at_once(tmp_path: Path) -> None:
    ProgressWriter(tmp_path / "t2m.json").advance(1, 1000, "loss 0.1")
    found = read_progress(tmp_path / "t2m.json")
    assert found is not None
    assert (found.done, found.total, found.first_done) == (1, 1000, 1)


def test_a_line_now_and_then_says_loss_rate_and_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = itertools.count(0.0, 5.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(progress.time, "time", lambda: next(clock))
    writer = ProgressWriter(tmp_path / "t2m.json")
    writer.advance(100, 400, "loss 0.9")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress.time, "monotonic", lambda: 10.0)
    writer.advance(200, 400, "loss 0.5")
    writer.advance(300, 400, "loss 0.4")
    assert capsys.readouterr().err == "t2m: 200/400 loss 0.5  10.0/s  20.0 s left\n"


def test_no_process_is_no_progress(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "none.json") is None


def test_the_rate_counts_only_what_this_process_did(tmp_path: Path) -> None:
    writer = ProgressWriter(tmp_path / "t2m.json")
    writer.advance(700, 1000, "")
    resumed = replace(writer.progress, done=800, updated=writer.progress.counting_since + 50.0)
    assert resumed.rate == pytest.approx(2.0)
    assert resumed.seconds_left == pytest.approx(100.0)


def test_a_dead_process_does_not_run(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert process_exists(os.getpid())
    assert not process_exists(ended.pid)
    progress = ProgressWriter(tmp_path / "x").progress
    assert progress.is_alive
    assert not replace(progress, pid=ended.pid, process="").is_alive


def test_a_later_process_of_the_same_number_is_another(tmp_path: Path) -> None:
    progress = ProgressWriter(tmp_path / "x").progress
    mark = this_process()
    assert not replace(progress, process=str(replace(mark, start="1"))).is_alive
    assert not replace(progress, process=str(replace(mark, boot="before"))).is_alive


def test_a_file_that_was_cut_off_is_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "t2m.json"
    ProgressWriter(path)
    path.write_text(path.read_text()[:30])
    assert read_progress(path) is None


def test_two_threads_may_tell_of_progress_at_once(tmp_path: Path) -> None:
    writer = ProgressWriter(tmp_path / "t2m.json")
    failed: list[Exception] = []
    told = threading.Event()

    def track() -> None:
        try:
            for number in range(300):
                writer.tracked_as(f"run {number}")
        except OSError as error:
            failed.append(error)
        told.set()

    threading.Thread(target=track).start()
    step = 0
    while not told.is_set() or step < 300:
        step += 1
        writer.advance(step, step, "")  # the last of all: written every time
        found = read_progress(tmp_path / "t2m.json")
        assert found is not None
        assert found.done == step
    assert failed == []
    assert writer.progress.run_id == "run 299"
    assert writer.progress.done == step
    assert [path.name for path in tmp_path.iterdir()] == ["t2m.json"]
