"""Stage ``evaluate_tokenizers``: reconstruction by the grid tokenizer, beside floors and random weights.

By hand: ``python -m tasks.stages.evaluate_tokenizers``. `lamp evaluate` measures on demand.
"""

from lamp_core.evaluation.families.tokenizer import TOKENIZER
from lamp_core.systems.tokenizers import MODELS
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.measured import measure_into_store, models_to_measure


def run(stage: StageContext) -> dict[str, float]:
    """Measure into the store that one table of all systems is made of, with the evaluator of `lamp`."""
    changes = {"protocols": TOKENIZER.protocols, "lamp_evaluator": False}
    settings = stage.config.evaluate.model_copy(update=changes)
    return measure_into_store(stage, models_to_measure(stage, MODELS, settings), [TOKENIZER])


if __name__ == "__main__":
    main("evaluate_tokenizers", run)
