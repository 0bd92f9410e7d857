"""``params.yaml`` while runs are at work: DVC notes the parameters when a stage ends; till then they stay.

Runs with the same parameters share the file. One with others waits for their end before it writes its own.
"""

import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from flows.pipeline.run_records import living_runs
from lamp_core.config import Config, render_params, save_params
from lamp_core.errors import LampError
from tasks.project import Project

SECONDS_BETWEEN_LOOKS = 0.5


def tell(line: str) -> None:
    """Say something to who runs the command."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def held_params(
    project: Project, config: Config, *, wait: bool = True, say: Callable[[str], None] = tell
) -> Iterator[None]:
    """Let ``params.yaml`` hold these parameters until the block ends.

    Args:
        project: the project.
        config: the parameters.
        wait: whether to wait for the end of runs with others.
        say: tells the user what is waited for.

    Raises:
        LampError: a run with other parameters is at work, and ``wait`` is off.
    """
    path = project.hold_file("params")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        is_told = False
        while not _share(project, config, file):
            busy = f"params.yaml is in use: {_users(project)}, with other parameters"
            if not wait:
                raise LampError(f"{busy}; without --no-wait its end is waited for")
            if not is_told:
                say(f"{busy}; waiting for its end")
                is_told = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
        yield


def _share(project: Project, config: Config, file: TextIO) -> bool:
    """Share the file with runs of the same parameters, or write others when there is no run."""
    if not _holds(project.params_file, config):
        if not _lock(file, fcntl.LOCK_EX):
            return False
        save_params(config, project.params_file)
    return _lock(file, fcntl.LOCK_SH) and _holds(project.params_file, config)


def _holds(path: Path, config: Config) -> bool:
    """Whether a file holds these parameters, each of them written out, as DVC wants them."""
    return path.exists() and path.read_text() == render_params(config)


def _lock(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _users(project: Project) -> str:
    """The runs at work, by name and process."""
    runs = [f"run {record.name} (process {record.mark.pid})" for record in living_runs(project)]
    return ", ".join(runs) or "another run"
