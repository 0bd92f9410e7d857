import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.system.orphans import lifeline_environment
from tasks.system.processes import ProcessMark, process_exists, this_process
from tests.toy import REPOSITORY
from tests.waiting import wait_until

# Starts a worker as the flow starts DVC, and sleeps.
FLOW = """\
import os, subprocess, sys, time
from tasks.system.orphans import lifeline_environment
command = [sys.executable, "-m", "tasks.system.orphans", "worker"]
worker = subprocess.Popen(command, env={**os.environ, **lifeline_environment(grace=float(sys.argv[1]))})
time.sleep(60)
"""
# Starts what a stage is to DVC, and waits for its end.
WORKER = """\
import os, subprocess, sys
from pathlib import Path
stage = subprocess.Popen([sys.executable, "stage.py"])
Path("worker.pid").write_text(str(os.getpid()))
stage.wait()
Path("worker.ended").touch()
"""
STAGE = """\
import os, signal, sys, time
from pathlib import Path
from tasks.system.orphans import end_with_parent
def stop(number, frame):
    Path("stage.ended").touch()
    sys.exit(130)
signal.signal(signal.SIGTERM, stop)
end_with_parent()
Path("stage.pid").write_text(str(os.getpid()))
while True:
    time.sleep(0.05)
"""
# Starts a server that leads a group, and sleeps; the server's own worker looks for nobody.
PAGE = """\
import os, subprocess, sys, time
from tasks.system.orphans import lifeline_environment
command = [sys.executable, "-m", "tasks.system.orphans", "server"]
environment = {**os.environ, **lifeline_environment(whole_group=True)}
subprocess.Popen(command, env=environment, start_new_session=True)
time.sleep(60)
"""
SERVER = """\
import os, subprocess, sys, time
from pathlib import Path
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("sleeper.pid").write_text(str(sleeper.pid))
Path("server.pid").write_text(str(os.getpid()))
sleeper.wait()
"""


def start_flow(folder: Path, grace: float) -> "subprocess.Popen[bytes]":
    for name, text in (("flow", FLOW), ("worker", WORKER), ("stage", STAGE)):
        (folder / f"{name}.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{REPOSITORY}"}
    flow = subprocess.Popen([sys.executable, "flow.py", str(grace)], cwd=folder, env=environment)
    wait_until(lambda: all(_pid(folder, name) for name in ("worker", "stage")))
    return flow


def _pid(folder: Path, name: str) -> int:
    path = folder / f"{name}.pid"
    return int(path.read_text() or 0) if path.exists() else 0


@pytest.mark.parametrize("victim", ["flow", "worker"])
def test_what_a_killed_process_had_started_ends_by_itself(victim: str, tmp_path: Path) -> None:
    flow = start_flow(tmp_path, grace=20.0)
    worker, stage = _pid(tmp_path, "worker"), _pid(tmp_path, "stage")
    os.kill(flow.pid if victim == "flow" else worker, signal.SIGKILL)
    wait_until(lambda: not process_exists(stage) and not process_exists(worker))
    assert (tmp_path / "stage.ended").exists()
    assert (tmp_path / "worker.ended").exists() == (victim == "flow")  # it had the time to note the end
    flow.kill()
    flow.wait()


def test_a_server_ends_with_its_workers(tmp_path: Path) -> None:
    for name, text in (("page", PAGE), ("server", SERVER)):
        (tmp_path / f"{name}.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY}"}
    page = subprocess.Popen([sys.executable, "page.py"], cwd=tmp_path, env=environment)
    wait_until(lambda: all(_pid(tmp_path, name) for name in ("server", "sleeper")))
    page.kill()
    page.wait()
    pids = [_pid(tmp_path, name) for name in ("server", "sleeper")]
    with suppress(AssertionError):  # said below, by what is left
        wait_until(lambda: not any(map(process_exists, pids)), 30)
    assert [pid for pid in pids if process_exists(pid)] == []


def test_by_hand_there_is_no_one_to_watch() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LAMP_FLOW_PID"}
    code = (
        "import threading; from tasks.system.orphans import end_with_parent;"
        "end_with_parent(); print(threading.active_count())"
    )
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert ended.stdout.split() == [b"1"]


def test_a_mark_names_one_process_and_no_later_one() -> None:
    mark = this_process()
    assert ProcessMark.read(str(mark)) == mark
    assert ProcessMark.read(lifeline_environment()["LAMP_FLOW_PID"]) == mark
    assert ProcessMark.read(str(os.getpid())) == ProcessMark(os.getpid())
    assert ProcessMark.read("") is None
    assert mark.is_alive
    assert not ProcessMark(mark.pid, mark.boot, "1").is_alive
    child = subprocess.Popen([sys.executable, "-c", ""])
    wait_until(lambda: not process_exists(child.pid))  # ended, and not collected yet
    child.wait()
