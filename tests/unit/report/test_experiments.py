"""The tables of an experiment: what may stand together stands together, and directions are computed."""

import csv
from pathlib import Path

import pytest

from lamp_core.config.experiment import MetricColumn, Published, ResultTable
from lamp_core.errors import LampError
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.significance import Value
from lamp_core.report.experiment_directions import Change, published_value
from lamp_core.report.experiment_results import (
    ExperimentRecord,
    ExperimentResults,
    RowRecord,
    read_experiment,
    read_experiments,
    write_experiment,
)
from lamp_core.report.experiments import experiment_csv, experiment_tables, in_full
from lamp_core.report.report import render_report
from lamp_core.report.report_data import ReportData
from lamp_core.report.second_opinion import judgements_of_rows
from lamp_core.report.tables import tables_page

TOP3 = MetricColumn(
    system="LaMP-T2M",
    metric="R-Precision top 3",
    direction="higher",
    label="R-Prec. 3",
    unit="%",
    decimals=1,
    factor=100,
)
FID = MetricColumn(system="LaMP-T2M", metric="FID", direction="lower")
TABLE = ResultTable(title="Text to motion", protocol="text to motion", columns=(TOP3, FID))


def row(label: str, **values: object) -> RowRecord:
    known = {
        "state": "finished",
        "key": label,
        "data": "real",
        "data_version": "v1",
        "evaluator_version": "e1",
    }
    return RowRecord.model_validate({"label": label, **known, **values})


def number(column: MetricColumn, value: float, interval: float = 0.01, **values: object) -> Result:
    facts = {"protocol": "text to motion, 32 candidates", "evaluator": "guo-own", "repeats": 20, "items": 7}
    known = {"system": column.system, **facts, **values}
    return Result(metric=column.metric, value=value, interval=interval, **known)


def make(rows: list[RowRecord], numbers: dict[str, list[Result]], **values: object) -> ExperimentResults:
    known = {"name": "x", "title": "X", "until": "evaluate", "tables": (TABLE,), "rows": tuple(rows)}
    record = ExperimentRecord.model_validate({**known, **values})
    return ExperimentResults(record, numbers)


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (Value(0.50, 0.01), Value(0.53, 0.01), "up"),
        (Value(0.50, 0.01), Value(0.47, 0.01), "down"),
        (Value(0.50, 0.02), Value(0.53, 0.02), "none"),
        (Value(0.50, None), Value(0.51, None), "up"),
        (Value(0.50, 0.0), Value(0.50, 0.0), "none"),
        (Value(0.50, None), Value(0.5004, None), "none"),
    ],
)
def test_a_change_inside_the_intervals_has_no_direction(before: Value, after: Value, direction: str) -> None:
    assert Change.between(before, after, FID).direction == direction


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.557 ± .003", Value(0.557, 0.003)),
        ("60.81 %", Value(0.6081, None)),
        ("2.9783 +/- .006", Value(2.9783, 0.006)),
        (".084", Value(0.084, None)),
        ("-", None),
        ("", None),
    ],
)
def test_published_values_are_read_from_their_text(text: str, value: Value | None) -> None:
    found = published_value(text)
    assert (found is None) == (value is None)
    if found and value:
        assert found.value == pytest.approx(value.value)
        assert found.interval == pytest.approx(value.interval)


def test_directions_say_whether_they_agree_with_the_paper() -> None:
    paper = ["0.811 ± .002", "0.824 ± .002", "0.828 ± .002", "0.828 ± .002"]
    ours = [0.40, 0.45, 0.43, 0.50]
    rows = [row(str(place), published={TOP3.metric: text}) for place, text in enumerate(paper)]
    numbers = {str(place): [number(TOP3, value)] for place, value in enumerate(ours)}
    source = Published(source="a paper", data="HumanML3D", evaluator="guo")
    _, published, directions, _ = experiment_tables(make(rows, numbers, published=source))
    assert [line[2:] for line in directions.rows] == [
        ["+5.0 % (better)", "+1.3 % (better)", "same direction"],
        ["-2.0 % (no difference)", "+0.4 % (no difference)", "no difference in both"],
        ["+7.0 % (better)", "+0.0 % (no difference)", "no difference in the paper"],
    ]
    assert directions.notes[-1] == (
        "Of 3 with a published one: 1 same direction, 1 no difference in both, 1 no difference in the paper."
    )
    assert published.title == "Published, another evaluator and data set"
    assert [line[1] for line in published.rows] == paper


def test_a_row_shows_another_system_in_place_of_a_columns() -> None:
    both = [number(TOP3, 0.5), number(FID, 1.0), number(FID, 7.0, system="Other")]
    rows = [row("own"), row("other", shows={FID.system: "Other"})]
    experiment = make(rows, {"own": both, "other": both})
    measured, *_, origins = experiment_tables(experiment)
    assert measured.rows == [["own", "50.0 ± 1.0", "1.000 ± 0.010"], ["other", "–", "7.000 ± 0.010"]]
    assert [line[5] for line in origins.rows] == ["", "Other in place of LaMP-T2M"]
    judged = {
        (each.system, each.protocol.split("; ")[1]): each.value.value
        for each in judgements_of_rows(experiment)
        if each.metric == "FID"
    }
    assert judged == {("own", "LaMP-T2M"): 1.0, ("own", "Other"): 7.0, ("other", "LaMP-T2M"): 7.0}


