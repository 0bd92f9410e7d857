"""The files below a folder as users have it: what operating systems leave there is no data, linked folders
are followed, endings count in any case, and accents in either Unicode form.
"""

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.text import composed

OnPassedOver = Callable[[str, str], None]
"""Is told what was passed over (`hidden files`), and which one."""

LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
HIDDEN, BROKEN, OTHER = "hidden files", "links to nothing", "files with another ending"
OUTSIDE = "links that lead out of the folder, followed"
FolderId = tuple[int, int]


def is_litter(name: str) -> bool:
    """Whether an operating system wrote a file or folder of this name, not the user."""
    return name.startswith(".") or name.lower() in LITTER


def ignore(what: str, example: str) -> None:
    """Say nothing of what is passed over."""


def files_below(folder: Path, on_passed_over: OnPassedOver = ignore) -> Iterator[tuple[str, Path]]:
    """Every file below the folder, by its path relative to it, sorted; also those behind links.

    Raises:
        LampError: a link that leads back to a folder it lies in, or a folder that may not be read.
    """
    yield from _walk(folder, "", (), folder.resolve(), on_passed_over)


def _walk(
    folder: Path, relative: str, above: tuple[FolderId, ...], top: Path, on_passed_over: OnPassedOver
) -> Iterator[tuple[str, Path]]:
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise LampError(f"{folder} cannot be read: {error.strerror}") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise LampError(f"{folder} leads back to {folder.resolve()}, which it lies in; remove the link")
    for entry in entries:
        name = f"{relative}{entry.name}"
        if is_litter(entry.name):
            on_passed_over(HIDDEN, name)
            continue
        is_folder, is_file = _leads_to(entry)
        if not is_folder and not is_file:
            if entry.is_symlink():
                on_passed_over(BROKEN, name)
            continue
        if entry.is_symlink() and not (folder / entry.name).resolve().is_relative_to(top):
            on_passed_over(OUTSIDE, name)
        if is_folder:
            yield from _walk(folder / entry.name, f"{name}/", (*above, here), top, on_passed_over)
        else:
            yield name, folder / entry.name


def _leads_to(entry: "os.DirEntry[str]") -> tuple[bool, bool]:
    """Whether it is a folder, and whether it is a file; neither for a link to itself or to what is closed."""
    try:
        return entry.is_dir(), entry.is_file()
    except OSError:
        return False, False


def has_ending(name: str, *endings: str) -> bool:
    """Whether a file's name ends with one of these, in any case."""
    return name.lower().endswith(endings)


def without_ending(name: str) -> str:
    """A path without the ending of its last part."""
    return PurePosixPath(name).with_suffix("").as_posix()


def files_by_name(
    folder: Path, *endings: str, on_passed_over: OnPassedOver = ignore, by_stem: bool = False
) -> dict[str, str]:
    """Files with one of the endings by their name without it, sorted; in the composed form of Unicode.

    Args:
        folder: the files are below it.
        endings: in lower case, with the dot.
        on_passed_over: is told what is left out.
        by_stem: a file's name is that of the file alone, not its path.

    Returns:
        Path relative to the folder, as the disk has it, by name.

    Raises:
        LampError: two files have the same name, or as `files_below`.
    """
    found: dict[str, str] = {}
    for relative, _ in files_below(folder, on_passed_over):
        if not has_ending(relative, *endings):
            on_passed_over(OTHER, relative)
            continue
        name = composed(without_ending(relative))
        name = PurePosixPath(name).name if by_stem else name
        if found.setdefault(name, relative) != relative:
            raise LampError(
                f"two files of {folder} have the name {name!r}: {found[name]} and {relative}; rename one"
            )
    return dict(sorted(found.items()))


def inside(folder: Path, relative: str) -> Path:
    """A path below the folder.

    The names of a list or a table are strings that somebody wrote; none of them may lead out of the folder. A
    link within the folder is the user's own and may.

    Raises:
        RejectedClip: ``outside``, an absolute path or one with ``..``.
    """
    if leads_out(relative):
        raise RejectedClip("outside", f"{relative!r} leads out of {folder}")
    return folder / relative


def leads_out(relative: str) -> bool:
    """Whether a written path would leave the folder that it is relative to."""
    return relative.startswith("/") or "\0" in relative or ".." in relative.split("/")


def find_file(folder: Path, relative: str) -> Path | None:
    """A file below the folder by its path, ending in any case and accents in either form; else None."""
    direct = folder / relative
    if direct.is_file():
        return direct
    try:
        modified = folder.stat().st_mtime_ns
    except OSError:
        return None
    found = _index(folder, modified).get(_key(relative))
    return folder / found if found is not None and (folder / found).is_file() else None


def find_named(folder: Path, name: str) -> Path | None:
    """A file that lies in the folder itself, its whole name in any case; else None."""
    direct = folder / name
    if direct.is_file() or not folder.is_dir():
        return direct if direct.is_file() else None
    found = (path for path in sorted(folder.iterdir()) if path.name.lower() == name.lower())
    return next((path for path in found if path.is_file()), None)


@lru_cache(maxsize=8)
def _index(folder: Path, modified: int) -> dict[str, str]:
    """Paths as the disk has them; read once while the folder stays the same."""
    return {_key(relative): relative for relative, _ in files_below(folder)}


def _key(relative: str) -> str:
    stem, dot, ending = composed(relative).rpartition(".")
    return f"{stem}{dot}{ending.lower()}"
