"""Where libraries may write when the home folder does not take it: settled before they are imported."""

import os
import sys
import tempfile
from pathlib import Path

GRAPH_FILE = "dvc.yaml"
CACHES = {"PREFECT_HOME": "prefect", "MPLCONFIGDIR": "matplotlib", "XDG_CACHE_HOME": "cache"}
"""Variables by which a library is told its folder, and the folder's name."""


def settle() -> None:
    """Send caches of the libraries below the project when the home folder is missing or cannot be written."""
    home = os.environ.get("HOME", "")
    if home and _takes_files(Path(home)):
        return
    place = _place()
    for variable, name in CACHES.items():
        os.environ.setdefault(variable, str(place / name))
    if not home:
        os.environ["HOME"] = str(place)
    why = f"the home folder {home} cannot be written" if home else "there is no home folder"
    print(f"note: {why}; what libraries keep goes to {place}", file=sys.stderr)


def _place() -> Path:
    """The project's own folder for it, else a temporary one."""
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / GRAPH_FILE).is_file()), None)
    if root is not None and _takes_files(root):
        place = root / ".lamp" / "home"
        place.mkdir(parents=True, exist_ok=True)
        return place
    return Path(tempfile.mkdtemp(prefix="lamp-home-"))


def _takes_files(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
