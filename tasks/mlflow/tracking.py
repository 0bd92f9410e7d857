"""What was measured: runs in MLflow's store, written now or when its server is back."""

import math
import os
import platform
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

from tasks.mlflow.delivery import deliver
from tasks.mlflow.outbox import Entry
from tasks.mlflow.store import (
    PIPELINE,
    Store,
    StoreAway,
    load_mlflow,
    metric_name,
    patiently,
    server_page,
    tagged,
)
from tasks.project import Project
from tasks.system.processes import ProcessMark
from tasks.system.redaction import masked, warn

PARENT = "mlflow.parentRunId"
UNREACHED = "API request to "
"""How MLflow begins to say that a server was not reached."""
TOLD: set[str] = set()
"""What this process has said of servers that are away."""

Ending = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Scalar:
    """One measured number.

    Args:
        name: of the metric.
        value: finite, or it is left out.
        step: of the training; 0 for a result.
        milliseconds: since the epoch.
    """

    name: str
    value: float
    step: int
    milliseconds: int

    @classmethod
    def now(cls, name: str, value: float, step: int = 0) -> "Scalar":
        """A number measured at this moment."""
        return cls(name, float(value), step, _milliseconds())


class Tracking(Store):
    """Runs in the project's MLflow store.

    What is written while a server is away is kept in ``.lamp/outbox``, and sent by whoever writes next, or by
    the next command, when the server answers again. What is read needs the server.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self.is_later = False
        """Whether all that is written is kept, for another process to send."""
        self._steps: dict[tuple[str, str], int] = {}

    def start(
        self,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        *,
        parent: str | None = None,
        known: str | None = None,
    ) -> str:
        """Start a run, nested under ``parent`` when there is one, and return its id.

        Args:
            name: of the run.
            tags: of the run.
            params: of the run.
            parent: id of the run that it is part of.
            known: id of an interrupted run, which is marked as running again with the tags of now; one that
                the store has lost starts anew, under another id.
        """
        nested = {PARENT: parent} if parent else {}
        beginning = {"name": name, "tags": {**_shown(tags), **nested}, "started": _milliseconds()}
        if known is not None:
            return self._write("go on", known, **beginning, params=_shown(params))
        run_id = self._write("start", uuid4().hex, **beginning)
        if params:
            self._write("params", run_id, params=_shown(params))
        return run_id

    def log(self, run_id: str, scalars: Iterable[Scalar], *, goes_on: bool = False) -> None:
        """Write numbers, those that are not finite left out.

        Args:
            run_id: the run.
            scalars: the numbers.
            goes_on: whether an interrupted run goes on: steps that it has written before are left out.
        """
        entries = [
            [metric_name(scalar.name), scalar.value, scalar.step, scalar.milliseconds]
            for scalar in scalars
            if math.isfinite(scalar.value)
        ]
        if entries:
            self._write("log", run_id, scalars=entries, goes_on=goes_on)

    def last_step_before(self, run_id: str, name: str) -> int:
        """The last step of a metric before this object first wrote it."""
        if (run_id, name) not in self._steps:
            self._steps[run_id, name] = self.last_step(run_id, name)
        return self._steps[run_id, name]

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        self._write("tag", run_id, tags=_shown(tags))

    def link(self, run_id: str, stages: Mapping[str, tuple[str, str]], makers: Mapping[str, str]) -> None:
        """Link a run with the runs that made its outputs, and tell what is known by them.

        Args:
            run_id: the run.
            stages: hash of the entry in ``dvc.lock``, and DVC's hash of the output, by stage.
            makers: those runs that are known.
        """
        self._write(
            "link",
            run_id,
            stages={name: list(hashes) for name, hashes in stages.items()},
            makers=dict(makers),
        )

    def note_data(self, run_id: str, name: str, version: str) -> None:
        """Say on which data set a run worked, in MLflow's own column."""
        self._write("data", run_id, name=name, version=version)

    def register(self, run_id: str, stage: str, tags: Mapping[str, str]) -> None:
        """Make the model that a run stored a version in the registry."""
        self._write("register", run_id, stage=stage, tags=dict(tags))

    def keep_file(self, run_id: str, path: Path, folder: str = "", *, is_final: bool = False) -> None:
        """Store a file with a run.

        Args:
            run_id: the run.
            path: the file.
            folder: among the run's artifacts.
            is_final: nobody writes into the file again, so that a second name does where a copy would.
        """
        entry: Entry = {"do": "file", "run": run_id, "folder": folder, "is_final": is_final}
        if self.is_later or not self.flush() or not self._answers():
            self._keep({**entry, "path": str(self.outbox.keep_file(path)), "is_kept": True})
        else:
            self._carry_out({**entry, "path": str(path), "is_kept": False})

    def keep_text(self, run_id: str, text: str, name: str) -> None:
        """Store a text as a file with a run."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text(text)
            self.keep_file(run_id, path)

    def keep_outputs(self, run_id: str, outputs: Iterable[Path], root: Path, folder: str = "") -> None:
        """Store a stage's files with a run, under ``folder`` and their paths below ``root``.

        Where the artifacts lie on this file system a file gets a second name there, and no byte is copied: a
        stage never writes into a file of its output again.
        """
        for path in outputs:
            inside = (Path(folder) / path.relative_to(root)).parent
            self.keep_file(run_id, path, inside.as_posix() if inside.parts else "", is_final=True)

    def linked(self, run_id: str, path: Path, folder: str) -> bool:
        """Give a file a second name among a run's artifacts; False where they are not on this file system."""
        place = self._local_artifacts(run_id)
        return place is not None and _linked(path, place / folder / path.name)

    def finish(self, run_id: str, ending: Ending) -> None:
        """Close a run."""
        self._write("finish", run_id, ending=ending, ended=_milliseconds())

    def close_killed(self, tags: Mapping[str, str]) -> None:
        """Close the pipeline runs with these tags that a killed process has left running."""
        running = f"{tagged({'kind': PIPELINE, **tags})} and attributes.status = 'RUNNING'"
        for run in self.client.search_runs([self.experiment_id], running):
            self.finish(run.info.run_id, "KILLED")

    def close_dead(self) -> int:
        """Close the runs that killed processes of this machine have left running; return how many.

        A run without the mark of its process, or of another machine, is left alone.
        """
        wanted = f"tags.machine = '{platform.node()}' and attributes.status = 'RUNNING'"
        closed = 0
        self.flush()  # a killed process may have told of its run there alone
        for run in self.client.search_runs([self.experiment_id], wanted):
            mark = ProcessMark.read(run.data.tags.get("process", ""))
            if mark is not None and not mark.is_alive:
                self.finish(run.info.run_id, "KILLED")
                closed += 1
        return closed

    def flush(self) -> bool:
        """Send what was kept while the server was away or another process sent; whether nothing is left."""
        while not self.outbox.is_empty:
            if self.is_later or not self._answers() or not self._send():
                return False
        return True

    def _send(self) -> bool:
        """Send the entries that wait; False when the server is away, or another process sends."""
        with self.outbox.sending() as waiting:
            if waiting is None:
                return False
            while waiting:
                try:
                    sent = self._deliver(waiting[0])
                except StoreAway:
                    self._tell()
                    return False
                except Exception as error:  # one that the store refuses must not keep the others
                    warn(f"MLflow refuses what was kept for it ({waiting[0]['do']}): {error}")
                else:
                    if sent != self.id_of(waiting[0]["run"]):
                        self.outbox.note_id(waiting[0]["run"], sent)
                waiting.pop(0)
        return True

    def _local_artifacts(self, run_id: str) -> Path | None:
        """The folder of a run's artifacts; None when a server keeps them."""
        if server_page(self.project) is not None:
            return None
        place = urlsplit(self.client.get_run(self.id_of(run_id)).info.artifact_uri)
        return Path(url2pathname(place.path)) if place.scheme in {"", "file"} else None

    def _write(self, do: str, run_id: str, **content: Any) -> str:
        """Carry an entry out, or keep it while the store is away; return the run's id."""
        return self._carry_out({"do": do, "run": run_id, **content})

    def _carry_out(self, entry: Entry) -> str:
        if self.flush() and not self.is_later:
            try:
                return self._deliver(entry)
            except StoreAway:
                self._tell()
        elif not self.is_later and not self._answers():
            self._tell()
        self._keep(entry)
        return str(entry["run"])

    def _keep(self, entry: Entry) -> None:
        """Keep an entry, and send it when it can be sent."""
        self.outbox.append(entry)
        if not self.is_later and self._answers():
            self.flush()  # a process that was sending until now did not see this entry

    def _deliver(self, entry: Entry) -> str:
        """Carry an entry out.

        Raises:
            StoreAway: the store's server does not answer.
        """
        load_mlflow()
        from mlflow.exceptions import MlflowException

        try:
            return patiently(partial(deliver, self, self._with_ids(entry)))
        except MlflowException as error:
            self._heard = None
            if UNREACHED in str(error) or not self._answers():
                self._heard = (time.monotonic(), False)
                raise self.away() from error
            raise

    def _with_ids(self, entry: Entry) -> Entry:
        """An entry with the store's ids in the place of those of our own."""
        ids = self.outbox.ids()
        if not ids:
            return entry
        told: Entry = {} if entry["do"] == "start" else {"run": ids.get(entry["run"], entry["run"])}
        for key in {"tags", "makers"} & entry.keys():
            told[key] = {name: ids.get(value, value) for name, value in entry[key].items()}
        return {**entry, **told}

    def _tell(self) -> None:
        """Say once that the store is away."""
        address = server_page(self.project) or ""
        if address not in TOLD:
            TOLD.add(address)
            warn(
                f"MLflow at {address} does not answer; the run goes on, its numbers are kept in .lamp/outbox "
                "and sent when it is back"
            )


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as text, without secrets."""
    texts = {key: str(value) for key, value in values.items()}
    return {key: masked(text) for key, text in texts.items()}


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the file system has no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.link")
    try:
        os.link(source, temporary)
    except OSError:
        return False
    os.replace(temporary, target)
    return True


def _milliseconds() -> int:
    return int(time.time() * 1000)
