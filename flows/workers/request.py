"""What the machine that runs the pipeline asks of a worker, and what the worker answers.

Both travel through Prefect's server: the request as parameters of a flow run, the answer as an artifact of
the flow run. A worker trusts neither names nor paths in a request: it checks them against
the graph of the commit that it is asked to work on.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamp_core.config import Config
from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml
from tasks.dvc.graph import Graph
from tasks.stage.outcome import Outcome
from tasks.stage.progress import Progress

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
COMMIT = re.compile(r"[0-9a-f]{40}")
RUN = re.compile(r"[0-9a-f]{32}")
HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")
Entry = dict[str, Any]
"""A stage's entry in ``dvc.lock``."""


class StageRequest(BaseModel):
    """One stage, and all that decides what it computes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="The stage.")
    commit: str = Field("", description="Git commit of the code, 40 digits; empty: the one the clone is at.")
    params: str = Field("", description="Text of params.yaml; empty: that of the commit.")
    lock: dict[str, Entry] = Field(
        default_factory=dict, description="Entries in dvc.lock of the stages before it; empty: of the commit."
    )
    force: bool = Field(False, description="Run it even when DVC knows its outputs.")
    parent_run: str = Field("", description="MLflow run that its own is nested under; empty: none.")
    cards: int = Field(
        1, ge=1, description="Processes a node that train it, with a card each where there are."
    )
    nodes: int = Field(1, ge=1, description="Nodes of a Slurm job that train it.")

    def check(self) -> None:
        """Raise unless names and hashes look like such.

        Raises:
            LampError: what does not.
        """
        for what, text, form in (
            ("stage", self.name, NAME),
            ("commit", self.commit, COMMIT),
            ("parent_run", self.parent_run, RUN),
        ):
            if (text or what == "stage") and not form.fullmatch(text):
                raise LampError(f"{what} '{text[:80]}' of the request is none; a worker refuses it")

    def check_against(self, graph: Graph) -> None:
        """Raise unless the stage, and every stage and path of the entries, is in the graph.

        Raises:
            LampError: what is not.
        """
        graph.require(self.name)
        for name, entry in self.lock.items():
            outs = graph.require(name).outs
            for kind in ("deps", "outs"):
                for item in entry.get(kind, ()):
                    _check_item(name, item)
            unknown = [item["path"] for item in entry.get("outs", ()) if item["path"] not in outs]
            if unknown:
                raise LampError(f"dvc.lock of the request: stage '{name}' writes no {unknown[0]}")

    def config(self) -> Config:
        """The parameters.

        Raises:
            LampError: they are none.
        """
        try:
            return Config.model_validate(parse_yaml(self.params))
        except (yaml.YAMLError, ValidationError) as error:
            first = str(error).splitlines()
            raise LampError(f"params.yaml of the request is not valid: {' '.join(first[:3])}") from error


REPORT = "stage-report"
"""Type of the artifact that holds a report."""


class StageReport(BaseModel):
    """How far a worker is with a stage, and at the end its outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    beat: int = Field(0, description="Counts the reports: one that does not grow comes from a dead worker.")
    machine: str = Field("", description="Name of the worker's machine.")
    progress: Progress | None = Field(None, description="How far the stage's process is.")
    outcome: Outcome | None = Field(None, description="How the stage ended; none before.")
    entry: Entry | None = Field(None, description="The stage's entry in dvc.lock, when it ended well.")


def finished(outcome: Outcome, entry: Entry | None) -> str:
    """The answer of the process that carried a stage out, as it writes it to a file."""
    return json.dumps({"outcome": asdict(outcome), "entry": entry})


def _check_item(stage: str, item: Mapping[str, Any]) -> None:
    """Raise for a path out of the project or a hash that is none."""
    path = str(item.get("path", ""))
    inside = path and not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    if not inside or not HASH.fullmatch(str(item.get("md5", ""))):
        raise LampError(f"dvc.lock of the request: stage '{stage}': '{path[:80]}' is no file of the project")
