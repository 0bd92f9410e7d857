import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamp_core.errors import LampError
from tasks.dvc import process
from tasks.dvc.process import dvc_environment, run_logged
from tasks.dvc.versions import LOCK_PATIENCE_SECONDS, RemoteUnreachable, RepositoryBusy
from tasks.stage.time_limits import time_limit
from tasks.system.waiting import SECONDS_BETWEEN_LOOKS
from tests.toy import Toy


def run_code(folder: Path, code: str, **options: object) -> tuple[object, list[tuple[float, str]]]:
    told: list[tuple[float, str]] = []
    ended = run_logged(
        [sys.executable, "-u", "-c", code],
        folder=folder,
        environment=os.environ,
        log_file=folder / "log",
        on_line=lambda line: told.append((time.monotonic(), line)),
        **options,
    )
    return ended, told


def test_lines_are_told_while_the_process_runs(tmp_path: Path) -> None:
    code = (
        "import sys, time; print('one'); time.sleep(1); print('t', end=''); time.sleep(0.5); sys.exit('wo')"
    )
    ended, told = run_code(tmp_path, code)
    assert [line for _, line in told] == ["one", "two"]
    assert told[1][0] - told[0][0] > 1.0
    assert (ended.status, ended.text, ended.is_late) == (1, "one\ntwo\n", False)


def test_what_takes_too_long_is_told_to_end_and_may_finish(tmp_path: Path) -> None:
    code = "import pathlib, time\nwhile not pathlib.Path('stop').exists(): time.sleep(0.05)\nprint('saved')"
    ended, told = run_code(
        tmp_path, code, seconds=0.3, stop=lambda number: (tmp_path / "stop").touch() or True
    )
    assert ended.is_late
    assert [line for _, line in told] == ["saved"]


def test_what_has_no_work_to_end_is_ended(tmp_path: Path) -> None:
    ended, _ = run_code(tmp_path, "import time; time.sleep(60)", seconds=0.3)
    assert ended.is_late
    assert ended.status != 0


def test_time_limits_are_read_by_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert time_limit("tokenizer") is None
    monkeypatch.setenv("LAMP_STAGE_TIMEOUT", "90")
    monkeypatch.setenv("LAMP_TIMEOUT_TOKENIZER", "1.5h")
    found = {stage: time_limit(stage) for stage in ("tokenizer", "t2m")}
    assert {stage: limit.seconds for stage, limit in found.items()} == {"tokenizer": 5400.0, "t2m": 90.0}
    for wrong in ("soon", "0", "-3s", "3 weeks"):
        monkeypatch.setenv("LAMP_TIMEOUT_TOKENIZER", wrong)
        with pytest.raises(LampError, match=r"LAMP_TIMEOUT_TOKENIZER=.* is no time; write 90s"):
            time_limit("tokenizer")


def test_a_network_and_a_lock_are_tried_again_and_bad_data_is_not(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tasks.dvc.versions.time.sleep", slept.append)
    versions = toy.versions

    def failing(*errors: Exception) -> int:
        """Let DVC fail so, then work; return how often it was called."""
        left = list(errors)
        calls: list[int] = []

        def once(*arguments: str) -> "subprocess.CompletedProcess[str]":
            calls.append(1)
            if left:
                raise left.pop(0)
            return subprocess.CompletedProcess([], 0, stdout="well", stderr="")

        monkeypatch.setattr(versions, "_once", once)
        assert versions.dvc("pull") == "well"
        return len(calls)

    assert failing(RemoteUnreachable("no route"), RepositoryBusy("held"), RemoteUnreachable("no route")) == 4
    assert slept == [1.0, SECONDS_BETWEEN_LOOKS, 2.0]
    with pytest.raises(LampError, match="bad data"):
        failing(LampError("bad data"))
    with pytest.raises(LampError, match="no route; tried 6 times"):
        failing(*[RemoteUnreachable("no route")] * 6)
    clock = iter([0.0, *[LOCK_PATIENCE_SECONDS + 1] * 9])
    monkeypatch.setattr("tasks.dvc.versions.time.monotonic", lambda: next(clock))
    with pytest.raises(RepositoryBusy):
        failing(RepositoryBusy("held"))


def test_dvc_s_words_of_a_network_that_is_down_are_known(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "ERROR: failed to push: Could not connect to the endpoint URL: http://127.0.0.1:9/x"
    ended = subprocess.CompletedProcess([], 1, stdout="", stderr=said)
    monkeypatch.setattr("tasks.dvc.versions.subprocess.run", lambda *arguments, **options: ended)
    with pytest.raises(RemoteUnreachable, match="Could not connect"):
        toy.versions._once("push")


def test_a_limit_holds_for_work_that_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SECONDS_TO_END", 0.5)
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    began = time.monotonic()
    ended, _ = run_code(tmp_path, deaf, seconds=2.0)
    assert ended.is_late
    assert time.monotonic() - began < 30


def test_threads_of_a_stage_spin_a_little_unless_the_environment_says_how_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert dvc_environment()["GOMP_SPINCOUNT"] == "1000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert dvc_environment()["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    assert "GOMP_SPINCOUNT" not in dvc_environment()
