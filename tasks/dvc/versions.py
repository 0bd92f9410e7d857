"""What is stale, and the versions of every file: the only caller of DVC.

DVC runs as a process of its own, so that its locks die with it. It removes a stage's outputs before it runs
the stage: those of the snapshot that a run works in (`tasks.dvc.snapshot`), while the project's stand.
"""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml
from tasks.dvc.graph import Graph, Stage
from tasks.dvc.process import (
    LOCK_MESSAGES,
    NETWORK_MESSAGES,
    Ended,
    OnLine,
    dvc_command,
    dvc_environment,
    run_logged,
)
from tasks.dvc.snapshot import read_lock, used
from tasks.project import Project
from tasks.stage.holding import RepositoryBusy as RepositoryBusy
from tasks.stage.holding import Waits, always, end_stage, held_stage, holder
from tasks.stage.memory import KEPT_FOR_CALLER, forget_ended, has_checkpoint
from tasks.stage.time_limits import TimeLimit, time_limit
from tasks.system import resources
from tasks.system.redaction import masked
from tasks.system.waiting import SECONDS_BETWEEN_LOOKS

LOG_TAIL = 2000
"""Characters of a failed stage's log that its exception carries along."""
LOCK_PATIENCE_SECONDS = 20.0
NETWORK_DELAYS_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)


class RemoteUnreachable(Exception):
    """DVC's remote cannot be reached now; it passes by itself."""


class StageFailed(Exception):
    """The stage's command, or DVC around it, ended with an error."""


class StageLate(StageFailed):
    """The stage took longer than it may, and was ended."""

    def __init__(self, limit: TimeLimit, *, has_checkpoint: bool) -> None:
        kept = "its checkpoint is kept, `lamp run` goes on from it"
        super().__init__(
            f"ended after {limit.text}, the limit that {limit.variable} sets; "
            + (kept if has_checkpoint else "it had no checkpoint yet, `lamp run` begins it anew")
        )


@dataclass(frozen=True)
class Freshness:
    """Whether a stage's outputs are those of its present command, inputs and parameters.

    Args:
        state: ``fresh``; ``stale`` because of ``reasons``; ``missing`` when an output is not there,
            or only ``in the remote``.
        reasons: readable phrases, empty when fresh.
    """

    state: Literal["fresh", "stale", "missing", "in the remote"]
    reasons: tuple[str, ...] = ()


