"""How long `lamp run` takes when nothing is stale.

python -m benchmarks.pipeline
"""

import json
import statistics
import subprocess
import sys
import time

from tasks.graph import read_graph
from tasks.project import find_project
from tasks.versioning import Versions

ROUNDS = 3


def measure() -> dict[str, float] | None:
    """Time whole processes, the MLflow run included; None when a stage of this project is not fresh."""
    project = find_project()
    status = Versions(project, read_graph(project)).status()
    if any(freshness.state != "fresh" for freshness in status.values()):
        return None
    seconds = [_seconds() for _ in range(ROUNDS)]
    return {
        "stages": len(status),
        "fresh_run_seconds": statistics.median(seconds),
        "fresh_run_seconds_longest": max(seconds),
    }


def _seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "flows.cli", "run"], check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
