"""Where the installed command ``lamp`` begins: the library alone brings it too, but not what it needs."""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires

from flows.surroundings import settle
from tasks.system.exit_status import BAD_REQUEST

PROJECT, EXTRA = "lamp-motion", "pipeline"


def main() -> None:
    """Run ``lamp``; without a package of the extra ``pipeline``, say so in one line and end with status 2."""
    if missing := _missing():
        print(f"error: lamp needs {', '.join(missing)}: pip install '{PROJECT}[{EXTRA}]'", file=sys.stderr)
        sys.exit(BAD_REQUEST)
    settle()
    from flows.cli import main as lamp

    lamp()


def _missing() -> list[str]:
    """Packages of the extra that are not installed."""
    lines = [line for line in requires(PROJECT) or [] if re.search(rf"extra == .{EXTRA}\b", line)]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines]
    return [name for name in names if not _is_installed(name)]


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
