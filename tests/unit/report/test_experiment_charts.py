"""Charts of an experiment: a line a row over a parameter of the grid, of what was measured."""

from typing import Any

import pytest

from lamp_core.config.experiment import Chart, Experiment
from lamp_core.evaluation.results import Result, stage_result
from lamp_core.report import experiment_charts as charts
from lamp_core.report.experiment_results import ExperimentRecord, ExperimentResults, RowRecord
from lamp_core.report.experiments import chart_in_full
from lamp_core.viz.charts import Curve

SIZE = "tokenizer.codebook_size"
CHART = Chart.model_validate(
    {"title": "FID by size", "protocol": "reconstruction", "x": SIZE, "x_log": True, "y": {"metric": "FID"}}
)
LOSS = Chart.model_validate(
    {
        "title": "Loss by size",
        "x": SIZE,
        "y": {"system": "stage", "metric": "loss", "unit": "%", "factor": 100},
    }
)


def fid(value: float, system: str = "Tokenizer") -> Result:
    return Result(system, "FID", value, 0.0, "reconstruction, 32", "guo-own", 1, 7)


def study(*described: Chart, **changes: Any) -> ExperimentResults:
    """Two kinds by three sizes in no order, labelled as the grid does; one row waits."""
    rows, numbers = [], {}
    for kind, first in (("VQ", 4.0), ("LFQ", 2.0)):
        for place, size in enumerate((1024, 256, 4096)):
            label = f"{kind}, {SIZE}={size}"
            state = "waiting" if (kind, size) == ("LFQ", 4096) else "finished"
            rows.append(
                RowRecord.model_validate(
                    {"label": label, "state": state, "key": label, "data": "a", "data_version": "v1"}
                    | {"changed": (f"tokenizer.kind={kind}", f"{SIZE}={size}"), **changes}
                )
            )
            if state == "finished":
                loss = stage_result("stage", "loss", first / 100)
                numbers[label] = [fid(9.0, "ground truth"), fid(first + place), loss]
    record = ExperimentRecord(
        name="x", title="X", until="stage", tables=(), charts=described, rows=tuple(rows)
    )
    return ExperimentResults(record, numbers)


def drawn(monkeypatch: pytest.MonkeyPatch, experiment: ExperimentResults) -> list[dict[str, Curve]]:
    """The lines that are drawn, in place of the drawing."""
    found: list[dict[str, Curve]] = []

    def note(lines: dict[str, Curve], *_: object, **__: object) -> str:
        found.append(lines)
        return ""

    monkeypatch.setattr(charts, "line_chart", note)
    charts.experiment_charts(experiment)
    return found


def test_a_line_is_a_row_over_the_sizes_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    fids, losses = drawn(monkeypatch, study(CHART, LOSS))
    points = {name: (list(curve.steps), list(curve.values)) for name, curve in fids.items()}
    assert points == {"VQ": ([256, 1024, 4096], [5, 4, 6]), "LFQ": ([256, 1024], [3, 2])}
    assert list(losses["VQ"].values) == pytest.approx([4, 4, 4]), "times the factor"


def test_it_is_drawn_with_its_names_and_axis() -> None:
    ((title, svg),) = charts.experiment_charts(study(chart_in_full(CHART)))
    assert title == "FID by size" and 'aria-label="FID by size"' in svg
    assert all(f">{word}<" in svg for word in ("VQ", "LFQ", SIZE, "256", "4096"))
    assert svg == charts.experiment_charts(study(chart_in_full(CHART)))[0][1]


def test_a_grid_without_rows_is_one_line_and_nothing_measured_is_no_chart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = study(CHART)
    rows = [
        row.model_copy(update={"row": row.label.partition(", ")[2]}) for row in experiment.record.rows[:1]
    ]
    alone = ExperimentResults(experiment.record.model_copy(update={"rows": tuple(rows)}), experiment.numbers)
    (lines,) = drawn(monkeypatch, alone)
    assert list(lines) == [""]
    assert drawn(monkeypatch, ExperimentResults(experiment.record, {})) == []
    assert drawn(monkeypatch, study()) == []


def test_a_chart_over_what_the_grid_does_not_have_is_refused() -> None:
    values = {"name": "x", "title": "x", "grid": {"t2m.guidance": [1, 2]}, "charts": [CHART.model_dump()]}
    with pytest.raises(
        ValueError, match=r"codebook_size is no parameter of the grid, which has t2m\.guidance"
    ):
        Experiment.model_validate(values)