class Versions:
    """DVC's view of a project."""

    def __init__(self, project: Project, graph: Graph) -> None:
        self.project = project
        self.graph = graph

    def status(self) -> dict[str, Freshness]:
        """Every stage's freshness, by one status call for the whole graph.

        DVC does not tell of a stage that is run at this moment, nor of those that read what it writes; they
        count as stale.

        Raises:
            LampError: the folder is no git repository.
            RepositoryBusy: another DVC process holds the lock for longer than a while.
        """
        self._make_room_for_shown(self.graph)
        until = time.monotonic() + LOCK_PATIENCE_SECONDS
        while True:
            busy = self._busy()
            asked = [name for name in self.graph if name not in busy]
            try:
                text = self._once("status", "--json", *(asked if busy else [])).stdout if asked else "{}"
                break
            except RepositoryBusy:  # a stage may have started in between
                if time.monotonic() > until:
                    raise
                time.sleep(SECONDS_BETWEEN_LOOKS)
        found, locked = json.loads(text), read_lock(self.project)
        told = {name: self._freshness(self.graph[name], found.get(name), locked) for name in asked}
        return {name: told.get(name) or Freshness("stale", busy[name]) for name in self.graph}

    def _make_room_for_shown(self, names: Iterable[str]) -> None:
        """Make an empty folder for what stages show and nobody has made: DVC asks that an input is there."""
        locked = read_lock(self.project)
        for name in names:
            for shown in self.graph[name].shows:
                for out in self.graph[shown].outs:
                    if shown not in locked and out in self.graph[name].deps:
                        (self.project.root / out).mkdir(parents=True, exist_ok=True)

    def _busy(self) -> dict[str, tuple[str, ...]]:
        """Stages that DVC does not tell of now, and why."""
        held = {name: mark for name in self.graph if (mark := holder(self.project, name))}
        busy: dict[str, tuple[str, ...]] = {
            name: (f"process {mark.pid} runs it",) for name, mark in held.items()
        }
        for name, stage in self.graph.items():
            running = [before for before in stage.upstream if before in held]
            if running and name not in busy:
                busy[name] = (f"{', '.join(running)} is being run",)
        return busy

    def reproduce(
        self,
        name: str,
        *,
        force: bool = False,
        waits: Waits = always,
        environment: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> bool:
        """Bring one stage up to date: leave it when fresh, restore it from DVC's run cache, or run it.

        What DVC and the stage print goes to the stage's log file.

        Args:
            name: of the stage.
            force: run it even when it is fresh.
            waits: whether to wait while another process runs the stage; asked again and again.
            environment: of the stage's process, beside the present one.
            on_line: called with every line that DVC and the stage print.
            on_end: called when DVC has ended and no other process may begin the stage yet.

        Returns:
            Whether the stage's command ran.

        Raises:
            RepositoryBusy: another process holds a lock that this stage needs.
            StageFailed: the stage ended with an error, or took longer than it may.
            LampError: a time limit that cannot be read.
        """
        stage, limit = self.graph.require(name), time_limit(name)
        self._make_room_for_shown([name])
        flags = [*(["--force"] if force else []), *(["--pull"] if resources.pulls_outputs() else [])]
        with held_stage(self.project, name, waits) as lock, used(self.project) as uses:
            if force:
                forget_ended(self.project.checkpoint_folder(name))
            ended = run_logged(
                # DVC lets its lock go while the stage works, and takes it again to note what was made:
                # without the flag it waits for three seconds, and what was made is lost.
                dvc_command("--wait-for-lock", "repro", "--single-item", *flags, name),
                folder=self.project.root,
                environment=dvc_environment({KEPT_FOR_CALLER: "1", **(environment or {})}),
                log_file=self.project.log_file(name),
                on_line=on_line,
                seconds=limit.seconds if limit else None,
                stop=partial(end_stage, self.project, name),
                inherited=[lock, *uses],
            )
            if on_end is not None:
                on_end()
        ran = f"Running stage '{name}'" in ended.text
        if ended.status:
            raise self._failure(stage, ended, limit, ran=ran)
        forget_ended(self.project.checkpoint_folder(name))
        return ran

    def _failure(self, stage: Stage, ended: Ended, limit: TimeLimit | None, *, ran: bool) -> Exception:
        """What kept a stage from ending well, by what DVC and the stage printed."""
        if not ran and any(message in ended.text for message in LOCK_MESSAGES):
            return RepositoryBusy(f"stage '{stage.name}': another process holds DVC's lock")
        if not ran and any(message in ended.text for message in NETWORK_MESSAGES):
            return RemoteUnreachable(f"stage '{stage.name}': DVC's remote cannot be reached")
        failure = StageFailed(f"stage '{stage.name}' failed")
        if ended.is_late and limit:
            failure = StageLate(limit, has_checkpoint=has_checkpoint(self.project, stage))
        failure.add_note(masked(ended.text, self.project.root)[-LOG_TAIL:])
        return failure

    def follows_inputs(self, name: str) -> bool:
        """Whether the stage's last run read what the stages before it have written last, by ``dvc.lock``."""
        locked = read_lock(self.project)
        written = {out["path"]: out.get("md5") for entry in locked.values() for out in entry.get("outs", ())}
        read = locked.get(name, {}).get("deps", ())
        return all(written.get(dep["path"], dep.get("md5")) == dep.get("md5") for dep in read)

    def read_by(self, name: str) -> list[str]:
        """The stages whose outputs a stage reads: what it needs, and what it shows of those that ran."""
        stage, locked = self.graph[name], read_lock(self.project)
        return [each for each in stage.upstream if each not in stage.shows or each in locked]

    def lock_hash(self, name: str) -> str | None:
        """Hash of the stage's entry in ``dvc.lock``; None without one."""
        entry = read_lock(self.project).get(name)
        return _hash(json.dumps(entry, sort_keys=True)) if entry is not None else None

    def output_hash(self, name: str) -> str | None:
        """DVC's hash of the first output of a stage (its data version); None before its first run."""
        outs = read_lock(self.project).get(name, {}).get("outs", ())
        return outs[0].get("md5") if outs else None

    def graph_hash(self) -> str | None:
        """Hash of all entries of ``dvc.lock``; None before the first run."""
        locked = read_lock(self.project)
        return _hash(json.dumps(locked, sort_keys=True)) if locked else None

    def _freshness(self, stage: Stage, changes: list[Any] | None, locked: dict[str, Any]) -> Freshness:
        if changes is None:
            return Freshness("fresh")
        missing = [out for out in stage.outs if not (self.project.root / out).exists()]
        if stage.name not in locked:
            return Freshness("missing" if missing else "stale", ("it never ran to its end",))
        reasons: list[str] = []
        for change in changes:
            if change == "changed command":
                reasons.append("its command changed")
                continue
            for path, state in change.get("changed deps", {}).items():
                reasons += (
                    self._param_reasons(stage, state, locked)
                    if isinstance(state, dict)
                    else [f"{path} {state}"]
                )
            for path, state in change.get("changed outs", {}).items():
                reasons.append(f"{path} {'missing' if state == 'deleted' else state}")
        return Freshness("missing" if missing else "stale", tuple(reasons))

    def _param_reasons(self, stage: Stage, changed: Mapping[str, str], locked: dict[str, Any]) -> list[str]:
        recorded = locked[stage.name].get("params", {}).get(self.project.params_file.name, {})
        values = parse_yaml(self.project.params_file.read_text()) or {}
        phrases = [
            phrase for key in changed for phrase in _differences(recorded.get(key), values.get(key), key)
        ]
        return phrases or [f"parameters {', '.join(changed)} changed"]

    def dvc(self, *arguments: str) -> str:
        """Run a DVC command and return what it prints, waiting a while for a lock of another process.

        Raises:
            RepositoryBusy: the lock is held for longer.
            LampError: DVC's own word of what went wrong.
        """
        return self.ended_dvc(*arguments).stdout

    def ended_dvc(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a DVC command as `dvc` does, and return how it ended: what it warns of as well.

        Raises:
            RepositoryBusy: the lock is held for longer.
            LampError: DVC's own word of what went wrong.
        """
        patience, tries = time.monotonic() + LOCK_PATIENCE_SECONDS, iter(NETWORK_DELAYS_SECONDS)
        while True:
            try:
                return self._once(*arguments)
            except RepositoryBusy:
                if time.monotonic() > patience:
                    raise
                time.sleep(SECONDS_BETWEEN_LOOKS)
            except RemoteUnreachable as error:
                delay = next(tries, None)
                if delay is None:
                    raise LampError(f"{error}; tried {len(NETWORK_DELAYS_SECONDS) + 1} times") from error
                time.sleep(delay)

    def _once(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        ended = subprocess.run(
            dvc_command(*arguments),
            cwd=self.project.root,
            env=dvc_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode == 0:
            return ended
        if any(message in ended.stderr for message in LOCK_MESSAGES):
            raise RepositoryBusy("another process holds DVC's lock")
        said = f"dvc {arguments[0]}: {_first_error(ended.stderr, self.project)}"
        if any(message in ended.stderr for message in NETWORK_MESSAGES):
            raise RemoteUnreachable(said)
        raise LampError(said)


def _differences(old: Any, new: Any, path: str) -> list[str]:
    """Phrases such as ``t2m.hidden_dim 384 -> 192`` for every value that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        return [
            phrase for key in keys for phrase in _differences(old.get(key), new.get(key), f"{path}.{key}")
        ]
    return [] if old == new else [f"{path} {_shown(old)} -> {_shown(new)}"]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def _first_error(text: str, project: Project) -> str:
    said = masked(text, project.root)
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR:")]
    message = errors[0] if errors else said.strip()[-300:]
    if "is not a git repository" in message:
        return (
            f"{project.root} is no git repository; run `git init`, or `dvc config --local core.no_scm true`"
        )
    return message


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
