"""Where a run comes from: the tags that every MLflow run carries."""

import hashlib
import json
import os
import platform

from lamp_core.config import Config
from lamp_core.errors import LampError
from tasks.dvc.snapshot import source_of
from tasks.project import Project
from tasks.system.processes import this_process

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
        "mlflow.user": os.environ.get("USER", ""),
    }


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
