"""What is stale, and the versions of every file: the only caller of DVC.

DVC runs as a process of its own, so that its locks die with it. DVC removes a stage's outputs before it runs
the stage, and marking them ``persist`` would switch its run cache off; so the old output is kept beside (hard
links) while the stage runs, and put back by whoever finds it missing: the stage itself, this module, or the
next command.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from lamp_core.errors import LampError
from tasks.graph import Graph, Stage
from tasks.progress import process_exists
from tasks.project import Project, write_atomically

LOG_TAIL = 2000
"""Characters of a failed stage's log that its exception carries along."""
LOCK_MESSAGES = ("Unable to acquire lock", "Failed to acquire lock", "is busy, it is being blocked by")
LOCK_PATIENCE_SECONDS = 20.0
OWNER = "owner"


class RepositoryBusy(Exception):
    """Another DVC process holds a lock; it passes by itself."""


class StageFailed(Exception):
    """The stage's command, or DVC around it, ended with an error."""


@dataclass(frozen=True)
class Freshness:
    """Whether a stage's outputs are those of its present command, inputs and parameters.

    Args:
        state: ``fresh``; ``stale`` because of ``reasons``; ``missing`` when an output is not there.
        reasons: readable phrases, empty when fresh.
    """

    state: Literal["fresh", "stale", "missing"]
    reasons: tuple[str, ...] = ()


class Versions:
    """DVC's view of a project."""

    def __init__(self, project: Project, graph: Graph) -> None:
        self.project = project
        self.graph = graph

    def status(self) -> dict[str, Freshness]:
        """Every stage's freshness, by one status call for the whole graph.

        Raises:
            LampError: the folder is no git repository.
            RepositoryBusy: another DVC process holds the lock for longer than a while.
        """
        for stage in self.graph.values():
            self._recover(stage)
        found = json.loads(self._patiently("status", "--json"))
        locked = self._locked()
        return {name: self._freshness(stage, found.get(name), locked) for name, stage in self.graph.items()}

    def reproduce(
        self, name: str, *, force: bool = False, environment: Mapping[str, str] | None = None
    ) -> bool:
        """Bring one stage up to date: leave it when fresh, restore it from DVC's run cache, or run it.

        What DVC and the stage print goes to the stage's log file.

        Returns:
            Whether the stage's command ran.

        Raises:
            RepositoryBusy: another process holds a lock that this stage needs.
            StageFailed: the stage ended with an error.
        """
        stage = self.graph.require(name)
        log_file = self.project.log_file(name)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._keep(stage)
        try:
            with log_file.open("w") as log:
                command = self._command("repro", "--single-item", *(["--force"] if force else []), name)
                ended = subprocess.run(
                    command,
                    cwd=self.project.root,
                    env=self._environment(environment),
                    stdout=log,
                    stderr=log,
                    check=False,
                )
        finally:
            self._release(stage)
        text = log_file.read_text(errors="replace")
        ran = f"Running stage '{name}'" in text
        if ended.returncode == 0:
            return ran
        if not ran and any(message in text for message in LOCK_MESSAGES):
            raise RepositoryBusy(f"stage '{name}': another process holds DVC's lock")
        failure = StageFailed(f"stage '{name}' failed")
        failure.add_note(text[-LOG_TAIL:])
        raise failure

    def follows_inputs(self, name: str) -> bool:
        """Whether the stage's last run read what the stages before it have written last, by ``dvc.lock``."""
        locked = self._locked()
        written = {out["path"]: out.get("md5") for entry in locked.values() for out in entry.get("outs", ())}
        read = locked.get(name, {}).get("deps", ())
        return all(written.get(dep["path"], dep.get("md5")) == dep.get("md5") for dep in read)

    def restore(self, lock_text: str | None) -> None:
        """Go back to an older ``dvc.lock``, and bring the outputs it names back from the cache.

        A stage that the older file does not name keeps its present entry and output.

        Raises:
            RepositoryBusy: another process holds a lock.
            LampError: the cache does not hold an output any more.
        """
        older = yaml.load(lock_text or "", yaml.CSafeLoader) or {}
        stages, present = older.get("stages") or {}, self._locked()
        changed = [name for name in stages if name in self.graph and stages[name] != present.get(name)]
        new = {name: entry for name, entry in present.items() if name not in stages}
        if changed:
            merged = {"schema": "2.0", **older, "stages": {**stages, **new}}
            text = yaml.safe_dump(merged, sort_keys=False) if new else lock_text or ""
            write_atomically(self.project.lock_file, text)
            self._patiently("checkout", *changed)

    def lock_hash(self, name: str) -> str | None:
        """Hash of the stage's entry in ``dvc.lock``; None without one."""
        entry = self._locked().get(name)
        return _hash(json.dumps(entry, sort_keys=True)) if entry is not None else None

    def output_hash(self, name: str) -> str | None:
        """DVC's hash of the first output of a stage (its data version); None before its first run."""
        outs = self._locked().get(name, {}).get("outs", ())
        return outs[0].get("md5") if outs else None

    def graph_hash(self) -> str | None:
        """Hash of the whole ``dvc.lock``; None before the first run."""
        return _hash(self.project.lock_file.read_text()) if self.project.lock_file.exists() else None

    def _keep(self, stage: Stage) -> None:
        kept = self.project.kept_folder(stage.name)
        owner = _owner(kept)
        if owner is not None and process_exists(owner):
            raise RepositoryBusy(f"stage '{stage.name}' is run by process {owner}")
        shutil.rmtree(kept, ignore_errors=True)
        write_atomically(kept / OWNER, str(os.getpid()))
        for out in stage.outs:
            if (self.project.root / out).exists():
                _link(self.project.root / out, kept / out)

    def _release(self, stage: Stage) -> None:
        put_back(self.project, stage)
        shutil.rmtree(self.project.kept_folder(stage.name), ignore_errors=True)

    def _recover(self, stage: Stage) -> None:
        """Put the old output back when the process that kept it is gone."""
        owner = _owner(self.project.kept_folder(stage.name))
        if owner is not None and not process_exists(owner):
            self._release(stage)

    def _locked(self) -> dict[str, Any]:
        if not self.project.lock_file.exists():
            return {}
        return (yaml.load(self.project.lock_file.read_text(), yaml.CSafeLoader) or {}).get("stages") or {}

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
        values = yaml.safe_load(self.project.params_file.read_text()) or {}
        phrases = [
            phrase for key in changed for phrase in _differences(recorded.get(key), values.get(key), key)
        ]
        return phrases or [f"parameters {', '.join(changed)} changed"]

    def _patiently(self, *arguments: str) -> str:
        patience = time.monotonic() + LOCK_PATIENCE_SECONDS
        while True:
            try:
                return self._dvc(*arguments)
            except RepositoryBusy:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.5)

    def _dvc(self, *arguments: str) -> str:
        ended = subprocess.run(
            self._command(*arguments),
            cwd=self.project.root,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode == 0:
            return ended.stdout
        if any(message in ended.stderr for message in LOCK_MESSAGES):
            raise RepositoryBusy("another process holds DVC's lock")
        raise LampError(f"dvc {arguments[0]}: {_first_error(ended.stderr, self.project)}")

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "dvc", *arguments]

    @staticmethod
    def _environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The present environment, with this interpreter first on the path and DVC's calls home off."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "true", **(extra or {})}


