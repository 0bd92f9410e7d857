"""Light clones of a project: workspaces of their own for workers and for rows of an experiment.

A clone shares git's objects and DVC's cache with the project it was made from, so that it costs a second and
the room of its checked-out files; parameters, ``dvc.lock``, outputs and logs are its own.
"""

import configparser
import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lamp_core.errors import LampError
from tasks.project import Project, write_atomically
from tasks.system.redaction import masked

OWN = ("params.yaml", "dvc.lock")
"""Files that a run changes; all others of a clone are those of its commit."""


def head(project: Project) -> str:
    """The commit that the project is at.

    Raises:
        LampError: there is none.
    """
    return git(project.root, "rev-parse", "--verify", "HEAD^{commit}")


def require_committed(project: Project) -> str:
    """Return the commit that the project is at, when its tracked files are those of the commit.

    Raises:
        LampError: a tracked file but ``params.yaml`` and ``dvc.lock`` has changes.
    """
    lines = git(project.root, "status", "--porcelain", "--untracked-files=no", strip=False).splitlines()
    changed = [line[3:] for line in lines if line[3:] not in OWN]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise LampError(
            f"{changed[0]}{more} changed since the last commit; workers run what is committed: "
            "`git commit` it and `git push`, or run without --workers"
        )
    return head(project)


def untracked(project: Project, paths: "list[str]") -> list[str]:
    """Files below these paths that git does not track: they are on this machine only."""
    if not paths:
        return []
    listed = git(project.root, "ls-files", "--others", "-z", "--", *paths, strip=False)
    return [
        path
        for path in listed.split("\0")
        if path and not path.endswith(".pyc") and "__pycache__" not in Path(path).parts
    ]


@contextmanager
def free_workspace(clone: Project) -> Iterator[Project]:
    """A workspace below a worker's clone that no other process uses; the same one whenever it is free."""
    folder = clone.state / "worker"
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        with (folder / f"{number}.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number += 1
                continue
            yield Project(folder / str(number))
            return


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Let one light clone of a project at a time run stages on this machine."""
    project.state.mkdir(parents=True, exist_ok=True)
    with (project.state / "here.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch(clone: Project, commit: str) -> str:
    """Make sure that the clone has a commit, and return it; without one that which the clone is at.

    Raises:
        LampError: no remote has it.
    """
    if not commit:
        return head(clone)
    if not _has(clone, commit):
        git(clone.root, "fetch", "--quiet", "--all", check=False)
    if not _has(clone, commit):
        raise LampError(
            f"this worker's clone does not get commit {commit[:10]}; `git push` it to the clone's remote"
        )
    return commit


def check_out(source: Project, target: Project, commit: str) -> None:
    """Bring a light clone to a commit; it is made first when it is not there.

    Raises:
        LampError: git's own word of what went wrong.
    """
    if not (target.root / ".git").exists():
        target.root.parent.mkdir(parents=True, exist_ok=True)
        git(source.root, "clone", "--quiet", "--shared", "--no-checkout", str(source.root), str(target.root))
    if not _has(target, commit):
        git(target.root, "fetch", "--quiet", "origin", commit)
    git(target.root, "checkout", "--quiet", "--force", "--detach", commit)
    _share_data(source, target)


def _share_data(source: Project, target: Project) -> None:
    """Give a clone the cache, the remotes and the local settings of DVC of the project it was made from."""
    merged = configparser.RawConfigParser()
    for file in ("config", "config.local"):
        merged.read(source.root / ".dvc" / file)
    for section in merged.sections():
        url = merged.get(section, "url", fallback=None)
        if url is not None and "://" not in url and not Path(url).is_absolute():
            merged.set(section, "url", str((source.root / ".dvc" / url).resolve()))
    if not merged.has_section("cache"):
        merged.add_section("cache")
    cache = merged.get("cache", "dir", fallback="cache")
    merged.set("cache", "dir", str((source.root / ".dvc" / cache).resolve()))
    text = "".join(
        f"[{section}]\n" + "".join(f"    {key} = {value}\n" for key, value in merged.items(section))
        for section in merged.sections()
    )
    local = target.root / ".dvc" / "config.local"
    if not local.exists() or local.read_text() != text:
        write_atomically(local, text)
        local.chmod(0o600)  # a remote's credentials stand here


def git(folder: Path, *arguments: str, check: bool = True, strip: bool = True) -> str:
    """Run git and return what it prints.

    Raises:
        LampError: git fails; its last word, without credentials.
    """
    ended = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0 and check:
        said = ended.stderr.strip().splitlines() or ["no word"]
        raise LampError(f"git {arguments[0]}: {masked(said[-1], folder)}")
    return ended.stdout.strip() if strip else ended.stdout


def _has(project: Project, commit: str) -> bool:
    return bool(git(project.root, "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}", check=False))
