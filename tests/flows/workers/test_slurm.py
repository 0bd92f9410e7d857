"""The script for `sbatch`, and the process of a worker that is told to end."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.workers.slurm import job_name
from tests.flows.commands import run
from tests.toy import Toy

# Stands for Prefect's worker: runs one stage, which says how it was ended, and does not wait for it.
WORKER = """\
import signal, subprocess, sys, time
stage = subprocess.Popen([sys.executable, "stage.py"], start_new_session=True)
def end(number, frame):
    print("takes nothing more", flush=True)
    sys.exit(0)
if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, end)
time.sleep(120)
"""
STAGE = """\
import signal, sys, time
def end(number, frame):
    time.sleep(2)
    print("checkpoint", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("works", flush=True)
time.sleep(float(sys.argv[1]))
print("ended", flush=True)
"""
START = """\
import os, signal
from pathlib import Path
from flows.workers.worker_process import run_worker
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as the shell of a batch script does
raise SystemExit(run_worker(["worker"], Path.cwd(), os.environ))
"""


def script(*options: str) -> str:
    ended = CliRunner().invoke(app, ["worker", "slurm", *options])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_the_script_asks_for_what_the_options_say(toy: Toy) -> None:
    text = script(
        "--nodes", "2", "--cards", "4", "--time", "1-00:00:00", "--partition", "gpu", "--array", "0-7%4"
    )
    options = [line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH")]
    assert options == [
        "job-name=lamp-gpu",
        "partition=gpu",
        "array=0-7%4",
        "nodes=2",
        "ntasks-per-node=1",
        "gpus-per-node=4",
        "cpus-per-task=8",
        "time=1-00:00:00",
        "signal=B:USR1@120",
        "open-mode=append",
        f"output={toy.project.state}/logs/slurm-%A_%a.log",
        "requeue",
    ]
    assert f"cd {toy.project.root} || exit 1" in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    assert "gpus" not in script("--pool", "cpu")


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        *(("--time", text, "write it as 04:00:00") for text in ("soon", "-1", "1:2:3:4", "1e3", "", "4h")),
        *(("--time", text, "is too short") for text in ("0", "3", "3:59", "00:03:59", "0-0:3")),
        *(("--array", text, "write it as 0-7%4") for text in ("a", "0-", "0-7%", "1;2", "")),
        ("--partition", "a b\n#SBATCH --uid=0", "write it as gpu"),
    ],
)
def test_what_slurm_would_not_take_is_refused(toy: Toy, option: str, text: str, told: str) -> None:
    status, shown = run("worker", "slurm", option, text)
    assert status == 2 and told in shown, shown


@pytest.mark.parametrize("time", ["4", "4:00", "240", "00:04:00", "1-0", "0-1:30", "2-03:04:05"])
def test_every_form_of_a_time_that_slurm_takes_is_taken(toy: Toy, time: str) -> None:
    assert f"#SBATCH --time={time}\n" in script("--time", time)


def test_a_worker_is_called_after_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert job_name() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert job_name() == "slurm-17"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "15")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    assert job_name() == "slurm-15-2"


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_hands_its_stages_back(tmp_path: Path, number: int) -> None:
    lasts = "3" if number == signal.SIGINT else "120"  # at Ctrl-C the stage ends first
    (tmp_path / "worker.py").write_text(WORKER.replace('"stage.py"', f'"stage.py", "{lasts}"'))
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "start.py").write_text(START)
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "start.py"],
            cwd=tmp_path,
            stdout=said,
            stderr=said,
        )
    until = time.monotonic() + 60
    while "works" not in (tmp_path / "said").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == 0
    words = set((tmp_path / "said").read_text().splitlines())
    assert words == {"works", "takes nothing more", "ended" if number == signal.SIGINT else "checkpoint"}
