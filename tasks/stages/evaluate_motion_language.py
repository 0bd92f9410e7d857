"""Stage ``evaluate_motion_language``: every task of the motion language model, beside floors and random
weights.

By hand: ``python -m tasks.stages.evaluate_motion_language``. `lamp evaluate` measures on demand.
"""

from lamp_core.systems.motion_language import MODELS
from lamp_core.systems.neighbours import NEAREST
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.measured import measure_into_store, models_to_measure

ALWAYS = ("control",)
PROTOCOLS = ("text-to-motion", "plausibility", "completion", "captioning")
"""Those that are measured where ``evaluate.protocols`` has them."""


def run(stage: StageContext) -> dict[str, float]:
    """Measure into the store that one table of all systems is made of.

    The evaluator is that of the system `lamp`, so that the rows compare; LaMP itself measures there alone.
    Beside the models stands what lies nearest in the train split.
    """
    settings = stage.config.evaluate
    asked = tuple(name for name in settings.protocols if name in PROTOCOLS)
    changes = {"protocols": (*asked, *ALWAYS), "lamp_evaluator": False}
    models = (*MODELS, NEAREST)
    trained = models_to_measure(stage, models, settings.model_copy(update=changes))
    return measure_into_store(stage, trained)


if __name__ == "__main__":
    main("evaluate_motion_language", run)
