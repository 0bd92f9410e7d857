"""Tests leave a project as it was: the session looks at it before and after, and fails on a difference.

A pytest plugin. Under xdist the process that hands the tests out looks, once.
"""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

WATCHED = ("data", ".lamp", ".dvc", "mlflow.db", "mlartifacts", "params.yaml", "dvc.lock")
HARMLESS = (".dvc/tmp",)
"""DVC's own notes of a look at the graph (locks, times of files): of no version and no result."""
GIT = "git: "
"""Begins what git says of a path; one that it says nothing of any more was committed meanwhile."""
SEEN = pytest.StashKey[dict[str, str]]()

State = Mapping[str, str]


def state_of(root: Path) -> dict[str, str]:
    """Size and time of every watched file, and what git says of the tree, by path."""
    state = {f"{GIT}{line[3:]}": line[:2] for line in _git_lines(root)}
    for path in _watched(root):
        status = path.lstat()
        state[path.relative_to(root).as_posix()] = f"{status.st_size} bytes, {status.st_mtime_ns}"
    return state


def differences(before: State, after: State) -> list[str]:
    """A line for each path that is new, gone or changed."""
    lines = [f"new: {path}" for path in after if path not in before]
    lines += [f"gone: {path}" for path in before if path not in after and not path.startswith(GIT)]
    return lines + [f"changed: {path}" for path in before if after.get(path, before[path]) != before[path]]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at the project before the first test."""
    if not hasattr(session.config, "workerinput"):
        session.config.stash[SEEN] = state_of(session.config.rootpath)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look again, and fail the session where a test has left something."""
    before = session.config.stash.get(SEEN, None)
    found = differences(before, state_of(session.config.rootpath)) if before is not None else []
    if found:
        print(f"\n\nthe project changed while the tests ran ({len(found)} paths):", *found[:30], sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _watched(root: Path) -> Iterator[Path]:
    for name in WATCHED:
        path = root / name
        for found in [path, *(path.rglob("*") if path.is_dir() else [])]:
            inside = found.relative_to(root).as_posix()
            is_watched = found.is_symlink() or found.is_file()
            if is_watched and not any(inside.startswith(f"{harmless}/") for harmless in HARMLESS):
                yield found


def _git_lines(root: Path) -> list[str]:
    ended = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout.splitlines() if ended.returncode == 0 else []
