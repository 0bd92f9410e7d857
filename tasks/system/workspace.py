"""Whether a run can work in a project's folder: asked before anything is done, answered in a line."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from lamp_core.errors import LampError
from tasks.project import Project
from tasks.system.git import repository_of

DEPTH = 2
"""Folders below ``.lamp`` and ``.dvc/tmp`` that are looked at."""


def require_workspace(project: Project) -> None:
    """Raise unless this user can write what a run writes, and git takes the folder for a safe one.

    Raises:
        LampError: the path, whose it is, and what lets a second user in; or git's remedy.
    """
    for path in _written(project):
        if not os.access(path, os.W_OK):
            raise LampError(
                f"{path} belongs to {_owner(path)}; {_name(os.geteuid())} cannot write it. One project of"
                f" several users needs a common group: `chmod -R g+ws {project.root}`"
            )
    repository_of(project)


def _written(project: Project) -> Iterator[Path]:
    """What a run writes anew or into, as far as it is there."""
    yield project.root
    yield from filter(Path.exists, (project.data, project.root / "mlflow.db", project.root / ".dvc"))
    for folder in (project.state, project.root / ".dvc" / "tmp"):
        yield from _below(folder, DEPTH)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    if not folder.is_dir():
        return
    yield folder
    for entry in os.scandir(folder) if depth else ():
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), depth - 1)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _owner(path: Path) -> str:
    return _name(path.stat().st_uid)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