def test_numbers_of_other_data_or_evaluators_share_no_table() -> None:
    rows = [row("a"), row("b", data="other", data_version="v2"), row("c", evaluator_version="e2"), row("d")]
    numbers = {label: [number(FID, 1.0 + place)] for place, label in enumerate("abcd")}
    numbers["d"].append(number(FID, 9.0, evaluator="guo"))
    tables = experiment_tables(make(rows, numbers))
    measured = [table for table in tables if table.title.startswith("Text to motion")]
    assert [[line[0] for line in table.rows] for table in measured] == [["a", "d"], ["b"], ["c"], ["a", "d"]]
    assert [line[1] for line in measured[-1].rows] == ["–", "9.000 ± 0.010"]
    directions = next(table for table in tables if table.title == "Directions")
    assert [line[0] for line in directions.rows] == ["d"]


def test_baselines_stand_first_and_unfinished_rows_say_why() -> None:
    truth = number(FID.model_copy(update={"system": "ground truth"}), 0.0, 0.0)
    rows = [row("a"), row("b", state="failed", error="t2m: broken"), row("c", state="waiting")]
    table = experiment_tables(make(rows, {"a": [number(FID, 1.0), truth, number(TOP3, float("nan"))]}))[0]
    assert table.rows == [
        ["ground truth", "–", "0.000", ""],
        ["a", "not measured", "1.000 ± 0.010", ""],
        ["b", "–", "–", "failed: t2m: broken"],
        ["c", "–", "–", "not run yet"],
    ]


def test_before_the_first_number_the_states_are_shown() -> None:
    tables = experiment_tables(make([row("a", state="waiting")], {}))
    assert tables[0].rows == [["a", "not run yet"]]


def test_one_measurement_has_no_interval() -> None:
    numbers = {"a": [number(FID, 2.0, 0.0, repeats=1)], "b": [number(FID, 1.0, 0.0, repeats=1)]}
    directions = experiment_tables(make([row("a"), row("b")], numbers))[1]
    assert directions.rows == [["b", "FID", "-1.000 (better, no interval)"]]


def test_what_is_written_is_read_again_and_older_numbers_are_not(tmp_path: Path) -> None:
    experiment = make([row("a"), row("b", state="failed")], {"a": [number(FID, 1.0)]})
    write_experiment(tmp_path / "x", experiment)
    (read,) = read_experiments(tmp_path)
    assert read == experiment
    newer = make([row("a", key="of a newer run")], {})
    write_experiment(tmp_path / "y", newer)
    (tmp_path / "y" / "results.parquet").write_bytes((tmp_path / "x" / "results.parquet").read_bytes())
    assert read_experiment(tmp_path / "y").of(newer.record.rows[0]) == []
    (tmp_path / "x" / "experiment.json").write_text("{}")
    with pytest.raises(LampError, match="remove it and run `lamp experiment` again"):
        read_experiments(tmp_path)


def test_csv_has_a_line_a_number_and_marks_published_ones() -> None:
    rows = [row("a", published={FID.metric: "0.084"}), row("b", state="failed", error="broken")]
    numbers = {"a": [number(FID, 1.0), number(FID, 5.0, protocol="reconstruction")]}
    source = Published(source="a paper", data="HumanML3D", evaluator="guo")
    lines = list(csv.DictReader(experiment_csv(make(rows, numbers, published=source)).splitlines()))
    assert [(line["row"], line["source"], line["value"], line["error"]) for line in lines] == [
        ("a", "measured", "1.0", ""),
        ("a", "published", "0.084", ""),
        ("b", "measured", "", "broken"),
    ]


def test_a_page_of_tables_escapes_what_others_wrote(hostile: str) -> None:
    page = tables_page(
        hostile, experiment_tables(make([row(hostile)], {hostile: [number(FID, 1.0)]})), hostile
    )
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_the_report_shows_experiments(hostile: str) -> None:
    experiment = make([row("a")], {"a": [number(FID, 1.0)]}, title=hostile)
    facts = dict.fromkeys(
        ("title", "data_set", "data_version", "profile", "commit", "machine", "created"), "x"
    )
    page = render_report(ReportData(**facts, experiments=[experiment]))
    section = page[page.index('<section id="experiments">') :]
    assert "&lt;script&gt;alert" in section and "1.000 ± 0.010" in section
    assert '<a href="#experiments">' in page
    assert 'id="experiments"' not in render_report(ReportData(**facts))


def test_what_a_column_leaves_out_is_as_the_catalogue_has_it() -> None:
    named = MetricColumn(metric="R-Precision top 1", decimals=3)
    table = ResultTable(
        title="t", protocol="text to motion", columns=(named, MetricColumn(metric="unheard of"))
    )
    known, unknown = in_full(table).columns
    assert (known.direction, known.unit, known.factor, known.label) == ("higher", "%", 100.0, "R-Prec. 1")
    assert known.decimals == 3
    assert (unknown.direction, unknown.factor) == ("neither", 1.0)


def test_a_column_without_a_system_is_of_the_first_that_is_no_baseline() -> None:
    fid = MetricColumn(metric="FID", direction="lower")
    numbers = [
        number(MetricColumn(system=system, metric="FID"), value)
        for system, value in (("ground truth", 0.1), ("untrained", 9.0), ("one", 1.0), ("two", 2.0))
    ]
    tables = (ResultTable(title="t", protocol="text to motion", columns=(fid,)),)
    (table, *_) = experiment_tables(make([row("a")], {"a": numbers}, tables=tables))
    assert [line[:2] for line in table.rows] == [["ground truth", "0.100 ± 0.010"], ["a", "1.000 ± 0.010"]]
