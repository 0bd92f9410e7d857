"""Every measurement of speed: a table on the screen, JSON in ``benchmarks/results.json``.

``make bench``, or ``python -m benchmarks.run``. Ratios are against a reference timed in the same run. The
data set that is read is a registered one (`lamp import`); without one its rows are left out, and the table
says so.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import (
    captions,
    data,
    evaluation,
    features,
    large_motion,
    lexical,
    lexical_steps,
    metrics,
    models,
    motion_language,
    pipeline,
    shards,
)
from tasks.system.machine import commit_label, machine_label

GROUPS = (
    "features",
    "bvh",
    "metrics",
    "data",
    "models",
    "captions",
    "motion_language",
    "large_motion",
    "shards",
    "lexical",
    "lexical_steps",
    "procedural",
    "memory",
    "evaluation",
    "pipeline",
)
RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default="bandai-namco", help="registered data set of the rows on real clips"
    )
    chosen = parser.parse_args()
    measured = {
        "machine": machine_label(),
        "commit": commit_label(),
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "features": features.measure(),
        "bvh": data.measure_bvh(Path("data"), chosen.data),
        "metrics": metrics.measure(),
        "data": data.measure(Path("data"), chosen.data),
        "models": models.measure(),
        "captions": captions.measure(),
        "motion_language": motion_language.measure(),
        "large_motion": large_motion.measure(),
        "shards": shards.measure_few(Path("data")),
        "lexical": lexical.measure(),
        "lexical_steps": lexical_steps.measure(),
        "procedural": data.measure_procedural(),
        "memory": data.measure_memory(),
        "evaluation": evaluation.measure(Path("data"), chosen.data),
        "pipeline": pipeline.measure(),
    }
    RESULTS.write_text(json.dumps(measured, indent=2) + "\n")
    _show(measured, chosen.data)


def _show(measured: Mapping[str, Any], name: str) -> None:
    table = Table(title=f"{measured['machine']}, commit {measured['commit']}")
    table.add_column("measured")
    table.add_column("value", justify="right")
    for row in _rows(measured):
        table.add_row(*row)
    console = Console()
    console.print(table)
    if measured["data"] is None:
        console.print(f"no rows on real clips: data set '{name}' is not registered (lamp import)")
    if measured["evaluation"] is None:
        console.print(
            f"no rows on evaluation: the models of this project are not those of '{name}' (lamp run)"
        )
    if measured["shards"] is None:
        console.print(
            "no rows on shards: the stages of large motion did not run (lamp run --system large-motion)"
        )
    if "fresh_run_seconds" not in measured["pipeline"]:
        console.print("no row on a run with nothing to do: stages of this project are stale (lamp run)")
    console.print(f"written: {RESULTS}")


def _rows(measured: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for group in GROUPS:
        for key, value in (measured[group] or {}).items():
            yield f"{group.replace('_', ' ')}: {key.replace('_', ' ')}", _figure(value)


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
