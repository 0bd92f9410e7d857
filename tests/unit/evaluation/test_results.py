import dataclasses
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.errors import LampError
from lamp_core.evaluation.results import (
    Measurements,
    Origin,
    Result,
    read_origins,
    read_results,
    summarise,
    write_results,
)

ORIGIN = Origin("bandai-namco", "27f38d02bfef", "8c1f")


def test_summary_by_hand():
    mean, interval = summarise([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5
    assert interval == pytest.approx(1.96 * math.sqrt(1.25) / 2)
    assert summarise([7.0]) == (7.0, 0.0)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_no_mean_of_nothing_or_of_nan(values):
    with pytest.raises(LampError, match="not finite"):
        summarise(values)


def rows():
    first = Result("ground truth", "FID", 0.5, 0.01, "text to motion", "guo-own", 20, 460)
    second = dataclasses.replace(first, metric="Diversity", value=math.nan, interval=math.nan, note="too few")
    return [first, second]


def test_results_come_back_from_parquet(tmp_path):
    path = tmp_path / "deeper" / "results.parquet"
    write_results(path, rows(), ORIGIN)
    found = read_results(path)
    assert found[0] == rows()[0]
    assert found[0].measured
    assert not found[1].measured
    assert found[1].note == "too few"
    assert read_origins(path) == [ORIGIN, ORIGIN]
    assert pq.read_table(path, columns=["metric", "model_run"]).to_pylist()[0] == {
        "metric": "FID",
        "model_run": "8c1f",
    }


def test_a_wrong_or_missing_file_is_named(tmp_path):
    with pytest.raises(LampError, match="no results in"):
        read_results(tmp_path / "results.parquet")
    pq.write_table(pa.table({"metric": ["FID"]}), tmp_path / "other.parquet")
    with pytest.raises(LampError, match="has no field 'system'; `lamp run --until evaluate` measures them"):
        read_results(tmp_path / "other.parquet")


def test_measurements_summarise_and_say_why_there_is_none():
    def broken():
        raise LampError("12 items are fewer than a batch of 32")

    measured = Measurements("LaMP-T2M", "text to motion", "guo-own", 12, "a note")
    for value in (1.0, 3.0):
        measured.record(["FID"], lambda value=value: [value])
    measured.record(["top 1", "top 2"], broken)
    fid, first, second = measured.results()
    assert (fid.value, fid.repeats, fid.note) == (2.0, 2, "a note")
    assert fid.interval == pytest.approx(1.96 * np.std([1.0, 3.0]) / math.sqrt(2))
    assert math.isnan(first.value)
    assert first.repeats == 0
    assert first.note == second.note == "not measured: 12 items are fewer than a batch of 32; a note"


def test_a_note_may_belong_to_one_metric():
    measured = Measurements("LaMP-T2M", "text to motion", "guo-own", 12)
    measured.record(["FID", "Diversity"], lambda: [1.0, 2.0])
    measured.add_note("10 of 12 texts", "Diversity")
    measured.add_note("")
    assert [row.note for row in measured.results()] == ["", "10 of 12 texts"]


def test_a_number_that_is_not_finite_is_none():
    measured = Measurements("LaMP-T2M", "plausibility", "none", 12)
    measured.record(["jerk", "sliding speed"], lambda: [1.0, math.nan])
    jerk, sliding = measured.results()
    assert jerk.measured
    assert not sliding.measured
    assert sliding.note.startswith("not measured: ")
    assert sliding.repeats == 0
