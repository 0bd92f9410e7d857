"""Stages' processes that are killed at seeded random moments, and what must hold then.

A kill is a SIGKILL either at a moment of the run's duration, or before one of the process's file events (a
file opened, renamed, removed), which are counted by an audit hook: the moments around a checkpoint and around
the exchange of the output are too short to be hit by the clock.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.dvc.graph import read_graph
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "LAMP_THREADS": "1", "LAMP_DEVICE": "cpu"}
SECONDS_A_RUN = 240
OLD = "old output"
WAYS = ("clock", "clock, saving often", "file event", "late file event")

# Runs a stage's module; told a number, it kills itself before the file event of that number in the project's
# folder, else it leaves the count.
COUNTING = """\
import os, runpy, signal, sys
module, fatal, root, left = sys.argv[1], int(sys.argv[2]), os.getcwd() + os.sep, sys.argv[3]
COUNTED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}
count = 0

def look(event, arguments):
    global count
    if event not in COUNTED or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))
    if not path.startswith((root + "data" + os.sep, root + ".lamp/checkpoints" + os.sep)):
        return
    if event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) == 0:
        return
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

sys.argv = [module, *sys.argv[4:]]
sys.addaudithook(look)
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    with open(left, "w") as file:
        file.write(str(count))
"""


@dataclass(frozen=True)
class Reference:
    """An uninterrupted run.

    Args:
        files: hash of every file it wrote: weights, curves, metrics.
        seconds: it took.
        events: file events it had.
    """

    files: Mapping[str, str]
    seconds: float
    events: int


@dataclass
class Victim:
    """A stage whose inputs are there.

    Args:
        project: the workspace.
        name: of the stage.
        log: what its processes printed.
        environment: of its processes.
        kills: how often one was killed.
    """

    project: Project
    name: str
    environment: dict[str, str] = field(default_factory=dict)
    kills: int = 0

    @property
    def log(self) -> Path:
        return self.project.root / f"{self.name}.log"

    @property
    def module(self) -> str:
        """What computes the stage; several stages may have one."""
        return f"tasks.stages.{CATALOGUE.stages[self.name].module}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What tells the module which of its stages it is."""
        return () if self.module.endswith(f".{self.name}") else ("--stage", self.name)

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a process in a session of its own; by default the stage's."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *(command or ("-m", self.module, *self.arguments))],
                cwd=self.project.root,
                env={**os.environ, **ENVIRONMENT, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def uninterrupted(self) -> Reference:
        """Run the stage from nothing to its end."""
        began = time.monotonic()
        left = self.project.root / f"{self.name}.events"
        self.end(self.start("-c", COUNTING, self.module, "0", str(left), *self.arguments))
        return Reference(self.files(), time.monotonic() - began, int(left.read_text()))

    def forget_output(self) -> None:
        """Put something else in the place of output and metrics, as if other parameters had made them."""
        output = self.project.output(self.name)
        shutil.rmtree(output)
        output.mkdir()
        (output / OLD).touch()
        self.project.metrics_file(self.name).write_text("{}")

    def kill_after(self, seconds: float) -> bool:
        """Start the stage and kill it after so long; return whether it was still running."""
        process = self.start()
        time.sleep(seconds)
        return self._kill(process)

    def kill_before_event(self, number: int) -> bool:
        """Start the stage, which kills itself before a file event; return whether it came that far."""
        left = self.project.root / f"{self.name}.events"
        process = self.start("-c", COUNTING, self.module, str(number), str(left), *self.arguments)
        process.wait(timeout=SECONDS_A_RUN)
        return self._kill(process)

    def _kill(self, process: "subprocess.Popen[bytes]") -> bool:
        process.kill()
        status = process.wait(timeout=SECONDS_A_RUN)
        assert status in (0, -signal.SIGKILL), self.said()
        self.kills += status != 0
        return status != 0

    def end(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for a process that must end well."""
        assert process.wait(timeout=SECONDS_A_RUN) == 0, self.said()

    def said(self) -> str:
        """The end of what its processes printed."""
        return self.log.read_text(errors="replace")[-3000:]

    def files(self) -> dict[str, str]:
        """Hash of every file of the output, and of the metrics."""
        output = self.project.output(self.name)
        files = {str(path.relative_to(output)): path for path in output.rglob("*") if path.is_file()}
        files["metrics"] = self.project.metrics_file(self.name)
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(files.items())}

    def check_killed(self, reference: Reference) -> None:
        """The output is the old one or the new one as a whole."""
        files = self.files()
        files.pop("metrics")
        new = {name: digest for name, digest in reference.files.items() if name != "metrics"}
        assert set(files) == {OLD} or files == new

    def check_ended(self, reference: Reference) -> None:
        """The output is the uninterrupted run's, and nothing is left beside it."""
        assert self.files() == reference.files
        left = [*self.project.data.glob(f".{self.name}.*"), *self.project.output(self.name).rglob("*.tmp")]
        left += list(self.project.metrics_file(self.name).parent.glob(f"{self.name}.json.*"))
        left += list(self.project.checkpoint_folder(self.name).iterdir())
        assert left == []
        progress = json.loads(self.project.progress_file(self.name).read_text())
        assert progress["state"] == "done"


def trained_stages(root: Path) -> list[str]:
    """The stages of the graph that write checkpoints, in its order."""
    modules = {
        name: root / "tasks" / "stages" / f"{CATALOGUE.stages[name].module}.py"
        for name in read_graph(Project(root))
    }
    return [name for name, module in modules.items() if "stage.checkpoints" in module.read_text()]


def kill_often(victim: Victim, reference: Reference, seed: int) -> None:
    """Kill the stage in every way, then let it end; it must end as if nothing had happened."""
    draw = random.Random(f"{victim.name} {seed}")
    victim.forget_output()
    for way in draw.sample(WAYS, len(WAYS)):
        victim.environment = {"LAMP_CHECKPOINT_SECONDS": "0"} if way == "clock, saving often" else {}
        if "file event" in way:  # the late ones: the output is written, exchanged, and noted
            first = reference.events * 2 // 3 if way == "late file event" else 1
            was_killed = victim.kill_before_event(draw.randint(first, reference.events))
        else:
            was_killed = victim.kill_after(draw.uniform(0.0, reference.seconds))
        victim.check_killed(reference)
        if not was_killed:
            victim.forget_output()
    victim.end(victim.start())
    victim.check_ended(reference)
