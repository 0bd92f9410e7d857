"""Read and write ``params.yaml``, profiles and ``a.b=c`` overrides."""

import os
import typing
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lamp_core.config.models import Config
from lamp_core.config.renamed import refuse_renamed
from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml

PROFILES = Path(__file__).parent / "profiles"
BASE = "like"
"""Key of a profile's file that names another one, whose values hold where this one says nothing."""


def profile_names() -> list[str]:
    """Names of the profiles, sorted."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def profile_config(name: str) -> Config:
    """Return the configuration of a profile.

    Raises:
        LampError: no profile has this name.
    """
    return _validated({**_profile_values(name), "profile": name}, where=f"profile {name}")


def _profile_values(name: str) -> dict[str, Any]:
    """What a profile's file says, over what the file says that it is like."""
    if name not in profile_names():
        raise LampError(f"unknown profile '{name}'; known: {', '.join(profile_names())}")
    values: dict[str, Any] = parse_yaml((PROFILES / f"{name}.yaml").read_text()) or {}
    base = values.pop(BASE, None)
    return _merged(_profile_values(base), values) if base else values


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, those of ``changes`` in place of those of ``base``."""
    return {**base} | {
        key: _merged(base[key], value)
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        else value
        for key, value in changes.items()
    }


def load_params(path: Path) -> Config:
    """Return the configuration in a ``params.yaml``.

    Raises:
        LampError: the file is missing, is no YAML mapping, or holds an unknown key or a wrong value.
    """
    if not path.exists():
        raise LampError(f"{path} is missing; `lamp run --profile quick` writes it")
    try:
        values = parse_yaml(path.read_text())
    except yaml.YAMLError as error:
        raise LampError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise LampError(f"{path} holds no parameters; `lamp run --profile quick` writes it")
    return _validated(values, where=str(path))


def override(config: Config, assignments: Iterable[str]) -> Config:
    """Return ``config`` with ``a.b=value`` assignments applied, values read as YAML.

    Raises:
        LampError: an assignment without ``=``, an unknown parameter (the known ones are named), a wrong
            value.
    """
    values = config.model_dump()
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise LampError(f"--set {assignment}: write it as section.parameter=value")
        _assign(values, key.strip(), _parse_value(text))
    return _validated(values, where="--set")


def save_params(config: Config, path: Path) -> bool:
    """Write ``params.yaml`` when its content differs; return whether it was written."""
    text = render_params(config)
    if path.exists() and path.read_text() == text:
        return False
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)
    return True


def render_params(config: Config) -> str:
    """Return ``params.yaml``: every value, each with its description as a comment."""
    header = "# Written by `lamp run --profile P --data NAME --set a.b=c`; may be edited by hand.\n"
    return header + "\n".join(_render(config, indent=0)) + "\n"


def _render(model: BaseModel, indent: int) -> list[str]:
    pad = "  " * indent
    lines: list[str] = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            summary = (type(value).__doc__ or "").strip().splitlines()[0]
            lines += ([""] if indent == 0 else []) + [f"{pad}{name}:  # {summary}"]
            lines += _render(value, indent + 1)
        else:
            lines.append(f"{pad}{name}: {_yaml_scalar(value)}{_comment(field)}")
    return lines


def _comment(field: FieldInfo) -> str:
    choices = (
        typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()
    )
    parts = [" | ".join(map(str, choices))] if choices else []
    parts += [field.description] if field.description else []
    return f"  # {'; '.join(parts)}" if parts else ""


def _yaml_scalar(value: object) -> str:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")  # YAML 1.1 would read 1e-05 as a string
    return yaml.safe_dump(value, default_flow_style=True, width=float("inf")).removesuffix("...\n").strip()


def _parse_value(text: str) -> Any:
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        raise LampError(f"--set: {text!r} is not a YAML value") from error
    if isinstance(value, str):  # YAML 1.1 reads 1e-4 as a string
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    node: Any = values
    *parents, last = key.split(".")
    for depth, part in enumerate([*parents, last]):
        if not isinstance(node, Mapping) or part not in node:
            refuse_renamed({".".join([*parents, last][: depth + 1]): value}, "--set")
            known = ", ".join(node) if isinstance(node, Mapping) else "none below it"
            where = ".".join(key.split(".")[:depth]) or "the top level"
            raise LampError(f"unknown parameter '{key}'; known at {where}: {known}")
        if depth < len(parents):
            node = node[part]
    node[last] = value


def _validated(values: dict[str, Any], where: str) -> Config:
    refuse_renamed(values, where)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise LampError(f"{where}: unknown parameter '{path}'; {_known_beside(first['loc'])}") from error
        if first["type"] == "value_error":  # values that do not go together; the message names them
            raise LampError(f"{where}: '{path}': {first['ctx']['error']}") from error
        raise LampError(f"{where}: '{path}': {first['msg'].lower()}, got {first.get('input')!r}") from error


def _known_beside(location: tuple[str | int, ...]) -> str:
    model: type[BaseModel] = Config
    for part in location[:-1]:
        annotation = model.model_fields[str(part)].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return "known: " + ", ".join(model.model_fields)
