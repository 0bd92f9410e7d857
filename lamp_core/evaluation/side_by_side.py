"""Families of an evaluation side by side, in two processes of one thread each.

A second thread gives a process a quarter more at most, a second process all that a core has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lamp_core.config import Config
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.parallel import beside
from lamp_core.evaluation.families.family import Family, asked_for, measure
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.model import Model


@dataclass(frozen=True)
class _Part:
    """What the other process loads and measures."""

    data: Path
    config: Config
    models: Sequence[Model]
    families: Sequence[Family]

    def measure(self) -> dict[str, list[Result]]:
        """The rows of its families."""
        torch.set_num_threads(1)
        features = FeatureSet.load(self.data / "features")
        trained = Trained(self.data, self.config, features, torch.device("cpu"), self.models)
        return measure(trained, self.families)


def measure_side_by_side(
    trained: Trained, families: Sequence[Family], on_progress: OnProgress | None = None
) -> dict[str, list[Result]]:
    """What `measure` returns, sooner where there are two cores.

    Families that measure the same generated motions are measured here and tell how far they are; the others
    in another process meanwhile, which loads what it needs again.

    Args:
        trained: models on the CPU, measured on the test split of the data set that they were trained on.
        families: of which those are measured that the settings ask for.
        on_progress: of what is measured here.

    Raises:
        LampError: as `measure`, or the other process died.
    """
    asked = asked_for(families, trained.settings)
    of_generated = [family for family in asked if family.of_generated]
    others = [family for family in asked if not family.of_generated]
    if not of_generated or not others:
        return measure(trained, asked, on_progress)
    part = _Part(trained.data, trained.config, trained.models, others)
    with beside(_Part.measure, part) as measured_there:
        here = measure(trained, of_generated, on_progress)
        if on_progress is not None:
            on_progress(len(here), len(asked), ", ".join(family.name for family in others))
        found = {**here, **measured_there()}
    return {family.name: found[family.name] for family in asked}
