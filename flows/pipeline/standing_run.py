"""The finished run that a run with nothing to do would repeat, remembered: such a run opens no store.

MLflow takes longer to import than all else that an idle run does.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field

from flows.pipeline.run_records import Asked
from lamp_core.config import Config
from lamp_core.io.disk import write_text
from tasks.mlflow.store import STORE_FILE, tracking_uri
from tasks.mlflow.tags import params_hash
from tasks.project import Project
from tasks.system.servers import sqlite_address

FILE = "standing_runs.json"
KEPT = 20


@dataclass(frozen=True)
class StandingRun:
    """A run that was asked for, and the MLflow run that stands for it while nothing has changed.

    Args:
        project: the project.
        config: the parameters of the run.
        asked: what was asked for.
    """

    project: Project
    config: Config
    asked: Asked = field(repr=False)

    @property
    def run_id(self) -> str | None:
        """The MLflow run; None where none is known for this graph, lock, parameters and store."""
        return self._known().get(self._key)

    def note(self, run_id: str) -> None:
        """Remember the run, now that every stage is fresh."""
        kept = {**self._known(), self._key: run_id}
        text = json.dumps(dict(list(kept.items())[-KEPT:]))
        write_text(self.project.state / FILE, text, "the run that stands")

    def forget(self) -> None:
        """Forget all: stages run now, and what a killed run leaves open is to be looked for in the store."""
        (self.project.state / FILE).unlink(missing_ok=True)

    @property
    def _key(self) -> str:
        asked = self.asked
        wanted = [asked.name, asked.only, asked.until, asked.force, asked.system, asked.tags]
        files = [self.project.graph_file, self.project.lock_file]
        state = [hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "" for file in files]
        store, uri = self.project.root / STORE_FILE, tracking_uri(self.project)
        identity = store.stat().st_ino if store.exists() and sqlite_address(store) == uri else 0
        told = json.dumps([wanted, params_hash(self.config), state, uri, identity])
        return hashlib.sha256(told.encode()).hexdigest()

    def _known(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            return dict(json.loads((self.project.state / FILE).read_text()))
        return {}
