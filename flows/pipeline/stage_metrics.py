"""What stages have measured, as the workspace has it: metrics, and the intervals of evaluations."""

import json

from lamp_core.report.run_comparison import INTERVAL_PREFIX
from tasks.project import Project

RESULTS_FILE = "results.parquet"


def read_metrics(project: Project, stage: str) -> dict[str, float]:
    """The finite metrics in ``data/metrics/STAGE.json``; empty before the stage ran."""
    path = project.metrics_file(stage)
    values = json.loads(path.read_text()) if path.exists() else {}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def read_intervals(project: Project, stage: str) -> dict[str, float]:
    """Half of the 95 % interval of every metric of an evaluation that has one, by ``interval/`` its name.

    Args:
        project: the project.
        stage: that measures a system; any other has none.
    """
    path = project.output(stage) / RESULTS_FILE
    if not path.exists():
        return {}
    from lamp_core.evaluation.catalogue import KINDS, kind_of
    from lamp_core.evaluation.results import metric_key, read_results

    measured = [(KINDS.get(kind_of(result)), result) for result in read_results(path) if result.interval > 0]
    return {
        f"{INTERVAL_PREFIX}{stage}/{kind.family}/{metric_key(result)}": result.interval
        for kind, result in measured
        if kind is not None
    }
