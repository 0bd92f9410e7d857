"""Libraries that are installed by an extra of the package, and asked for where they are needed."""

from importlib import import_module
from typing import Any

from lamp_core.errors import LampError


def require(module: str, what: str, library: str, extra: str) -> Any:
    """A module; LampError where it is not installed, before any work is done.

    Args:
        module: to import.
        what: needs it.
        library: that it comes with, by its name on the package index.
        extra: of this package that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise LampError(
            f"{what} needs {library}; install it with: pip install 'lamp-motion[{extra}]'"
        ) from error
