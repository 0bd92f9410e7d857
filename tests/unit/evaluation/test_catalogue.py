"""Every metric that is measured is in the catalogue, and every place that shows one shows the same."""

import re
from pathlib import Path

import pytest
import torch

from lamp_core.config import Config
from lamp_core.config.files import override
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.catalogue import KINDS, direction_at, kind_of, metric_at, metric_of
from lamp_core.evaluation.families.catalogue import FAMILIES, PROTOCOLS
from lamp_core.evaluation.families.family import measure
from lamp_core.evaluation.results import Result, metric_key
from lamp_core.evaluation.trained import Trained
from lamp_core.report.highlights import highlights
from lamp_core.report.main_metrics import main_metrics
from lamp_core.report.result_tables import result_tables
from lamp_core.report.run_comparison import TrackedRun, verdict
from lamp_core.systems.lamp import MODELS


@pytest.fixture(scope="module")
def families(small_data: Path, config: Config) -> dict[str, list[Result]]:
    every = ", ".join(name for names in PROTOCOLS.values() for name in names)
    config = override(config, [f"evaluate.protocols=[{every}]"])
    features = FeatureSet.load(small_data / "features")
    return measure(Trained(small_data, config, features, torch.device("cpu"), MODELS), FAMILIES)


@pytest.mark.slow
def test_every_metric_of_an_evaluation_of_everything_is_known(families: dict[str, list[Result]]) -> None:
    assert set(families) == {family.name for family in FAMILIES}
    unknown = {
        (family, row.protocol, row.metric)
        for family, rows in families.items()
        for row in rows
        if metric_of(row) is None or KINDS[kind_of(row)].family != family
    }
    assert unknown == set()


def test_every_metric_is_found_again_by_its_key(families: dict[str, list[Result]]) -> None:
    for family, rows in families.items():
        for row in rows:
            metric = metric_of(row)
            path = f"evaluate/{family}/{metric_key(row)}"
            found = metric_at(path)
            assert metric is not None
            assert found is not None
            assert (found.direction, found.unit, found.factor, found.decimals) == (
                metric.direction,
                metric.unit,
                metric.factor,
                metric.decimals,
            ), path
            is_ranked = metric.direction != "neither" and not is_baseline(row.system)
            assert direction_at(path) == (metric.direction if is_ranked else "")


def test_terminal_report_and_tables_print_the_same(families: dict[str, list[Result]]) -> None:
    """CIDEr was 1.5 in the terminal and 145.7 in the report of the same run."""
    metrics = {f"{name}/{metric_key(row)}": row.value for name, rows in families.items() for row in rows}
    terminal = {row[0]: row[1] for row in main_metrics(metrics)}
    results = [row for rows in families.values() for row in rows]
    found = highlights(results)
    assert len(found) == sum(1 for kind in KINDS.values() if kind.highlight)
    for highlight in found:
        label = ", ".join(filter(None, (highlight.label, highlight.unit)))
        assert terminal[label] == highlight.value
    cells = {
        (kind_of(row), row.system, row.metric): metric_of(row).shown(row.value)  # type: ignore[union-attr]
        for row in results
        if row.measured
    }
    for table in result_tables(results):
        for group in table.groups:
            for row in group.rows:
                for cell, column in zip(row.cells, table.columns, strict=True):
                    if cell is not None and cell.measured:
                        assert f"{cell.value:,.{column.decimals}f}" in set(cells.values())


def test_cider_is_printed_times_a_hundred_everywhere() -> None:
    row = Result("a system", "CIDEr", 1.457, 0.0, "captioning, 32 candidates", "guo-own", 1, 100)
    (table,) = result_tables([row])
    (highlight,) = highlights([row])
    cell = table.rows[0].cells[0]
    assert cell is not None
    assert round(cell.value, 6) == 145.7
    assert highlight.value == "145.7"
    assert main_metrics({"captioning/a_system/CIDEr": 1.457})[0][1] == "145.7"


def test_headlines_and_charts_name_metrics_of_their_kind() -> None:
    for kind in KINDS.values():
        for name in (*kind.headlines, *filter(None, (kind.highlight, kind.chart))):
            assert kind.metric(name) is not None, name
        assert kind.highlight in {"", *kind.headlines}


def test_what_a_runs_own_model_measures_is_not_compared_with_another_runs() -> None:
    name = "evaluate/lamp_bert_score/a/LaMP-BertScore_(true_motion)"
    name = re.sub(r"[()]", "", name)
    runs = [TrackedRun(label, {"data": "d"}, {}, {name: value}) for label, value in (("a", 1.0), ("b", 2.0))]
    assert metric_at(name) is not None
    assert verdict(name, *runs) == ""


@pytest.mark.parametrize(
    "path", ["evaluate/text_to_motion/a/charm", "evaluate/nothing", "evaluate", "", "a/b"]
)
def test_what_is_unknown_has_no_direction(path: str) -> None:
    assert metric_at(path) is None
    assert direction_at(path) == ""
