"""The few numbers that say how good a run is: each trained system beside what it has to beat."""

from collections.abc import Iterator, Mapping

from lamp_core.evaluation.baselines import CHANCE, GROUND_TRUTH, ORACLE, UNTRAINED, is_baseline
from lamp_core.evaluation.catalogue import KINDS, Kind, Metric
from lamp_core.evaluation.results import key_in_family, key_of

BESIDE = (UNTRAINED, CHANCE, GROUND_TRUTH)
COLUMNS = ("trained", *BESIDE, "oracle")


def main_metrics(metrics: Mapping[str, float]) -> list[list[str]]:
    """A row for each headline of the catalogue and each trained system that has it.

    Its name, with the system's where several have it, and a cell for each of `COLUMNS`, empty where there is
    no number.

    Args:
        metrics: those of one evaluation, ``FAMILY/SYSTEM/METRIC``.
    """
    rows = []
    for kind, metric, key in headlines():
        values = _values(metrics, kind.family, key)
        trained = _whole([system for system in values if not is_baseline(system)])
        beside = [metric.shown(values[key_of(row)]) if key_of(row) in values else "" for row in BESIDE]
        oracle = max((system for system in values if system.startswith(key_of(ORACLE))), key=len, default="")
        beside += [metric.shown(values[oracle]) if oracle else ""]  # the one that knows most labels
        for system in trained or [""]:
            label = kind.headline(metric) + (f", {system}" if len(trained) > 1 else "")
            cell = metric.shown(values[system]) if system else ""
            rows.append([label, cell, *beside])
    return [row for row in rows if any(row[1:])]


def _whole(systems: list[str]) -> list[str]:
    """The systems without parts of them, such as the first layer of a tokenizer, which bear their names."""
    return [name for name in systems if not any(name.startswith(f"{other}_") for other in systems)]


def headlines() -> Iterator[tuple[Kind, Metric, str]]:
    """Every headline of the catalogue: kind, metric, and its key behind that of the system."""
    for head, kind in KINDS.items():
        for name in kind.headlines:
            metric = kind.metric(name)
            if metric is not None:
                yield kind, metric, key_in_family(head, name)


def _values(metrics: Mapping[str, float], family: str, key: str) -> dict[str, float]:
    """Values by the key of their system."""
    found = {}
    for path, value in metrics.items():
        of_family, _, rest = path.partition("/")
        system, _, metric = rest.partition("/")
        if (of_family, metric) == (family, key):
            found[system] = value
    return found
