"""The packages that this project asks for, by itself and by its extras, and which of them are not there."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

PROJECT, PIPELINE = "lamp-motion", "pipeline"


def missing_packages(extra: str = "") -> list[str]:
    """Packages that are not installed.

    Args:
        extra: whose; those that the project always needs by default.

    Raises:
        PackageNotFoundError: the project itself is not installed.
    """
    found = []
    for line in requires(PROJECT) or []:
        of_extra = re.search(r"extra == .(\w+)", line)
        if (of_extra.group(1) if of_extra else "") == extra:
            found.append(re.split(r"[^\w.-]", line, maxsplit=1)[0])
    return [name for name in found if not _is_installed(name)]


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
