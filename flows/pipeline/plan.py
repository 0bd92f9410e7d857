"""What a run does, and where: its stages, which of them are stale, and the snapshot that it works in."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

from flows.pipeline.run_records import Asked
from flows.pipeline.stage_runner import StageRunner
from lamp_core.config import Config, save_params
from lamp_core.errors import LampError
from lamp_core.io.file_lock import locked
from tasks.dvc.graph import EVERY_SYSTEM, Graph, read_graph
from tasks.dvc.snapshot import nothing_returns, snapshot, source_of
from tasks.dvc.versions import Freshness, RepositoryBusy, Versions
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE

State = Literal["waiting", "running", "fresh", "restored", "done", "failed", "cancelled", "blocked"]
GOOD: frozenset[State] = frozenset({"fresh", "restored", "done"})


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Args:
        project: the project, or the snapshot that the run works in.
        config: the parameters.
        asked: what was asked for.
        runner: carries the stages out there.
        versions: DVC's view of it.
        status: every stage's freshness.
        names: stages of the run, in the order of the graph.
    """

    project: Project
    config: Config
    asked: Asked
    runner: StageRunner
    versions: Versions
    status: Mapping[str, Freshness]
    names: tuple[str, ...]

    def is_fresh(self, name: str) -> bool:
        """Whether there is nothing to do for a stage, now that those before it have ended well."""
        is_stale = name == self.asked.force or self.status[name].state != "fresh"
        return not is_stale and self.versions.follows_inputs(name)

    def up_to_date(self, states: Mapping[str, State]) -> list[str]:
        """Stages of the run that ended well, and those outside it whose outputs follow from them."""
        good: list[str] = []
        for name in self.versions.graph:
            if name in states:
                is_good = states[name] in GOOD
            else:
                is_fresh = self.status[name].state == "fresh" and set(self.versions.read_by(name)) <= set(
                    good
                )
                is_good = is_fresh and self.versions.follows_inputs(name)
            good += [name] if is_good else []
        return good


@contextmanager
def planned(
    project: Project, config: Config, asked: Asked, make_runner: Callable[[Project], StageRunner]
) -> Iterator[Plan]:
    """Write the parameters, ask DVC what is stale, and take a snapshot if a stage is to run.

    One run at a time does this; it takes seconds.

    Raises:
        LampError: an unknown stage or system, or a project that DVC cannot work in.
    """
    with ExitStack() as until_end:
        with locked(project.hold_file("params")), nothing_returns(project):
            save_params(config, project.params_file)
            work = source_of(project)
            plan = _plan(project, config, asked, make_runner(project), None)
            if not all(map(plan.is_fresh, plan.names)):
                place = until_end.enter_context(snapshot(project, config))
                known = plan.status if source_of(place).tree == work.tree else None
                plan = _plan(place, config, asked, make_runner(place), known)
        yield plan


def chosen(
    graph: Graph, only: str | None = None, until: str | None = None, system: str | None = None
) -> list[str]:
    """The stages of a run: one alone, one with all it needs, or those of a system and what parameters choose.

    The system is the first one where none is named; ``all`` are all of them.

    Raises:
        LampError: an unknown stage or system, or another choice beside ``only``.
    """
    if only is not None and (until is not None or system is not None):
        raise LampError(f"--only {only} runs that stage alone; leave --until and --system out")
    if only is not None:
        return [graph.require(only).name]
    if until is not None:
        return graph.until(until)
    if system not in (None, EVERY_SYSTEM):
        CATALOGUE.stages_of(system)
    names = graph.of_system(system or next(iter(CATALOGUE.systems)))
    return [name for name in names if name in CATALOGUE.stages or system in (None, EVERY_SYSTEM)]


def _plan(
    project: Project,
    config: Config,
    asked: Asked,
    runner: StageRunner,
    status: Mapping[str, Freshness] | None,
) -> Plan:
    graph = read_graph(project)
    names = {*chosen(graph, asked.only, asked.until, asked.system)}
    if asked.force is not None:
        names.add(graph.require(asked.force).name)
    versions = runner.versions(graph)
    status = status or _patient_status(versions)
    return Plan(
        project, config, asked, runner, versions, status, tuple(name for name in graph if name in names)
    )


def _patient_status(versions: Versions) -> dict[str, Freshness]:
    """Every stage's freshness, however long another DVC process (a push, a pull) keeps its lock."""
    is_told = False
    while True:
        try:
            return versions.status()
        except RepositoryBusy as error:
            if not is_told:
                print(f"{error}; waiting for its end", file=sys.stderr, flush=True)
            is_told = True
