"""Stage ``evaluate_large_motion``: the large motion model by the protocols of text to motion, beside a floor.

By hand: ``python -m tasks.stages.evaluate_large_motion``. `lamp evaluate` measures on demand.
"""

from lamp_core.evaluation.families.plausibility import PLAUSIBILITY
from lamp_core.evaluation.families.text_to_motion import TEXT_TO_MOTION
from lamp_core.systems.large_motion import MODELS
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.measured import measure_into_store, models_to_measure

FAMILIES = (TEXT_TO_MOTION, PLAUSIBILITY)
"""Those that are measured where ``evaluate.protocols`` has them."""


def run(stage: StageContext) -> dict[str, float]:
    """Measure into the store that one table of all systems is made of.

    The evaluator is that of the system `lamp`, so that the rows compare; LaMP itself measures there alone.
    Actions that the model was not trained on are measured apart.
    """
    settings, trained = stage.config.evaluate, stage.config.large_motion
    changes: dict[str, object] = {"lamp_evaluator": False}
    if not settings.held_out:
        changes |= {"held_out": trained.held_out, "held_out_label": trained.held_out_label}
    measured = models_to_measure(stage, MODELS, settings.model_copy(update=changes))
    return measure_into_store(stage, measured, FAMILIES)


if __name__ == "__main__":
    main("evaluate_large_motion", run)
