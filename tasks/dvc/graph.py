"""The graph of the stages, read from ``dvc.yaml``: the one list of stages there is."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml
from tasks.project import GRAPH_FILE, Project

EVERY_SYSTEM = "all"
REFERENCE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Stage:
    """One stage of ``dvc.yaml``, paths relative to the project.

    Args:
        name: as in ``dvc.yaml``.
        command: what DVC runs.
        deps: files and folders it reads, code among them.
        params: keys of ``params.yaml`` that it depends on.
        outs: files and folders it writes, metrics among them.
        upstream: stages that write one of its ``deps``, in the order of the file.
        systems: names of those that it belongs to; none where the file does not say, which is all.
        shows: those of ``upstream`` whose outputs it reads only where they are there.
        is_chosen: whether it belongs to no system, and runs only where a parameter chooses it.
    """

    name: str
    command: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]
    upstream: tuple[str, ...]
    systems: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    is_chosen: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The stages that must have run before it."""
        return tuple(name for name in self.upstream if name not in self.shows)

    def belongs_to(self, system: str) -> bool:
        """Whether the stage is one of a system's, or of any where all are asked for."""
        if self.is_chosen:
            return False
        return not self.systems or system in (*self.systems, EVERY_SYSTEM)


class Graph(Mapping[str, Stage]):
    """Stages by name, in the order of ``dvc.yaml``."""

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._stages = {stage.name: stage for stage in stages}

    def __getitem__(self, name: str) -> Stage:
        return self._stages[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stages)

    def __len__(self) -> int:
        return len(self._stages)

    def require(self, name: str) -> Stage:
        """Return the stage of this name.

        Raises:
            LampError: there is none; the known ones are named.
        """
        if name not in self._stages:
            raise LampError(f"unknown stage '{name}'; known: {', '.join(self._stages)}")
        return self._stages[name]

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems that the stages belong to, the one of the first stage first."""
        return tuple(dict.fromkeys(system for stage in self._stages.values() for system in stage.systems))

    def of_system(self, name: str) -> list[str]:
        """The stages of a system, or of all of them, and what they need, in the order of the file.

        Raises:
            LampError: no stage belongs to such a system; the known ones are named.
        """
        if self.systems and name not in (*self.systems, EVERY_SYSTEM):
            known = ", ".join((*self.systems, EVERY_SYSTEM))
            raise LampError(f"unknown system '{name}'; known: {known}")
        wanted = {stage.name for stage in self._stages.values() if stage.belongs_to(name)}
        for stage in reversed(self._stages.values()):
            if stage.name in wanted:
                wanted.update(stage.needs)
        return [stage for stage in self._stages if stage in wanted]

    def until(self, name: str) -> list[str]:
        """The stage and all that it reads, in the order of the file; of other systems what it needs alone."""
        asked = self.require(name)
        system = next(iter(asked.systems), "")
        wanted = {name}
        for stage in reversed(self._stages.values()):
            if stage.name in wanted:
                wanted.update(stage.needs)
                wanted.update(each for each in stage.shows if self._stages[each].belongs_to(system))
        return [stage for stage in self._stages if stage in wanted]

    def after(self, name: str) -> list[str]:
        """All stages that need this one, near or far, in the order of the file."""
        reached = {self.require(name).name}
        for stage in self._stages.values():
            if reached.intersection(stage.upstream):
                reached.add(stage.name)
        return [stage for stage in self._stages if stage in reached and stage != name]


def read_graph(project: Project, params: Mapping[str, Any] | None = None) -> Graph:
    """Read ``dvc.yaml``, with its ``${section.parameter}`` references filled in from ``params.yaml``.

    Args:
        project: the project.
        params: parameters to fill in, where they are not those of ``params.yaml``.

    Raises:
        LampError: the file holds no stages, or a stage reads what a later one writes.
    """
    described = (parse_yaml(project.graph_file.read_text()) or {}).get("stages")
    if not described:
        raise LampError(f"{project.graph_file} names no stages")
    values = dict(_params(project) if params is None else params)
    writers = {
        out: name for name, stage in described.items() for out in _paths(stage, "outs", "metrics", "plots")
    }
    graph = Graph(_stage(name, stage, writers, values) for name, stage in described.items())
    _check_order(graph)
    return graph


def _params(project: Project) -> dict[str, Any]:
    text = project.params_file.read_text() if project.params_file.exists() else ""
    return parse_yaml(text) or {}


def _stage(name: str, described: dict[str, Any], writers: dict[str, str], values: dict[str, Any]) -> Stage:
    # what a parameter chooses may be what the stage reads in any case
    deps = tuple(dict.fromkeys(_fill(dep, values) for dep in _paths(described, "deps")))
    meta = described.get("meta") or {}
    upstream = {writer for dep in deps if (writer := _writer(dep, writers)) is not None}
    return Stage(
        name=name,
        command=str(described["cmd"]),
        deps=deps,
        params=tuple(described.get("params", ())),
        outs=tuple(_paths(described, "outs", "metrics", "plots")),
        upstream=tuple(writer for writer in dict.fromkeys(writers.values()) if writer in upstream),
        systems=tuple(meta.get("systems", ())),
        is_chosen=bool(meta.get("is_chosen")),
        shows=tuple(meta.get("shows", ())),
    )


def _check_order(graph: Graph) -> None:
    seen: set[str] = set()
    for stage in graph.values():
        late = [name for name in stage.upstream if name not in seen]
        if late:
            raise LampError(
                f"{GRAPH_FILE}: stage '{stage.name}' reads what '{late[0]}' writes; put it after that one"
            )
        seen.add(stage.name)


def _paths(described: dict[str, Any], *keys: str) -> list[str]:
    """Paths of a stage's lists, whose entries are a path or ``{path: {flag: value}}``."""
    entries = [entry for key in keys for entry in described.get(key, ())]
    return [next(iter(entry)) if isinstance(entry, dict) else str(entry) for entry in entries]


def _writer(dep: str, writers: dict[str, str]) -> str | None:
    return next((writer for out, writer in writers.items() if dep == out or dep.startswith(f"{out}/")), None)


def _fill(text: str, values: dict[str, Any]) -> str:
    def value(reference: re.Match[str]) -> str:
        node: Any = values
        for part in reference[1].strip().split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return reference[0] if node is None else str(node)

    return REFERENCE.sub(value, text)
