"""Content by its hash: what decides a stage's work, and whether two folders hold the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks.dvc.graph import Stage
from tasks.project import Project


def read_inputs(project: Project, stage: Stage, params: Mapping[str, Any]) -> dict[str, str]:
    """All that decides what a stage computes: command, parameters, and the hash of each of its inputs."""
    values = parameter_values(stage.params, params)
    return {
        "its command": stage.command,
        **{name: json.dumps(value, sort_keys=True) for name, value in values.items()},
        **{dep: _content(project.root / dep, project.root).hex() for dep in stage.deps},
    }


def input_key(inputs: Mapping[str, str]) -> str:
    """Hash of all that decides what a stage computes."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def chain_key(project: Project, stages: Iterable[Stage], params: Mapping[str, Any]) -> str:
    """Hash of all that decides what a chain of stages computes from nothing.

    That is every stage's command, parameters, and the content of those inputs that no stage writes: code, and
    the registered data set. Equal keys mean equal outputs, whatever the workspace holds at the moment.
    """
    chain = list(stages)
    written = tuple(f"{out}/" for stage in chain for out in stage.outs)
    read = dict.fromkeys(dep for stage in chain for dep in stage.deps if not f"{dep}/".startswith(written))
    described = [[stage.name, stage.command, parameter_values(stage.params, params)] for stage in chain]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for dep in read:
        digest.update(_content(project.root / dep, project.root))
    return digest.hexdigest()[:16]


def inputs_from_outside(project: Project, stages: Iterable[Stage]) -> dict[str, str]:
    """Hash of each input that no stage writes: code, and the registered data set."""
    chain = list(stages)
    written = tuple(f"{out}/" for stage in chain for out in stage.outs)
    read = sorted({dep for stage in chain for dep in stage.deps if not f"{dep}/".startswith(written)})
    return {dep: _content(project.root / dep, project.root).hex()[:16] for dep in read}


def folder_hash(folder: Path) -> str:
    """Hash of the names and contents of a folder's files."""
    return hashlib.sha256(_content(folder, folder)).hexdigest()[:16]


def parameter_values(names: Iterable[str], params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by dotted name (``report.players``); None for one that is not there."""

    def value(name: str) -> Any:
        node: Any = params
        for part in name.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    return {name: value(name) for name in names}


def _content(path: Path, root: Path) -> bytes:
    """Digest of the names, relative to ``root``, and contents of a file or of a folder's files."""
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(str(file.relative_to(root)).encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.digest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