def put_back(project: Project, stage: Stage) -> None:
    """Give a stage its kept output back where DVC removed it and no new one came."""
    kept = project.kept_folder(stage.name)
    for out in stage.outs:
        if (kept / out).exists() and not (project.root / out).exists():
            _link(kept / out, project.root / out)


def input_key(project: Project, stage: Stage, params: Mapping[str, Any]) -> str:
    """Hash of all that decides what a stage computes: command, parameters and the content of its inputs."""
    digest = hashlib.sha256(stage.command.encode())
    digest.update(json.dumps(_values(stage.params, params), sort_keys=True).encode())
    for dep in stage.deps:
        digest.update(_content(project.root / dep, project.root))
    return digest.hexdigest()[:16]


def chain_key(project: Project, stages: Iterable[Stage], params: Mapping[str, Any]) -> str:
    """Hash of all that decides what a chain of stages computes from nothing.

    That is every stage's command, parameters, and the content of those inputs that no stage writes: code, and
    the registered data set. Equal keys mean equal outputs, whatever the workspace holds at the moment.
    """
    chain = list(stages)
    written = tuple(f"{out}/" for stage in chain for out in stage.outs)
    read = dict.fromkeys(dep for stage in chain for dep in stage.deps if not f"{dep}/".startswith(written))
    described = [[stage.name, stage.command, _values(stage.params, params)] for stage in chain]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for dep in read:
        digest.update(_content(project.root / dep, project.root))
    return digest.hexdigest()[:16]


def folder_hash(folder: Path) -> str:
    """Hash of the names and contents of a folder's files."""
    return hashlib.sha256(_content(folder, folder)).hexdigest()[:16]


def _values(names: Iterable[str], params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by dotted name (``report.players``); None for one that is not there."""

    def value(name: str) -> Any:
        node: Any = params
        for part in name.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    return {name: value(name) for name in names}


def _content(path: Path, root: Path) -> bytes:
    """Digest of the names, relative to ``root``, and contents of a file or of a folder's files."""
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(str(file.relative_to(root)).encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.digest()


def _owner(kept: Path) -> int | None:
    """The process that runs the stage whose output is kept; None when none does."""
    file = kept / OWNER
    return int(file.read_text()) if file.exists() else None


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _link(source: Path, target: Path) -> None:
    """Put a file or folder in a second place without copying its content where the file system allows it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.link")
    if source.is_dir():
        shutil.copytree(source, temporary, copy_function=_link_file)
    else:
        _link_file(source, temporary)
    try:
        os.replace(temporary, target)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)  # another process put it there first
        if not target.exists():
            raise


def _link_file(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _differences(old: Any, new: Any, path: str) -> list[str]:
    """Phrases such as ``t2m.width 384 -> 192`` for every value that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        return [
            phrase for key in keys for phrase in _differences(old.get(key), new.get(key), f"{path}.{key}")
        ]
    return [] if old == new else [f"{path} {_shown(old)} -> {_shown(new)}"]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def _first_error(text: str, project: Project) -> str:
    errors = [line.removeprefix("ERROR: ") for line in text.splitlines() if line.startswith("ERROR:")]
    message = errors[0] if errors else text.strip()[-300:]
    if "is not a git repository" in message:
        return (
            f"{project.root} is no git repository; run `git init`, or `dvc config --local core.no_scm true`"
        )
    return message


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
