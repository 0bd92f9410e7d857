"""Where a run comes from: the tags that every MLflow run carries."""

import getpass
import hashlib
import json
import os
import platform
import sys
from pathlib import Path

from lamp_core.config import Config
from lamp_core.errors import LampError
from tasks.dvc.snapshot import source_of
from tasks.project import Project
from tasks.system.processes import this_process
from tasks.system.redaction import masked

PARENT_RUN, FLOW_RUN = "LAMP_PARENT_RUN", "LAMP_FLOW_RUN"


def origin_tags(project: Project, config: Config) -> dict[str, str]:
    """Git commit, whether the tree was dirty, hash of the parameters, data set, machine, process, flow."""
    return {
        **git_tags(project),
        "params_hash": params_hash(config),
        "data": config.ingest.data,
        "profile": config.profile,
        "machine": platform.node(),
        "process": str(this_process()),
        "flow_run": os.environ.get(FLOW_RUN, ""),
        "mlflow.user": user(),
        "mlflow.source.name": masked(" ".join([_program(), *sys.argv[1:]])),
        "mlflow.source.type": "LOCAL",
    }


def _program() -> str:
    """The command, as one would type it: ``lamp``, or a module such as ``tasks.stages.tokenizer``."""
    main = sys.modules["__main__"].__spec__
    name = Path(sys.argv[0]).name if main is None else main.name
    return "lamp" if name == "flows.cli" else name


def user() -> str:
    """The name of who runs this; the number where the system knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def git_tags(project: Project) -> dict[str, str]:
    """``git_commit``, and in ``git_dirty`` whether the user's files are others; both empty without a commit.

    Of a snapshot, they speak of what it was taken of.
    """
    try:
        work = source_of(project)
    except LampError:  # no git on this machine
        return {"git_commit": "", "git_dirty": ""}
    if not work.commit:
        return {"git_commit": "", "git_dirty": ""}
    dirty = str(bool(work.changed or work.new)).lower()
    return {"git_commit": work.commit, "mlflow.source.git.commit": work.commit, "git_dirty": dirty}


def commit_label(project: Project) -> str:
    """Short git commit, with ``(modified)`` when the tree was dirty."""
    tags = git_tags(project)
    if not tags["git_commit"]:
        return "no commit"
    return tags["git_commit"][:10] + (" (modified)" if tags["git_dirty"] == "true" else "")


def params_hash(config: Config) -> str:
    """Hash of all parameters, whatever profile they started from."""
    values = config.model_dump(mode="json", exclude={"profile"})
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
