"""A stage in a process of its own, or under torchrun: ``python -m benchmarks.card.job JOB.json``."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.card.project import CardProject, Curve
from lamp_core.config import load_params, save_params
from lamp_core.training.distribution import is_first, process_group
from tasks.stage.process import TookPart
from tasks.system import resources

REPOSITORY = Path(__file__).parents[2]
LAST_LINES = 3


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Args:
        stage: of the project.
        data: the project's data folder, all of whose inputs are there.
        params: file of the parameters.
        result: file that gets the losses.
        checkpoints: folder of them.
        killed_at: steps after which the process kills itself; never for 0.
        is_group: whether it trains in a group of processes, be it alone in it.
    """

    stage: str
    data: str
    params: str
    result: str
    checkpoints: str
    killed_at: int = 0
    is_group: bool = False

    @classmethod
    def of(
        cls, folder: Path, project: CardProject, stage: str, *, killed_at: int = 0, is_group: bool = False
    ) -> "Job":
        """A job of a project, whose files lie in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        save_params(project.config, folder / "params.yaml")
        return cls(
            stage,
            str(project.data),
            str(folder / "params.yaml"),
            str(folder / "result.json"),
            str(folder / "checkpoints"),
            killed_at,
            is_group,
        )

    def write(self) -> str:
        """Write it beside its parameters, and return the file."""
        file = Path(self.params).with_name("job.json")
        file.write_text(json.dumps(asdict(self)))
        return str(file)

    def losses(self) -> Curve:
        """What it has logged."""
        return Curve(tuple(json.loads(Path(self.result).read_text())))

    def progress(self, done: int, total: int, text: str) -> None:
        """Kill this process after the step that the job names."""
        if self.killed_at and done == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)


def ended(command: Sequence[str], form_device: str) -> tuple[int, str]:
    """Run a command on a device to its end; return its status and the last lines that it printed."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "LAMP_DEVICE": form_device},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout)
    return done.returncode, " / ".join(done.stdout.strip().splitlines()[-LAST_LINES:])


def main(file: Path) -> None:
    """Run the job that a file describes."""
    job = Job(**json.loads(file.read_text()))
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    project = CardProject(Path(job.data), load_params(Path(job.params)))
    with process_group(device, even_alone=job.is_group):
        writes = is_first()
        try:
            losses = project.run(
                job.stage,
                device,
                checkpoints=Path(job.checkpoints),
                on_progress=job.progress,
                is_drawn_on_cpu=False,
            )
        except TookPart:
            return
    if writes:
        Path(job.result).write_text(json.dumps(losses.losses))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
