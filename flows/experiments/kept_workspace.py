"""The user's workspace while an experiment uses it: ``params.yaml``, ``dvc.lock`` and the outputs it names.

They are kept in ``.lamp/experiments`` before the first row and come back however the experiment ends. A lock
that the system takes from a dead process tells an experiment that runs from one that was killed; the next
command then brings the workspace back. A stage that outlives the killed experiment is waited for, since DVC
notes the parameters in ``dvc.lock`` when a stage ends: they must not change before.
"""

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from lamp_core.errors import LampError
from tasks.dvc.graph import read_graph
from tasks.dvc.versions import RepositoryBusy, Versions
from tasks.project import Project, write_atomically
from tasks.stage.progress import read_progress

SECONDS_TO_END = 60.0
SECONDS_BETWEEN_LOOKS = 0.5
FREE, RUNS = "free", "runs"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Kept:
    """The workspace as it was.

    Args:
        experiment: that uses the workspace.
        params: text of ``params.yaml``; None when there was none.
        lock: text of ``dvc.lock``; None when there was none.
    """

    experiment: str
    params: str | None
    lock: str | None


@contextmanager
def kept_workspace(project: Project, experiment: str, say: Say) -> Iterator[None]:
    """Give the workspace to an experiment, and bring it back at the end however that comes.

    Raises:
        LampError: another experiment uses it.
    """
    with _lock(project) as is_ours:
        if not is_ours:
            raise LampError(f"{_who(project)}; one at a time")
        _bring_back(project, say, patience=None, was_killed=True)
        kept = Kept(experiment, _text(project.params_file), _text(project.lock_file))
        write_atomically(_kept_file(project), json.dumps(asdict(kept)))
        try:
            yield
        finally:
            with _undisturbed():
                _bring_back(project, say, patience=SECONDS_TO_END)


def look_after_workspace(project: Project, say: Say, *, needs_it: bool) -> None:
    """Bring the workspace back when an experiment was killed; say so when one runs.

    Args:
        project: the project.
        say: tells the user.
        needs_it: whether the command runs stages or reads parameters: it then waits for a stage that outlived
            its experiment.

    Raises:
        LampError: an experiment runs, and the command needs the workspace.
    """
    if not _kept_file(project).exists():
        return
    with _lock(project) as is_ours:
        if is_ours:
            _bring_back(project, say, patience=None if needs_it else 0.0, was_killed=True)
        elif needs_it:
            raise LampError(f"{_who(project)} and uses params.yaml; wait for its end")
        else:
            say(f"{_who(project)}: params.yaml holds the parameters of its present row")


def _bring_back(project: Project, say: Say, *, patience: float | None, was_killed: bool = False) -> None:
    """Write ``params.yaml`` and ``dvc.lock`` as they were, and check the outputs out.

    Args:
        project: the project.
        say: tells the user.
        patience: seconds to wait for stages that still run; None waits for their end.
        was_killed: whether to say that the experiment was.
    """
    kept = _read(project)
    if kept is None:
        return
    if not _wait_for_stages(project, kept, say, patience):
        say("params.yaml keeps the parameters of its row until it ends; the next command looks again")
        return
    if kept.params is not None and _text(project.params_file) != kept.params:
        write_atomically(project.params_file, kept.params)
    try:
        Versions(project, read_graph(project)).restore(kept.lock)
    except RepositoryBusy:
        say("another process holds DVC's lock; the next command brings the outputs back")
        return
    except LampError as error:
        say(f"the outputs of before do not come back ({error}); `lamp run` makes them again")
    if kept.params is None:  # DVC has needed some until here, to read dvc.yaml
        project.params_file.unlink(missing_ok=True)
    _kept_file(project).unlink()
    if was_killed:
        say(f"experiment '{kept.experiment}' was killed; params.yaml and the outputs are as before it")


def _wait_for_stages(project: Project, kept: Kept, say: Say, patience: float | None) -> bool:
    """Wait until no stage runs any more; False when patience ends first."""
    until = None if patience is None else time.monotonic() + patience
    said: set[str] = set()
    while running := _running_stages(project):
        for name in sorted(running.keys() - said):
            say(f"stage {name} of experiment '{kept.experiment}' still runs (process {running[name]})")
            said.add(name)
        if until is not None and time.monotonic() >= until:
            return False
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return True


def _running_stages(project: Project) -> dict[str, int]:
    """Process of every stage that runs."""
    found = {path.stem: read_progress(path) for path in project.progress_file("any").parent.glob("*.json")}
    return {name: progress.pid for name, progress in found.items() if progress and progress.is_alive}


@contextmanager
def _lock(project: Project) -> Iterator[bool]:
    """Whether no other process has the workspace; it is ours until the end of the block if so."""
    path = _kept_file(project).with_name("lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        is_ours = _try_to_lock(file)
        if is_ours:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield is_ours


def _try_to_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _who(project: Project) -> str:
    kept = _read(project)
    process = _text(_kept_file(project).with_name("lock")) or "unknown"
    return (
        f"experiment '{kept.experiment}' runs (process {process})" if kept else f"process {process} ends one"
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C interrupt what the first one began."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, signal.SIG_IGN) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _read(project: Project) -> Kept | None:
    text = _text(_kept_file(project))
    return None if text is None else Kept(**json.loads(text))


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _kept_file(project: Project) -> Path:
    return project.state / "experiments" / "kept.json"
