"""Every run works in a snapshot: a light clone of exactly what it was started with.

The files are those of the project at one moment, commit, changes and new files; git keeps them under the
hash of their tree. Data and cache are shared: large files are hard links, none is copied. What is edited,
stashed or checked out meanwhile reaches no stage that runs, so that ``dvc.lock`` and DVC's run cache never
hold an output under code or parameters that it was not made with. Each stage that ends well comes back at
once, output first, then its entry in ``dvc.lock``: a kill in between costs a link from the cache.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lamp_core.config import Config, save_params
from lamp_core.io.file_lock import locked
from tasks.dvc.config import read_config
from tasks.dvc.graph import Graph, Stage, read_graph
from tasks.dvc.lock_text import lock_text, parse_lock
from tasks.project import Project, write_atomically
from tasks.stage.output import replace_by_link
from tasks.stated_folders import stated_folders
from tasks.system.git import Work, put_down, work_of
from tasks.system.links import SMALL_BYTES, link

FOLDER = "snapshots"
ENTRY = re.compile(r"(?m)^  [\w@-]+:$")
"""The first line of a stage in ``dvc.lock``."""


@dataclass(frozen=True)
class Note:
    """What a snapshot says of itself, in ``.lamp/snapshot.json``.

    Args:
        origin: the project that it was taken of; empty where it keeps logs and checkpoints itself.
        commit: of the files.
        tree: of the files.
        changed: files of the commit that were others.
        new: files that the commit does not have.
        returns: whether stages that end well come back to the project.
    """

    origin: str
    commit: str
    tree: str
    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    returns: bool = False


def note_of(project: Project) -> Note | None:
    """What a snapshot says of itself; None of a project by itself."""
    if not project.snapshot_file.exists():
        return None
    return TypeAdapter(Note).validate_json(project.snapshot_file.read_text())


def source_of(project: Project) -> Work:
    """The files that a project runs on: those of now, or those that a snapshot was taken of."""
    note = note_of(project)
    return work_of(project) if note is None else Work(note.commit, note.tree, note.changed, note.new)


@contextmanager
def snapshot(project: Project, config: Config, *, returns: bool = True) -> Iterator[Project]:
    """A snapshot of the project with these parameters; of a snapshot, itself, with what they name beside.

    Args:
        project: the project.
        config: the parameters.
        returns: whether stages that end well come back to the project.
    """
    if note_of(project) is not None:
        save_params(config, project.params_file)
        graph = read_graph(project)
        written = {out for stage in graph.values() for out in stage.outs}
        named = [path for path in _paths_beside_git(graph, config) if path not in written]
        _link(Project(project.home), project, named)
        yield project
        return
    with free_folder(project.state / FOLDER) as folder:
        place, work = Project(folder, project.root), work_of(project)
        note = Note(str(project.root), work.commit, work.tree, work.changed, work.new, returns)
        lay_out(project, place, note)
        save_params(config, place.params_file)
        _link(project, place, [*_paths_beside_git(read_graph(place), config), *work.large])
        try:
            yield place
        finally:
            shutil.rmtree(place.data, ignore_errors=True)


@contextmanager
def free_folder(parent: Path) -> Iterator[Path]:
    """A folder that no other process uses, nor another user of a common project; the same one whenever it is
    free, so that DVC knows its files.

    It stays in use until every process has ended that called `used`.
    """
    for number in count(1):
        folder = parent / str(number)
        with locked(_lock_of(folder), waits=False) as ours:
            if ours and _is_unused(folder) and _is_ours(folder):
                yield folder
                return


@contextmanager
def used(project: Project) -> Iterator[list[int]]:
    """Keep a snapshot from being laid out anew while the block runs; gives files for a process to inherit."""
    if note_of(project) is None:
        yield []
        return
    with locked(_use_of(project.root), is_shared=True) as file:
        yield [file.fileno()] if file else []


def lay_out(source: Project, place: Project, note: Note) -> None:
    """Make a folder a snapshot: the files of the note's tree, the cache and the remotes of the project.

    Raises:
        LampError: git's own word of what went wrong.
    """
    put_down(source, note.tree, place.root, place.root.with_suffix(".index"))
    for lock in ("lock", "rwlock"):  # of processes that were killed: nobody is at work here
        (place.root / ".dvc" / "tmp" / lock).unlink(missing_ok=True)
    _share_cache(source, place)
    write_atomically(place.snapshot_file, json.dumps(asdict(note)))


def bring_back(place: Project, names: Iterable[str]) -> None:
    """Give the project the outputs and the entries in ``dvc.lock`` of stages that ended in its snapshot.

    An output that is not in the snapshot (a worker has pushed it) stays as it is.
    """
    note = note_of(place)
    if note is None or not note.returns:
        return
    home, graph = Project(place.home), read_graph(place)
    entries = read_lock(place)
    with nothing_returns(home):
        for name in names:
            _bring_outputs(place, home, graph[name])
            if name in entries:
                write_lock(home, {**read_lock(home), name: entries[name]}, graph)


@contextmanager
def nothing_returns(project: Project) -> Iterator[None]:
    """While the block runs, no stage comes back from a snapshot: outputs and entries stay one another's."""
    with locked(_lock_of(project.state / FOLDER / "return")):
        yield


