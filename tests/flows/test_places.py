"""Where people keep a project: each place works, by a real run, or is said in a line at the start."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
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


def lamp(place: Place, *words: str, before: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    """Call ``lamp`` as it is installed, with the Prefect server of all tests; by a command before it."""
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
        [*before, sys.executable, "-c", code, *words],
        cwd=place.root / place.below,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
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


USERS, GROUP = (60_001, 60_002), 60_000
READS_ALL = "+dac_read_search"


def lamp_as(user: int, place: Place, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """`lamp` as one of two users of a group, who may read where Python lies, and write what is theirs."""
    ids = ["--reuid", str(user), "--regid", str(GROUP), "--clear-groups"]
    ids += ["--inh-caps", READS_ALL, "--ambient-caps", READS_ALL]
    unset = dict.fromkeys(("PREFECT_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME"))
    own = {**unset, "HOME": str(home / str(user)), "LOGNAME": f"user{user}", "TMPDIR": None}
    return lamp(replace(place, environment=own), *words, before=("setpriv", *ids))


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv (util-linux) to be two users")
    folder = Path(tempfile.mkdtemp(prefix="lamp-users-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_two_users_share_a_project(shared_folder: Path, empty_store: Path, prefect_server: None) -> None:
    root = committed(shared_folder, empty_store)
    (shared_folder / "ran.txt").touch()
    for path in (shared_folder / "ran.txt", root, *root.rglob("*")):
        os.chown(path, USERS[0], GROUP)
        path.chmod(0o2775 if path.is_dir() else 0o664)
    for user in USERS:
        (shared_folder / str(user)).mkdir()
        os.chown(shared_folder / str(user), user, GROUP)
    place = Place(root)
    wanted = ("run", "--until", "features")

    def ends_well(user: int, *words: str) -> str:
        ended = lamp_as(user, place, shared_folder, *words)
        assert ended.returncode == 0 and "Traceback" not in ended.stderr, ended.stdout + ended.stderr
        return ended.stdout

    ends_well(USERS[0], *wanted)
    refused = lamp_as(USERS[1], place, shared_folder, *wanted)
    told = f"git config --global --add safe.directory {root}"
    assert refused.returncode == 2 and told in refused.stderr, refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr
    (shared_folder / str(USERS[1]) / ".gitconfig").write_text(f"[safe]\n\tdirectory = {root}\n")
    assert "every stage was fresh" in ends_well(USERS[1], *wanted)
    for user, divisor in ((USERS[1], 30), (USERS[0], 40), (USERS[1], 50)):
        ends_well(user, *wanted, "--set", f"features.std_root_divisor={divisor}")
    assert (shared_folder / "ran.txt").read_text().split() == ["ingest", *["features"] * 4]
    assert ends_well(USERS[0], "status").count("fresh") == 2
