"""Completion of motions of which frames are missing."""

from functools import partial

from lamp_core.evaluation.families.family import Family, Systems
from lamp_core.evaluation.families.given_frames import from_given, of_captions
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.joints import evaluate_completion
from lamp_core.evaluation.results import Result
from lamp_core.systems.capabilities import COMPLETE


def _measure(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    completing = systems.completing
    called = {name: of_captions(model.complete) for name, model in completing.items()}
    trained = systems.trained
    evaluate = partial(evaluate_completion, evaluator=trained.guo, reference_J3=trained.features.reference_J3)
    return from_given(evaluate, called, completing, trained, on_progress)


COMPLETION = Family("completion", COMPLETE, ("completion",), _measure)