def read_lock(project: Project) -> dict[str, Any]:
    """The entries of ``dvc.lock``, by stage."""
    try:
        return _lock_entries(project.lock_file.read_text())
    except FileNotFoundError:
        return {}


@lru_cache(maxsize=4)
def _lock_entries(text: str) -> dict[str, Any]:
    """A run looks at one lock some forty times. Nobody changes what is returned."""
    return parse_lock(text).get("stages") or {}


def mend_lock(project: Project) -> bool:
    """Drop the entry at which a killed `dvc repro` has cut ``dvc.lock`` off; whether one was.

    DVC writes the file in place, and holds its own lock meanwhile: one that is at work has cut nothing off.
    What is dropped is restored from its run cache by the next run.
    """
    if _is_whole(_lock_text(project)):
        return False
    with locked(project.root / ".dvc" / "tmp" / "lock", waits=False) as nobody_writes:
        text = _lock_text(project)  # a DVC that wrote may have come to its end
        if nobody_writes is None or _is_whole(text):
            return False
        last = [*ENTRY.finditer(text)][-1:]
        whole = text[: last[0].start()] if last else ""
        write_atomically(project.lock_file, whole if _is_lock(whole) else "schema: '2.0'\nstages: {}\n")
    return True


def mend_rwlock(project: Project) -> bool:
    """Remove DVC's note of who reads and writes what where a killed DVC has cut it off; whether one was.

    No command of DVC works beside half a note, and none that still runs could end.
    """
    path = project.root / ".dvc" / "tmp" / "rwlock"
    if _is_json(path):
        return False
    with locked(path.with_name("rwlock.lock"), waits=False) as nobody_writes:
        if nobody_writes is None or _is_json(path):
            return False
        path.unlink()
    return True


def _is_json(path: Path) -> bool:
    """Whether a file is whole JSON, or not there."""
    try:
        json.loads(path.read_text())
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


def _lock_text(project: Project) -> str:
    return project.lock_file.read_text() if project.lock_file.exists() else ""


def _is_whole(text: str) -> bool:
    return not text or _is_lock(text)


def _is_lock(text: str) -> bool:
    """Whether a text is a whole ``dvc.lock``, or the beginning of one that ends behind an entry."""
    if not text.endswith("\n"):
        return False
    try:
        stages = parse_lock(text)["stages"]
        return all(out["path"] and out["md5"] for entry in stages.values() for out in entry["outs"])
    except (ValueError, AttributeError, KeyError, TypeError):
        return False


def write_lock(project: Project, entries: Mapping[str, Any], graph: Graph) -> None:
    """Write the entries of ``dvc.lock``, in the order of the graph; nothing when they are there already."""
    if entries == read_lock(project):
        return
    ordered = {name: entries[name] for name in [*graph, *entries] if name in entries}
    write_atomically(project.lock_file, lock_text({"schema": "2.0", "stages": ordered}))


def _bring_outputs(place: Project, home: Project, stage: Stage) -> None:
    for out in stage.outs:
        made, target = place.root / out, home.root / out
        if made.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_by_link(made, target)


def _paths_beside_git(graph: Graph, config: Config) -> list[str]:
    """What git may not have: outputs, registered data sets, folders that parameters name."""
    stated = [folder for folders in stated_folders(config).values() for folder in folders]
    return [*(path for stage in graph.values() for path in (*stage.outs, *stage.deps)), *stated]


def _link(project: Project, place: Project, paths: Iterable[str]) -> None:
    for path in dict.fromkeys(paths):
        if (project.root / path).exists():
            link(project.root / path, place.root / path, copied_below=SMALL_BYTES)


def _share_cache(source: Project, target: Project) -> None:
    """Give a snapshot the cache, the remotes and the local settings of DVC of its project."""
    settings = read_config(source)
    for section in settings.sections:
        url = settings[section].get("url")
        if url is not None and "://" not in url and not Path(url).is_absolute():
            settings[section]["url"] = str((source.root / ".dvc" / url).resolve())
    cache = settings.setdefault("cache", {})
    cache["dir"] = str((source.root / ".dvc" / cache.get("dir", "cache")).resolve())
    settings.setdefault("core", {})["no_scm"] = "true"  # git's ignore files are the project's own
    text = "\n".join(line.decode() for line in settings.write()) + "\n"
    local = target.root / ".dvc" / "config.local"
    if not local.exists() or local.read_text() != text:
        write_atomically(local, text)
        local.chmod(0o600)  # a remote's credentials stand here


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _use_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.used")


def _is_unused(folder: Path) -> bool:
    """Whether no process of a run that was killed is still at work there."""
    with locked(_use_of(folder), waits=False) as ours:
        return ours is not None


def _is_ours(folder: Path) -> bool:
    """Whether it was not laid out by another user: nobody else may read and write the settings there."""
    settings = folder / ".dvc" / "config.local"
    return not settings.exists() or os.access(settings, os.R_OK | os.W_OK)
