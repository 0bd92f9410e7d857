"""A project whose outputs lie on DVC's remote: what is pulled, pushed, and taken over from other machines."""

import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from lamp_core.errors import LampError
from tasks.dvc.config import default_remote, read_config
from tasks.dvc.graph import Stage
from tasks.dvc.snapshot import read_lock, write_lock
from tasks.dvc.versions import Freshness, Versions
from tasks.project import Project
from tasks.system.redaction import masked
from tasks.system.servers import require_answer

Entry = dict[str, Any]
IN_REMOTE: Literal["in the remote"] = "in the remote"
LOST_FOLDER = re.compile(r"md5: ([0-9a-f]{32}\.dir)")
ELSEWHERE = ("deleted", "not in cache")
"""What DVC says of an output that is not on this machine."""


class RemoteVersions(Versions):
    """DVC's view of a project whose outputs need not be here: those in ``dvc.lock`` count as there."""

    def _freshness(self, stage: Stage, changes: list[Any] | None, locked: dict[str, Any]) -> Freshness:
        present = self._present(stage, changes or [], locked) if stage.name in locked else changes
        return super()._freshness(stage, present or None, locked)

    def _present(self, stage: Stage, changes: list[Any], locked: Mapping[str, Any]) -> list[Any]:
        """The changes without those that say only that a file is not here."""
        named = {out["path"] for entry in locked.values() for out in entry.get("outs", ())}
        kept: list[Any] = []
        for change in changes:
            if not isinstance(change, dict):
                kept.append(change)
                continue
            left = {
                kind: {path: state for path, state in found.items() if not _is_elsewhere(path, state, named)}
                for kind, found in change.items()
            }
            kept += [{kind: found} for kind, found in left.items() if found]
        return kept

    def entries(self, names: Collection[str]) -> dict[str, Entry]:
        """Entries of these stages in ``dvc.lock``, of those that have one."""
        return {name: entry for name, entry in read_lock(self.project).items() if name in names}

    def write_entries(self, entries: Mapping[str, Entry]) -> None:
        """Make these the only entries of ``dvc.lock``."""
        write_lock(self.project, entries, self.graph)

    def take_over(self, name: str, entry: Entry) -> None:
        """Put another machine's entry of a stage into ``dvc.lock``.

        Raises:
            LampError: it was made from other inputs than those that ``dvc.lock`` names.
        """
        before = read_lock(self.project)
        self.write_entries({**before, name: entry})
        if self.follows_inputs(name):
            return
        self.write_entries(before)
        raise LampError(f"stage '{name}' was run on other inputs than those asked for; run it again")

    def is_lost(self, name: str, entry: Entry) -> bool:
        """Whether an output that another machine's entry names is neither on the remote nor in the cache.

        Raises:
            LampError: the remote cannot be reached.
        """
        before = read_lock(self.project)
        self.write_entries({**before, name: entry})
        try:
            return bool(self._lost([name]))
        finally:
            self.write_entries(before)

    def _lost(self, names: Collection[str]) -> set[str]:
        """Those of some stages of which an output is neither on the remote nor in the cache.

        DVC lists single files as ``missing``; the list of a folder's files it only warns of, by its hash.
        """
        ended, locked = self.ended_dvc("status", "--cloud", "--json", *names), read_lock(self.project)
        paths = [path for path, state in json.loads(ended.stdout).items() if state == "missing"]
        hashes = set(LOST_FOLDER.findall(ended.stderr))
        lost = {name for name in names if any(self._holds(name, path) for path in paths)}
        return lost | {
            name for name in names if hashes & {out.get("md5") for out in locked[name].get("outs", ())}
        }

    def _holds(self, name: str, path: str) -> bool:
        return any(f"{path}/".startswith(f"{out}/") for out in self.graph[name].outs)

    def pull(self, names: Iterable[str], *, force: bool = False) -> None:
        """Bring the outputs of stages, or single files of them, here.

        Args:
            names: stages, or paths.
            force: put them in the place of files that the cache does not hold.

        Raises:
            LampError: the remote does not have one, or it cannot be reached.
        """
        wanted = list(names)
        if wanted:
            self.dvc("pull", *(["--force"] if force else []), *wanted)

    def push(self, names: Iterable[str]) -> None:
        """Bring the outputs of stages and what DVC knows of runs to the remote.

        Raises:
            LampError: the remote cannot be reached.
        """
        wanted = list(names)
        if wanted:
            self.dvc("push", "--run-cache", *wanted)

    def clear(self, names: Iterable[str]) -> None:
        """Remove outputs of stages; the cache keeps them."""
        for name in names:
            for out in self.graph[name].outs:
                path = self.project.root / out
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


class PlacedVersions(RemoteVersions):
    """DVC's view for who asks where outputs are: here, in the remote alone, or nowhere."""

    def status(self) -> dict[str, Freshness]:
        """Every stage's freshness; outputs that are not here are looked for in the remote."""
        found = super().status()
        elsewhere = [name for name, freshness in found.items() if freshness.state == IN_REMOTE]
        return found | self._looked_up(elsewhere)

    def _freshness(self, stage: Stage, changes: list[Any] | None, locked: dict[str, Any]) -> Freshness:
        found = super()._freshness(stage, changes, locked)
        is_here = all((self.project.root / out).exists() for out in stage.outs)
        if found.state != "fresh" or is_here:
            return found
        return Freshness(IN_REMOTE, (f"`dvc pull {stage.name}` brings it",))

    def _looked_up(self, names: Collection[str]) -> dict[str, Freshness]:
        """What is other than supposed of stages that the remote should have."""
        if not names:
            return {}
        try:
            require_remote(self.project)
            lost = self._lost(names)
        except LampError as error:
            return dict.fromkeys(names, Freshness("missing", (masked(str(error), self.project.root),)))
        return dict.fromkeys(lost, Freshness("missing", ("neither here nor in the remote",)))


def _is_elsewhere(path: str, state: Any, named: Collection[str]) -> bool:
    """Whether a change is none but that an output which ``dvc.lock`` names is not on this machine."""
    return path in named and state in ELSEWHERE


def require_remote(project: Project) -> str:
    """Return the name of DVC's default remote, whose server answers, if it has one.

    Raises:
        LampError: there is none, or it does not answer.
    """
    name = default_remote(project)
    if not name:
        raise LampError(
            "workers exchange data through DVC's remote, and there is none; "
            "`dvc remote add --default storage URL` (docs/cluster.md)"
        )
    settings = read_config(project).get(f'remote "{name}"', {})
    for key in ("endpointurl", "url"):
        address = str(settings.get(key, ""))
        require_answer(f"DVC's remote '{name}'", address, "is it up, and its address in .dvc/config right?")
    return name


def has_remote(project: Project) -> bool:
    """Whether DVC has a default remote."""
    return bool(default_remote(project))
