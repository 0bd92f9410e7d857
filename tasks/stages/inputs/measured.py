"""Models of a system, measured into the store that one table of all systems is made of."""

from collections.abc import Sequence

from lamp_core.config import Evaluate
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.families.family import Family, measure
from lamp_core.evaluation.results import Origin, metric_key, write_results
from lamp_core.evaluation.side_by_side import measure_side_by_side
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.model import Model
from tasks.mlflow.model_run import model_run
from tasks.project import find_project
from tasks.stage.process import StageContext
from tasks.system import resources


def models_to_measure(stage: StageContext, models: Sequence[Model], settings: Evaluate) -> Trained:
    """The models with the test split of the data set.

    Args:
        stage: that measures.
        models: of the system.
        settings: protocols and repeats.
    """
    features = FeatureSet.load(stage.input("features"))
    config = stage.config.model_copy(update={"evaluate": settings})
    return Trained(stage.data, config, features, stage.device, models)


def measure_into_store(stage: StageContext, trained: Trained, families: Sequence[Family]) -> dict[str, float]:
    """Measure the families that are asked for, write every number with its protocol, evaluator, repeats,
    interval and origin, and return those that could be measured."""
    has_core_for_two = stage.device.type == "cpu" and resources.cores() > 1
    measuring = measure_side_by_side if has_core_for_two else measure
    found = measuring(trained, families, stage.on_progress)
    features = trained.features
    origin = Origin(features.dataset, features.version, model_run(find_project(), measured_by=stage.name))
    results = [result for rows in found.values() for result in rows]
    write_results(stage.output / RESULTS_FILE, results, origin)
    return {
        f"{family}/{metric_key(result)}": result.value
        for family, rows in found.items()
        for result in rows
        if result.measured
    }
