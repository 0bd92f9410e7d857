"""Stage ``evaluate``: the trained models by every protocol, each beside a floor and an untrained model.

By hand: ``python -m tasks.stages.evaluate``. `lamp evaluate` measures on demand.
"""

from lamp_core.config import Evaluate
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.sample_rows import captioned_rows, generated_rows
from lamp_core.evaluation.samples import CAPTIONED, GENERATED
from lamp_core.io.parquet import write_table
from lamp_core.systems.lamp import MODELS
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.measured import measure_into_store, models_to_measure


def run(stage: StageContext) -> dict[str, float]:
    """Measure into the store, and keep motions and captions for the report."""
    trained, shown = models_to_measure(stage, MODELS, stage.settings(Evaluate)), stage.config.report
    measured = measure_into_store(stage, trained, FAMILIES)
    write_table(stage.output / "generated.parquet", generated_rows(trained, shown.players), GENERATED)
    captions = captioned_rows(trained, shown.captions, shown.explained)
    write_table(stage.output / "captions.parquet", captions, CAPTIONED)
    return measured


if __name__ == "__main__":
    main("evaluate", run)
