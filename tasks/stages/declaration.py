"""How a stage and a system are declared, and what a catalogue of them is asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from lamp_core.errors import LampError
from tasks.stages.ranking import Ranking

CPU, GPU = "cpu", "gpu"
STORE = "evaluate"
"""Below the data folder: the results of all systems."""


@dataclass(frozen=True)
class Stage:
    """A stage, as it is declared.

    Args:
        name: of the stage.
        makes: what it writes, in a line.
        reads: stages whose outputs it reads.
        shows: stages whose outputs it reads where they are there; none of them is run for it.
        chooses: keys of the parameters that name one more stage that it reads, from the stages before it.
        chooses_code: keys of the parameters that name one more file or folder of code that it computes with.
        files: files and folders that it reads and no stage writes.
        folder: below ``data`` that it writes; that of its name by default.
        module: in ``tasks.stages``, what computes it; that of its name by default.
        section: of the parameters; that of its name by default.
        params: further parameters, sections or keys of other sections.
        trains: name of the model it trains; empty for none.
        ranking: by what the versions of that model are ranked.
        wants_card: whether workers with a card take it.
    """

    name: str
    makes: str
    reads: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    chooses: tuple[str, ...] = ()
    chooses_code: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    folder: str = ""
    module: str = ""
    section: str = ""
    params: tuple[str, ...] = ()
    trains: str = ""
    ranking: Ranking | None = None
    wants_card: bool = False

    def __post_init__(self) -> None:
        """Take folder, module and section from the name where they are not given."""
        for attribute in ("folder", "module", "section"):
            object.__setattr__(self, attribute, getattr(self, attribute) or self.name)

    @property
    def command(self) -> str:
        """What DVC runs."""
        named = "" if self.name == self.module else f" --stage {self.name}"
        return f"python -m tasks.stages.{self.module}{named}"

    @property
    def pool(self) -> str:
        """The work pool of its deployment."""
        return GPU if self.wants_card else CPU


@dataclass(frozen=True)
class System:
    """Models that are trained and measured together.

    Args:
        name: for ``lamp run --system NAME``.
        description: in a line.
        finals: its last stages; they and all that they read are the system's stages.
    """

    name: str
    description: str
    finals: tuple[str, ...]


class Catalogue:
    """Stages by name, each after those that it reads, and the systems that they make up.

    Args:
        stages: all of them.
        systems: the first is the one that ``lamp run`` runs.

    Raises:
        LampError: a stage reads one that is not declared before it, or a system ends in an unknown one.
    """

    def __init__(self, stages: Iterable[Stage], systems: Iterable[System]) -> None:
        self.stages: dict[str, Stage] = {}
        for stage in stages:
            for name in (*stage.reads, *stage.shows):
                if name not in self.stages:
                    raise LampError(
                        f"catalogue: stage '{stage.name}' reads '{name}'; declare that one before it"
                    )
            if stage.name in self.stages:
                raise LampError(f"catalogue: stage '{stage.name}' is declared twice")
            self.stages[stage.name] = stage
        self.systems = {system.name: system for system in systems}
        for system in self.systems.values():
            for name in system.finals:
                if name not in self.stages:
                    raise LampError(f"catalogue: system '{system.name}' ends in unknown stage '{name}'")

    def stages_of(self, system: str) -> tuple[str, ...]:
        """The stages of a system, what it shares with others among them, in the catalogue's order.

        Raises:
            LampError: there is no such system; the known ones are named.
        """
        if system not in self.systems:
            raise LampError(f"unknown system '{system}'; known: {', '.join(self.systems)}")
        wanted = set(self.systems[system].finals)
        for stage in reversed(self.stages.values()):
            if stage.name in wanted:
                wanted.update(stage.reads)
        return tuple(name for name in self.stages if name in wanted)

    def systems_of(self, stage: str) -> tuple[str, ...]:
        """The systems that a stage belongs to."""
        return tuple(name for name in self.systems if stage in self.stages_of(name))

    def evaluations(self) -> tuple[str, ...]:
        """The stages that measure a system, into the one store of results."""
        return tuple(name for name, stage in self.stages.items() if stage.folder.startswith(f"{STORE}/"))

    def evaluation_of(self, stage: str) -> str:
        """The stage that measures a stage's model: the first that reads it, or else the first of all."""
        measuring = self.evaluations()
        return next((name for name in measuring if stage in self.stages[name].reads), measuring[0])

    def trained(self) -> tuple[str, ...]:
        """The stages that train a model."""
        return tuple(name for name, stage in self.stages.items() if stage.trains)

    def models_of(self, stage: str) -> tuple[str, ...]:
        """The stages that trained the models that a stage reads."""
        return tuple(name for name in self.stages[stage].reads if self.stages[name].trains)

    def ranking(self, stage: str) -> Ranking | None:
        """By what the versions of a stage's model are ranked; None for a stage without one."""
        return self.stages[stage].ranking if stage in self.stages else None

    def section(self, stage: str) -> str:
        """The section of a stage's parameters; that of its name for a stage that is not in the catalogue."""
        return self.stages[stage].section if stage in self.stages else stage

    def folder(self, stage: str) -> str:
        """The folder below ``data`` that a stage writes; that of its name for one not in the catalogue."""
        return self.stages[stage].folder if stage in self.stages else stage

    def input_of(self, stage: str, kind: str) -> str:
        """The stage that ``stage`` reads or shows of a kind: the one of the name, or the first of the module.

        What is asked for where there is none.
        """
        known = self.stages.get(stage)
        names = (*known.reads, *known.shows) if known else ()
        return kind if kind in names else next((n for n in names if self.stages[n].module == kind), kind)
