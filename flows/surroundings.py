"""Where libraries may write when the home folder or the temporary one does not take it, and that a common
project stays common: settled before they are imported.
"""

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from tasks.system.exit_status import BAD_REQUEST

GRAPH_FILE = "dvc.yaml"
CACHES = {"PREFECT_HOME": "prefect", "MPLCONFIGDIR": "matplotlib", "XDG_CACHE_HOME": "cache"}
"""Variables by which a library is told its folder, and the folder's name."""
LEAST_TEMPORARY = 50_000_000
"""Bytes that a run puts into the temporary folder at most, with room to spare."""
COMMON = stat.S_ISGID | stat.S_IWGRP
GROUP = stat.S_IRWXG


def settle() -> None:
    """Send what libraries keep, and temporary files, below the project where their own place takes none."""
    root = _project()
    if root is not None and root.stat().st_mode & COMMON == COMMON:
        os.umask(os.umask(0) & ~GROUP)  # what is made belongs to the group, as the folder does
    _settle_temporary(root)
    home = os.environ.get("HOME", "")
    if home and _takes_files(Path(home)):
        return
    place = _below(root, "home")
    for variable, name in CACHES.items():
        os.environ.setdefault(variable, str(place / name))
    if not home:
        os.environ["HOME"] = str(place)
    why = f"the home folder {home} cannot be written" if home else "there is no home folder"
    _say(f"{why}; what libraries keep goes to {place}")


def _settle_temporary(root: Path | None) -> None:
    usual = os.environ.get("TMPDIR") or "/tmp"
    if _has_room(Path(usual)) or root is None:
        return
    if not _has_room(root):
        if not _takes_files(root) and not _takes_files(Path(usual)):
            print(
                f"error: neither {usual} nor {root} takes more files; make room, or set TMPDIR",
                file=sys.stderr,
            )
            sys.exit(BAD_REQUEST)
        return
    place = _below(root, "tmp")
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    _say(f"{usual} takes no more files; temporary ones go to {place}")


def _has_room(folder: Path) -> bool:
    return _takes_files(folder) and shutil.disk_usage(folder).free >= LEAST_TEMPORARY


def _project() -> Path | None:
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / GRAPH_FILE).is_file()), None)


def _below(root: Path | None, name: str) -> Path:
    """The project's own folder for it, else a temporary one."""
    if root is not None and _takes_files(root):
        place = root / ".lamp" / name
        place.mkdir(parents=True, exist_ok=True)
        return place
    return Path(tempfile.mkdtemp(prefix=f"lamp-{name}-"))


def _takes_files(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
            file.flush()
            return True
    except OSError:
        return False


def _say(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)
