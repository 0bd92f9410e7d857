"""Where people keep a project: each place works, by a real run, or is said in a line at the start."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.shared_toy import COMMIT, git
from tests.toy import REPOSITORY, make_toy

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
NOWHERE = "/proc/self/no-home"
ODDEST = """it's 50 %41, "ödd" #1; what? a=b&c"""


@dataclass(frozen=True)
class Place:
    """A project, and from where and how ``lamp`` is called.

    Args:
        root: of the project.
        below: folder in it that is the present one.
        environment: further variables; None unsets one.
    """

    root: Path
    below: str = "."
    environment: dict[str, str | None] = field(default_factory=dict)


def lamp(place: Place, *words: str, user: int | None = None) -> "subprocess.CompletedProcess[str]":
    """Call ``lamp`` as it is installed, with the Prefect server of all tests."""
    from prefect.settings import PREFECT_API_URL

    stated = {
        "PYTHONPATH": str(REPOSITORY),
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "TOY_FOLDER": str(place.root.parent),
        **place.environment,
    }
    environment = {name: value for name, value in {**os.environ, **stated}.items() if value is not None}
    code = "import sys; from flows.entry_point import main; sys.argv[0] = 'lamp'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=place.root / place.below,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        user=user,
    )


def plain(folder: Path, store: Path) -> Place:
    """Without a commit, as `git init` leaves it."""
    return Place(make_toy(folder / "toy", store).project.root)


def committed(folder: Path, store: Path) -> Path:
    root = plain(folder, store).root
    git(root, "add", "--all")
    git(root, *COMMIT)
    return root


def named(name: str) -> Callable[[Path, Path], Place]:
    def make(folder: Path, store: Path) -> Place:
        return plain(folder / name, store)

    return make


def data_elsewhere(folder: Path, store: Path) -> Place:
    root = committed(folder, store)
    disk = folder / "disk"
    shutil.move(root / "data", disk)
    (root / "data").symlink_to(disk)
    return Place(root)


def shallow(folder: Path, store: Path) -> Place:
    origin = committed(folder / "origin", store)
    git(origin, *COMMIT, "--allow-empty")
    git(folder, "clone", "--quiet", "--depth", "1", f"file://{origin}", "clone")
    return with_store(folder / "clone", origin)


def worktree(folder: Path, store: Path) -> Place:
    origin = committed(folder, store)
    git(origin, "worktree", "add", "--quiet", str(folder / "tree"))
    return with_store(folder / "tree", origin)


def submodule(folder: Path, store: Path) -> Place:
    origin = committed(folder / "origin", store)
    outer = folder / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(origin), "motion")
    return with_store(outer / "motion", origin)


def with_store(root: Path, origin: Path) -> Place:
    """A clone with the store of its origin: to make an empty one takes seconds."""
    from tasks.mlflow.relocation import follow_move
    from tasks.mlflow.store import EXPERIMENT

    shutil.copy(origin / "mlflow.db", root)
    follow_move(root / "mlflow.db", EXPERIMENT, root / "mlartifacts")
    return Place(root)


def below_the_root(folder: Path, store: Path) -> Place:
    return Place(committed(folder, store), "data/sources")


def home(value: str | None) -> Callable[[Path, Path], Place]:
    def make(folder: Path, store: Path) -> Place:
        unset = dict.fromkeys(("PREFECT_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME"))
        return Place(committed(folder, store), environment={**unset, "HOME": value})

    return make


def everything_in_its_name(folder: Path, store: Path) -> Place:
    """With the Prefect server that a run brings itself: its database lies in the project, too."""
    return Place(
        plain(folder / ODDEST, store).root, environment={"PREFECT_API_URL": None, "PREFECT_HOME": None}
    )


PLACES: dict[str, Callable[[Path, Path], Place]] = {
    "without a commit": plain,
    "data behind a link": data_elsewhere,
    "a shallow clone": shallow,
    "a worktree": worktree,
    "a submodule": submodule,
    "a folder below the root": below_the_root,
    "a home that takes nothing": home(NOWHERE),
    "no home": home(None),
    "a path with everything": everything_in_its_name,
    **{
        f"a path with {name}": named(name)
        for name in ("a blank", "a#hash", "a%41", "a'quote", 'a"double', "Übung", "what?")
    },
}


@pytest.mark.parametrize("name", PLACES)
def test_a_run_works(name: str, tmp_path: Path, empty_store: Path, prefect_server: None) -> None:
    place = PLACES[name](tmp_path, empty_store)
    ended = lamp(place, "run", "--until", "features")
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert "Traceback" not in said
    again = lamp(place, "run", "--until", "features")
    assert again.returncode == 0 and "every stage was fresh" in again.stdout, again.stdout + again.stderr
    assert (place.root / "data" / "features" / "out").is_file()
    ran = (place.root.parent / "ran.txt").read_text().split()
    assert ran == ["ingest", "features"]
    left = {path.name for path in place.root.iterdir()} - EXPECTED
    assert not left
    status = lamp(place, "status")
    assert status.returncode == 0 and status.stdout.count("fresh") == 2, status.stdout + status.stderr


EXPECTED = {
    *(".git", ".dvc", ".dvcignore", ".gitignore", ".lamp", "data", "dvc.lock", "dvc.yaml", "mlartifacts"),
    *("mlflow.db", "params.yaml", "toy.py"),
}
