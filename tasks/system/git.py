"""Git: what the project's files are, by the tree that they make, and how that differs from the commit."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lamp_core.errors import LampError
from tasks.project import Project
from tasks.system.redaction import masked

WRITTEN_BY_RUNS = ("params.yaml", "dvc.lock")
"""Files of git that a run itself changes: they say nothing of the user's changes."""
DUBIOUS = re.compile(r"dubious ownership in repository at '(.+)'")
LARGE_BYTES = 10 << 20
"""A file from here on that git does not track is no code: it is linked, and no object of git."""


@dataclass(frozen=True)
class Work:
    """The files of a project at one moment: the commit, what changed since, and new files.

    Args:
        commit: 40 digits; empty before the first one.
        tree: git's hash of all files, but for large ones that git does not track.
        changed: files of the commit that are others now, what runs write left out.
        new: files that the commit does not have.
        large: the large files that git does not track.
    """

    commit: str
    tree: str
    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    large: tuple[str, ...] = ()


def work_of(project: Project) -> Work:
    """What the files of a project are now; git keeps their content under the hash of the tree.

    Raises:
        LampError: git's own word of what went wrong.
    """
    repository = repository_of(project)
    commit = git(
        project.root, "rev-parse", "--quiet", "--verify", "HEAD^{commit}", check=False, env=repository
    )
    others = ("ls-files", "--others", "--exclude-standard", "-z")
    listed = git(project.root, *others, env=repository, strip=False).split("\0")
    large = tuple(path for path in listed if path and _size(project.root / path) >= LARGE_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        if (present := Path(repository["GIT_DIR"]) / "index").exists():
            shutil.copy2(present, index)  # with its time, by which git tells files edited at that moment
        env = {**repository, "GIT_INDEX_FILE": str(index)}
        excluded = [f":(exclude,literal){path}" for path in large]
        git(project.root, "add", "--all", "--", ".", *excluded, env=env)
        prefix = git(project.root, "rev-parse", "--show-prefix", env=repository)
        tree = git(project.root, "write-tree", *([f"--prefix={prefix}"] if prefix else []), env=env)
        known = f"{commit}:{prefix}" if commit else git(project.root, "mktree", env=env)
        changed, new = (_differing(project, known, tree, kind, env) for kind in ("a", "A"))
    return Work(commit, tree, changed, new, large)


def patch_of(project: Project, work: Work) -> str:
    """The difference between the commit and the work, as ``git apply`` takes it; what runs write left out."""
    if not work.changed and not work.new:
        return ""
    repository = repository_of(project)
    prefix = git(project.root, "rev-parse", "--show-prefix", env=repository)
    known = f"{work.commit}:{prefix}" if work.commit else git(project.root, "mktree", env=repository)
    left_out = [f":(top,exclude){name}" for name in WRITTEN_BY_RUNS]
    return git(
        project.root, "diff", "--binary", known, work.tree, "--", *left_out, env=repository, strip=False
    )


def put_down(project: Project, tree: str, folder: Path, index: Path) -> None:
    """Make a folder hold the files of a tree or a commit and, below what git ignores there, nothing else.

    Args:
        project: whose git keeps the tree.
        tree: hash of a tree or a commit.
        folder: for the files; a file that is the same already is not touched. Compiled Python, ``.lamp`` and
            DVC's own folder stay.
        index: file in which git notes what the folder holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index.with_name(f"{index.name}.lock").unlink(missing_ok=True)  # of a process that was killed
    env = {**repository_of(project), "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(index)}
    kept = [f"--exclude={name}" for name in ("__pycache__", "/.lamp", "/.dvc/tmp", "/.dvc/cache")]
    git(folder, "read-tree", "--reset", "-u", tree, env=env)
    git(folder, "checkout-index", "--all", "--force", "--quiet", "--index", env=env)
    git(folder, "clean", "-d", "--force", "--force", "-x", "--quiet", *kept, env=env)


def repository_of(project: Project) -> dict[str, str]:
    """Environment by which git finds the project's repository; one in ``.lamp`` where there is none."""
    found = git(project.root, "rev-parse", "--absolute-git-dir", check=False)
    if found:
        top = git(project.root, "rev-parse", "--show-toplevel")
        return {"GIT_DIR": found, "GIT_WORK_TREE": top}
    own = project.state / "snapshots" / "git"
    if not own.exists():
        git(project.root, "init", "--bare", "--quiet", str(own))
    return {"GIT_DIR": str(own), "GIT_WORK_TREE": str(project.root)}


def untracked(project: Project, commit: str, paths: Iterable[str]) -> list[str]:
    """Files below these paths that a commit does not have: they are on this machine only."""
    wanted = list(paths)
    if not wanted:
        return []
    listed = git(project.root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, strip=False)
    known = set(listed.split("\0"))
    roots = [project.root / path for path in wanted]
    files = [file for root in roots for file in (sorted(root.rglob("*")) if root.is_dir() else [root])]
    names = [
        file.relative_to(project.root).as_posix()
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
    ]
    return [name for name in names if name not in known]


def has_commit(project: Project, commit: str) -> bool:
    """Whether the project's git has a commit."""
    return bool(git(project.root, "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}", check=False))


def git(
    folder: Path,
    *arguments: str,
    check: bool = True,
    strip: bool = True,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run git and return what it prints.

    Raises:
        LampError: git fails; its last word, without credentials.
    """
    try:
        ended = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError as error:
        raise LampError("git is not installed") from error
    if ended.returncode != 0:
        if owned := DUBIOUS.search(ended.stderr):
            raise LampError(
                f"git does not trust {owned[1]}, which belongs to another user; if you do: "
                f"git config --global --add safe.directory {shlex.quote(owned[1])}"
            )
        if not check:
            return ""
        said = ended.stderr.strip().splitlines() or ["no word"]
        raise LampError(f"git {arguments[0]}: {masked(said[-1], folder)}")
    return ended.stdout.strip() if strip else ended.stdout


def _differing(project: Project, known: str, tree: str, kind: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Files in which two trees differ, what runs write left out; ``A`` the new ones, ``a`` all others."""
    command = ("diff", "--name-only", "--no-renames", f"--diff-filter={kind}", "-z", known, tree)
    names = git(project.root, *command, env=env, strip=False).split("\0")
    return tuple(name for name in names if name and name not in WRITTEN_BY_RUNS)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
