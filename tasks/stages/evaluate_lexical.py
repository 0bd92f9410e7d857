"""Stage ``evaluate_lexical``: retrieval by the models of the system `lexical`, beside chance and random
weights.

By hand: ``python -m tasks.stages.evaluate_lexical``. `lamp evaluate` measures on demand.
"""

from lamp_core.evaluation.families.retrieval import RETRIEVAL
from lamp_core.systems.lexical import MODELS
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.measured import measure_into_store, models_to_measure


def run(stage: StageContext) -> dict[str, float]:
    """Measure by the protocols of retrieval, into the store that one table of all systems is made of."""
    settings = stage.config.evaluate
    asked = tuple(name for name in settings.protocols if name in RETRIEVAL.protocols)
    settings = settings.model_copy(update={"protocols": asked or RETRIEVAL.protocols})
    return measure_into_store(stage, models_to_measure(stage, MODELS, settings), [RETRIEVAL])


if __name__ == "__main__":
    main("evaluate_lexical", run)
