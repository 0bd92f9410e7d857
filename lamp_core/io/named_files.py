"""Descriptions in YAML that the package has by name, and that users bring by path: joint maps, robots."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lamp_core.errors import LampError
from lamp_core.io.text import composed, read_text
from lamp_core.io.yaml_text import parse_yaml

Described = TypeVar("Described", bound=BaseModel)


@cache
def built_in_names(package: str, folder: str, ending: str = ".yaml") -> tuple[str, ...]:
    """Names of a package's files with an ending, sorted."""
    entries = (resources.files(package) / folder).iterdir()
    return tuple(sorted(entry.name.removesuffix(ending) for entry in entries if entry.name.endswith(ending)))


def read_named(form: type[Described], what: str, package: str, folder: str, name_or_path: str) -> Described:
    """A built-in description by its name, or any by the path of its YAML file.

    Args:
        form: of the description.
        what: it is called in errors, ``joint map``.
        package: that has the built-in ones.
        folder: below it.
        name_or_path: what is asked for.

    Raises:
        LampError: there is none, or it cannot be read; the message names the fault.
    """
    known = built_in_names(package, folder)
    if name_or_path in known:
        built_in = resources.files(package) / folder / f"{name_or_path}.yaml"
        return _parsed(form, what, built_in.read_text(encoding="utf-8"), name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        raise LampError(
            f"unknown {what} {name_or_path!r}; known: {', '.join(known)}, or the path of a YAML file"
        )
    return _parsed(form, what, composed(read_text(path)), str(path))


def _parsed(form: type[Described], what: str, text: str, origin: str) -> Described:
    try:
        return form.model_validate(parse_yaml(text))
    except yaml.YAMLError as error:
        raise LampError(f"{what} {origin} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        raise LampError(f"{what} {origin} has faults: {'; '.join(faults)}") from error
