"""Plausibility of generated motions, beside that of reconstructed and of true ones."""

from lamp_core.evaluation.families.family import Family, Systems
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.joints import evaluate_plausibility
from lamp_core.evaluation.results import Result
from lamp_core.systems.capabilities import GENERATE


def _measure(systems: Systems, _: OnProgress | None) -> list[Result]:
    features = systems.trained.features
    made_by = systems.one_motion_an_item()
    return evaluate_plausibility(
        systems.trained.items, made_by, features.skeleton, features.statistics, features.reference_J3
    )


PLAUSIBILITY = Family("plausibility", GENERATE, ("plausibility",), _measure, of_generated=True)
