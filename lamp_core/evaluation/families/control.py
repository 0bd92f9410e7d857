"""Motions of texts that pass through given poses: as made, forced through them, and of a single answer."""

from functools import partial

from lamp_core.evaluation.families.family import Family, Systems
from lamp_core.evaluation.families.given_frames import from_given, of_captions
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.control import evaluate_control
from lamp_core.evaluation.results import Result
from lamp_core.systems.capabilities import CONTROL, ChoosesAnswers


def _measure(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    controlling = systems.trained.controlling
    called = {name: of_captions(model.control) for name, model in controlling.items()}
    forced = {name: of_captions(partial(model.control, forced=True)) for name, model in controlling.items()}
    first = {
        name: model.answering_once()
        for name, model in controlling.items()
        if isinstance(model, ChoosesAnswers) and model.chooses_poses
    }
    once = {name: of_captions(model.control) for name, model in first.items()}
    evaluate = partial(evaluate_control, forced=forced, evaluator=systems.trained.guo, once=once)
    return from_given(evaluate, called, controlling, systems.trained, on_progress)


CONTROLLED = Family("control", CONTROL, ("control",), _measure)
