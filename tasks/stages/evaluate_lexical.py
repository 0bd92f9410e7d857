"""Stage ``evaluate_lexical``: retrieval by the models of the system `lexical`, beside chance and random
weights.

By hand: ``python -m tasks.stages.evaluate_lexical``. `lamp evaluate` measures on demand.
"""

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.families import RETRIEVAL, measure
from lamp_core.evaluation.results import Origin, metric_key, write_results
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.lexical import MODELS
from tasks.mlflow.model_run import model_run
from tasks.project import find_project
from tasks.stage.process import StageContext, main


def run(stage: StageContext) -> dict[str, float]:
    """Measure by the protocols of retrieval, into the store that one table of all systems is made of."""
    features = FeatureSet.load(stage.input("features"))
    asked = tuple(name for name in stage.config.evaluate.protocols if name in RETRIEVAL)
    evaluate = stage.config.evaluate.model_copy(update={"protocols": asked or RETRIEVAL})
    config = stage.config.model_copy(update={"evaluate": evaluate})
    families = measure(Trained(stage.data, config, features, stage.device, MODELS), stage.on_progress)
    origin = Origin(features.dataset, features.version, model_run(find_project(), measured_by=stage.name))
    results = [result for rows in families.values() for result in rows]
    write_results(stage.output / RESULTS_FILE, results, origin)
    return {
        f"{family}/{metric_key(result)}": result.value
        for family, rows in families.items()
        for result in rows
        if result.measured
    }


if __name__ == "__main__":
    main("evaluate_lexical", run)
