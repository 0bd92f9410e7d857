"""Models of a system, measured into the store that one table of all systems is made of."""

from collections.abc import Sequence

from lamp_core.config import Evaluate
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.families import measure
from lamp_core.evaluation.results import Origin, metric_key, write_results
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.model import Model
from tasks.mlflow.model_run import model_run
from tasks.project import find_project
from tasks.stage.process import StageContext


def measure_into_store(stage: StageContext, models: Sequence[Model], settings: Evaluate) -> dict[str, float]:
    """Measure models on the test split, write every number, and return those that could be measured.

    Args:
        stage: that measures.
        models: of the system.
        settings: protocols and repeats.
    """
    features = FeatureSet.load(stage.input("features"))
    config = stage.config.model_copy(update={"evaluate": settings})
    families = measure(Trained(stage.data, config, features, stage.device, models), stage.on_progress)
    origin = Origin(features.dataset, features.version, model_run(find_project(), measured_by=stage.name))
    results = [result for rows in families.values() for result in rows]
    write_results(stage.output / RESULTS_FILE, results, origin)
    return {
        f"{family}/{metric_key(result)}": result.value
        for family, rows in families.items()
        for result in rows
        if result.measured
    }
