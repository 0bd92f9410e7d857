"""The rows of an experiment as parameters of runs, all checked before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.parameters import configured, look_at_source, present_params
from lamp_core.config import Config
from lamp_core.config.experiment import Experiment, Row, assignments, with_seed
from lamp_core.errors import LampError
from tasks.dvc.content import chain_key
from tasks.dvc.graph import read_graph
from tasks.project import Project

PRETRAIN = "pretrain"


@dataclass(frozen=True)
class PlannedRow:
    """A training of a row with the parameters of its runs.

    Args:
        row: as the experiment's file has it.
        config: parameters of its run, but for a LaMP from elsewhere.
        donor: parameters of the run that pretrains its LaMP on other data; None when it pretrains its own.
        seed: added to the seeds of both.
    """

    row: Row
    config: Config
    donor: Config | None = None
    seed: int = 0

    @property
    def label(self) -> str:
        """The row's, and that of a further seed with the seed."""
        return f"{self.row.label}, seed {self.seed}" if self.seed else self.row.label

    def with_seed(self, seed: int) -> "PlannedRow":
        """Another training of the row."""
        donor = self.donor and with_seed(self.donor, seed)
        return PlannedRow(self.row, with_seed(self.config, seed), donor, seed)


def plan_rows(
    project: Project,
    experiment: Experiment,
    *,
    data: str | None = None,
    profile: str | None = None,
    assigned: Sequence[str] = (),
) -> list[PlannedRow]:
    """Return the trainings of an experiment, all rows of one seed before those of the next.

    Data set, profile and assignments given here change its base.

    Raises:
        LampError: a row with an unknown parameter, data set or profile, or a wrong value; an unknown stage.
    """
    base = experiment.base
    profile = profile or base.profile
    present = present_params(project, profile)
    shared = [*assignments(base.set), *assigned]
    planned = []
    for row in experiment.planned():
        given = [*shared, *assignments(row.set)]
        on = row.data or data or base.data
        try:
            config = configured(project, present, data=on, profile=profile, assignments=given)
            donor = None
            if row.pretrained_on == config.ingest.data:
                raise LampError(
                    f"pretrained_on is its own data set '{row.pretrained_on}'; choose another with --data"
                )
            if row.pretrained_on is not None:
                donor = configured(
                    project, present, data=row.pretrained_on, profile=profile, assignments=given
                )
        except LampError as error:
            raise LampError(f"experiment '{experiment.name}', row '{row.label}': {error}") from error
        planned.append(PlannedRow(row, config, donor))
    _check_until(project, experiment, planned)
    for config in {config.ingest.data: config for config in _configs(planned)}.values():
        look_at_source(project, config)
    return [row.with_seed(seed) for seed in range(experiment.seeds) for row in planned]


def run_key(project: Project, config: Config, until: str) -> str:
    """Hash of all that decides what a run up to a stage computes: parameters, code and data."""
    params = config.model_dump(mode="json")
    graph = read_graph(project, params)
    return chain_key(project, [graph[name] for name in graph.until(until)], params)


def _configs(planned: Sequence[PlannedRow]) -> list[Config]:
    return [config for row in planned for config in (row.config, row.donor) if config is not None]


def _check_until(project: Project, experiment: Experiment, planned: Sequence[PlannedRow]) -> None:
    """Raise for a stage that is not there, or that shows the experiments themselves."""
    graph = read_graph(project, planned[0].config.model_dump(mode="json"))
    if any(row.donor is not None for row in planned):
        graph.require(PRETRAIN)
    shown = f"data/{project.experiments.name}"
    for name in graph.until(experiment.until):
        if shown in graph[name].deps:
            raise LampError(f"until: {experiment.until} needs {name}, which shows experiments; end before it")
