import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from lamp_core.io.file_lock import alone_in, locked
from tests.toy import REPOSITORY

HOLDER = """\
import sys
import threading
from pathlib import Path
from lamp_core.io.file_lock import locked
with locked(Path(sys.argv[1]), is_shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def other(path: Path, how: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), how],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def is_free(path: Path, *, is_shared: bool = False) -> bool:
    with locked(path, is_shared=is_shared, waits=False) as file:
        return file is not None


def test_a_lock_is_held_until_its_process_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    holder = other(path, "alone")
    assert not is_free(path)
    assert not is_free(path, is_shared=True)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert is_free(path)


def test_a_shared_lock_keeps_out_who_wants_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = other(path, "shared")
    assert is_free(path, is_shared=True)
    assert not is_free(path)
    holder.communicate()
    assert is_free(path)


def test_one_at_a_time_is_in_a_folder(tmp_path: Path) -> None:
    folder, inside, entered = tmp_path / "new" / "folder", [], threading.Event()

    def work() -> None:
        with alone_in(folder):
            inside.append("second")
            entered.set()

    second = threading.Thread(target=work)
    with alone_in(folder):
        second.start()
        assert not entered.wait(0.2)
        inside.append("first")
    second.join(10)
    assert inside == ["first", "second"]
