"""Stage ``evaluate_motion_language``: every task of the motion language model, beside floors and random
weights.

By hand: ``python -m tasks.stages.evaluate_motion_language``. `lamp evaluate` measures on demand.
"""

from lamp_core.evaluation.families.captioning import CAPTIONING
from lamp_core.evaluation.families.completion import COMPLETION
from lamp_core.evaluation.families.control import CONTROLLED
from lamp_core.evaluation.families.plausibility import PLAUSIBILITY
from lamp_core.evaluation.families.text_to_motion import TEXT_TO_MOTION
from lamp_core.systems.motion_language import MODELS
from lamp_core.systems.neighbours import NEAREST
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.measured import measure_into_store, models_to_measure

FAMILIES = (TEXT_TO_MOTION, PLAUSIBILITY, COMPLETION, CONTROLLED, CAPTIONING)
"""Those that are measured where ``evaluate.protocols`` has them; control is in any case."""


def run(stage: StageContext) -> dict[str, float]:
    """Measure into the store that one table of all systems is made of.

    The evaluator is that of the system `lamp`, so that the rows compare; LaMP itself measures there alone.
    Beside the models stands what lies nearest in the train split.
    """
    settings = stage.config.evaluate
    changes = {"protocols": (*settings.protocols, *CONTROLLED.protocols), "lamp_evaluator": False}
    models = (*MODELS, NEAREST)
    trained = models_to_measure(stage, models, settings.model_copy(update=changes))
    return measure_into_store(stage, trained, FAMILIES)


if __name__ == "__main__":
    main("evaluate_motion_language", run)
