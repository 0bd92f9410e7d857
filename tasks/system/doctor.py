"""What works on this machine and what does not, with the remedy: interpreter, packages, device, servers."""

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from lamp_core.errors import LampError
from tasks.project import Project, find_project
from tasks.system.git import git
from tasks.system.packages import PIPELINE, PROJECT, missing_packages
from tasks.system.resources import SPINS, WAITING, cores, device_name, threads
from tasks.system.servers import answers

OLDEST_PYTHON = (3, 11)
LEAST_MEMORY, LEAST_DISK, LEAST_TEMPORARY = 4e9, 5e9, 2e8  # bytes
GIGABYTE = 1e9
State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Args:
        name: of the thing.
        state: ok, warn (something will not work or is slow) or fail (nothing will work).
        found: what is there.
        remedy: what to do; empty where it is well.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, one thing after the other; a look that fails is a finding of its own."""
    for name, look in LOOKS.items():
        try:
            yield from look(name)
        except Exception as error:  # a report of faults must not end at one
            yield Finding(name, "warn", f"cannot be looked at: {' '.join(str(error).split())}")


def _judged(name: str, is_well: bool, found: str, remedy: str, otherwise: State = "warn") -> Finding:
    return Finding(name, "ok" if is_well else otherwise, found, "" if is_well else remedy)


def _interpreter(name: str) -> Iterator[Finding]:
    found = f"Python {platform.python_version()}, {platform.platform()}"
    yield _judged(name, sys.version_info[:2] >= OLDEST_PYTHON, found, "install Python 3.11 or newer", "fail")


def _packages(name: str) -> Iterator[Finding]:
    try:
        missing = {extra: missing_packages(extra) for extra in ("", PIPELINE)}
    except PackageNotFoundError:
        yield Finding(name, "warn", f"{PROJECT} is not installed", "pip install -e '.[pipeline]'")
        return
    for extra, names in missing.items():
        what = f"{name} ({extra})" if extra else name
        remedy = f"pip install '{PROJECT}[{extra}]'" if extra else f"pip install {PROJECT}"
        found = f"missing: {', '.join(names)}" if names else "all installed"
        yield _judged(what, not names, found, remedy, "fail")
    shown = ", ".join(f"{package} {version(package)}" for package in ("torch", "transformers", "numpy"))
    yield Finding("versions", "ok", shown)


def _cores(name: str) -> Iterator[Finding]:
    yield Finding(name, "ok", f"{cores()}, of which a run uses {threads()}")


def _memory(name: str) -> Iterator[Finding]:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield _judged(name, size >= LEAST_MEMORY, f"{size / GIGABYTE:.1f} GB", "use --profile quick or smoke")


def _disk(name: str) -> Iterator[Finding]:
    here = _project_folder()
    free = shutil.disk_usage(here).free
    yield _judged(
        name, free >= LEAST_DISK, f"{free / GIGABYTE:.1f} GB free at {here}", "make room: `dvc gc -w`"
    )


def _temporary(name: str) -> Iterator[Finding]:
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        yield Finding(name, "fail", "no folder takes temporary files", "set TMPDIR to a folder with room")
        return
    free = shutil.disk_usage(folder).free
    found = f"{free / GIGABYTE:.1f} GB free at {folder}"
    yield _judged(name, free >= LEAST_TEMPORARY, found, "make room, or set TMPDIR to a folder with room")


def _home(name: str) -> Iterator[Finding]:
    home = os.environ.get("HOME", "")
    is_well = bool(home) and os.access(home, os.W_OK)
    remedy = "set HOME to a folder that can be written; until then caches go to .lamp/home"
    yield _judged(name, is_well, home or "not set", remedy)


def _device(name: str) -> Iterator[Finding]:
    import torch

    from lamp_core.training.precision import is_bfloat16

    device = torch.device(device_name())
    card = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    precision = "bfloat16" if is_bfloat16(device) else "float32"
    yield Finding(name, "ok", f"{device}{card}, trains in {precision}")


def _threads(name: str) -> Iterator[Finding]:
    stated = {variable: os.environ.get(variable, "") for variable in (WAITING, SPINS, "OMP_NUM_THREADS")}
    found = ", ".join(f"{variable} {value or 'not set'}" for variable, value in stated.items())
    remedy = f"unset {WAITING}, or set it to PASSIVE: threads that spin halve the speed beside other work"
    spins_long = not stated[SPINS] and stated[WAITING].upper() not in {"", "PASSIVE"}
    yield _judged(name, not spins_long, found, remedy)


def _git(name: str) -> Iterator[Finding]:
    if shutil.which("git") is None:
        yield Finding(name, "fail", "not installed", "install git")
        return
    ask = partial(git, _project_folder(), "rev-parse", check=False)
    if ask("--is-inside-work-tree") != "true":
        yield Finding(
            name, "warn", "the project is no git repository", "git init && git add -A && git commit"
        )
        return
    commit = ask("--short", "HEAD")
    shallow = ask("--is-shallow-repository") == "true"
    found = ", ".join(
        part for part in (f"commit {commit}" if commit else "no commit", "shallow" if shallow else "") if part
    )
    remedy = (
        "git commit, so that runs are known by one" if not commit else "git fetch --unshallow for older runs"
    )
    yield _judged(name, bool(commit) and not shallow, found, remedy)


def _project(name: str) -> Iterator[Finding]:
    try:
        project = find_project()
    except LampError as fault:
        yield Finding(name, "fail", str(fault), "change to a folder of the project")
        return
    yield _judged(
        name, os.access(project.root, os.W_OK), str(project.root), "make the folder writable", "fail"
    )
    for folder in (project.data, project.state):
        if folder.exists():
            where = f"{folder} -> {folder.resolve()}" if folder.is_symlink() else str(folder)
            yield _judged(
                f"{name}: {folder.name}", os.access(folder, os.W_OK), where, "make it writable", "fail"
            )


def _remote(name: str) -> Iterator[Finding]:
    from tasks.dvc.remote import require_remote

    try:
        yield Finding(name, "ok", require_remote(Project(_project_folder())))
    except LampError as fault:
        yield Finding(name, "warn", "none is set", str(fault))


def _servers(name: str) -> Iterator[Finding]:
    proxy = os.environ.get("HTTP_PROXY") or os.environ.get("http_proxy")
    exempt = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""  # as the user set it
    for what, variable in (("tracking", "MLFLOW_TRACKING_URI"), ("Prefect", "PREFECT_API_URL")):
        address = os.environ.get(variable, "")
        if not address.startswith(("http://", "https://")):
            yield Finding(f"{name}: {what}", "ok", address or "a local one, by this project")
            continue
        remedy = f"start it, or unset {variable} for a local one"
        yield _judged(f"{name}: {what}", answers(address), address, remedy, "fail")
    if proxy and not {"127.0.0.1", "localhost", "*"} & set(exempt.replace(" ", "").split(",")):
        yield Finding(f"{name}: proxy", "warn", proxy, "set NO_PROXY=127.0.0.1,localhost for local servers")


def _spacy(name: str) -> Iterator[Finding]:
    from lamp_core.datasets.preprocessing.taggers import SPACY_MODEL

    if importlib.util.find_spec("spacy") is None:
        yield Finding(
            name, "warn", "not installed: the built-in tagger tags", f"pip install '{PROJECT}[spacy]'"
        )
        return
    has_model = importlib.util.find_spec(SPACY_MODEL) is not None
    remedy = f"python -m spacy download {SPACY_MODEL}"
    yield _judged(name, has_model, f"{version('spacy')}, model {'there' if has_model else 'missing'}", remedy)


def _exports(name: str) -> Iterator[Finding]:
    from lamp_core.exports.kinds import KINDS

    written = []
    for kind in KINDS:
        ending = kind.endings[0]
        try:
            kind.require()
            written.append(ending)
        except LampError as fault:
            yield Finding(name, "warn", f"no {ending}", str(fault))
    yield Finding(name, "ok", f"writes {', '.join(written)}")


def _fonts(name: str) -> Iterator[Finding]:
    from matplotlib import font_manager

    font = Path(font_manager.findfont("DejaVu Sans"))
    yield _judged(name, font.is_file(), font.name, "install the fonts DejaVu")


LOOKS: dict[str, Callable[[str], Iterator[Finding]]] = {
    "interpreter": _interpreter,
    "packages": _packages,
    "cores": _cores,
    "memory": _memory,
    "disk": _disk,
    "temporary files": _temporary,
    "home": _home,
    "device": _device,
    "threads": _threads,
    "project": _project,
    "git": _git,
    "DVC remote": _remote,
    "servers": _servers,
    "spaCy": _spacy,
    "exports": _exports,
    "fonts": _fonts,
}
"""What is looked at, in this order."""


def _project_folder() -> Path:
    try:
        return find_project().root
    except LampError:
        return Path.cwd()
