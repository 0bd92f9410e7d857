"""What workers run is committed: the commit of a project, and the fetching of it in a worker's clone."""

from collections.abc import Iterator
from contextlib import contextmanager

from lamp_core.errors import LampError
from tasks.dvc.snapshot import Note, free_folder, lay_out, source_of
from tasks.project import Project
from tasks.system.git import git, has_commit


def require_committed(project: Project) -> str:
    """Return the commit that the project is at, when its files are those of the commit.

    Raises:
        LampError: a tracked file but ``params.yaml`` and ``dvc.lock`` has changes.
    """
    work = source_of(project)
    if not work.commit:
        raise LampError("there is no commit; workers run what is committed: `git commit` and `git push`")
    if changed := work.changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise LampError(
            f"{changed[0]}{more} changed since the last commit; workers run what is committed: "
            "`git commit` it and `git push`, or run without --workers"
        )
    return work.commit


@contextmanager
def workspace(clone: Project, commit: str) -> Iterator[Project]:
    """A snapshot of a commit below a worker's clone, with logs and parameters of its own.

    Args:
        clone: of the worker.
        commit: 40 digits; empty: the one that the clone is at.

    Raises:
        LampError: no remote has the commit.
    """
    found = fetch(clone, commit)
    with free_folder(clone.state / "worker") as folder:
        place = Project(folder)
        lay_out(clone, place, Note("", found, found))
        yield place


def fetch(clone: Project, commit: str) -> str:
    """Make sure that the clone has a commit, and return it; without one that which the clone is at.

    Raises:
        LampError: no remote has it.
    """
    if not commit:
        return git(clone.root, "rev-parse", "--verify", "HEAD^{commit}")
    if not has_commit(clone, commit):
        git(clone.root, "fetch", "--quiet", "--all", check=False)
    if not has_commit(clone, commit):
        raise LampError(
            f"this worker's clone does not get commit {commit[:10]}; `git push` it to the clone's remote"
        )
    return commit
