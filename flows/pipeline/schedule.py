"""Which stage may start next: the plan of a run, without anything that runs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tasks.dvc.graph import Graph

State = Literal["waiting", "running", "fresh", "restored", "done", "failed", "blocked"]
GOOD: frozenset[State] = frozenset({"fresh", "restored", "done"})


@dataclass
class Schedule:
    """The states of the stages of a run.

    Args:
        graph: all stages.
        names: stages of this run, in the order of the graph.
        stale: stages that DVC said are not fresh, or that are forced.
        follows_inputs: whether a stage's last run read what the stages before it have written last; asked
            when all of those are done.
    """

    graph: Graph
    names: Sequence[str]
    stale: frozenset[str]
    follows_inputs: Callable[[str], bool]
    states: dict[str, State] = field(init=False)

    def __post_init__(self) -> None:
        self.states = dict.fromkeys(self.names, "waiting")

    def settle(self) -> list[str]:
        """Mark what is fresh and what is blocked by now; return the stages that changed."""
        changed: list[str] = []
        for name in self._waiting():
            if any(self.states[before] in {"failed", "blocked"} for before in self._before(name)):
                self.states[name] = "blocked"
                changed.append(name)
            elif self._inputs_are_ready(name) and name not in self.stale and self.follows_inputs(name):
                self.states[name] = "fresh"
                changed.append(name)
        return changed

    def ready(self) -> list[str]:
        """Waiting stages whose inputs are ready, in the order of the graph."""
        return [name for name in self._waiting() if self._inputs_are_ready(name)]

    @property
    def is_over(self) -> bool:
        """Whether no stage waits or runs."""
        return not any(state in {"waiting", "running"} for state in self.states.values())

    @property
    def running(self) -> list[str]:
        """Stages that run."""
        return [name for name, state in self.states.items() if state == "running"]

    @property
    def failed(self) -> list[str]:
        """Stages that failed."""
        return [name for name, state in self.states.items() if state == "failed"]

    def _waiting(self) -> list[str]:
        return [name for name in self.names if self.states[name] == "waiting"]

    def _before(self, name: str) -> Iterable[str]:
        return [before for before in self.graph[name].upstream if before in self.states]

    def _inputs_are_ready(self, name: str) -> bool:
        return all(self.states[before] in GOOD for before in self._before(name))


def chosen(graph: Graph, only: str | None, until: str | None) -> list[str]:
    """The stages of a run: one alone, one with all it needs, or all.

    Raises:
        LampError: an unknown stage.
    """
    if only is not None:
        return [graph.require(only).name]
    return graph.until(until) if until is not None else list(graph)
