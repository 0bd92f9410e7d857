"""Fits of an experiment: made of its rows, checked by those that are marked; what cannot be made is told."""

import pytest

from lamp_core.config.experiment import ScalingFit
from lamp_core.evaluation.results import Result, stage_result
from lamp_core.report.experiment_fits import fit_charts, fit_tables
from lamp_core.report.experiment_results import ExperimentRecord, ExperimentResults, RowRecord
from lamp_core.report.experiments import experiment_tables, fit_in_full
from lamp_core.report.report import render_report
from lamp_core.report.report_data import ReportData

SIZES = {
    "model_size": {"system": "stage", "metric": "parameters"},
    "data_size": {"system": "stage", "metric": "clips"},
}
LOSS = ScalingFit.model_validate(
    {"title": "Loss", "value": {"system": "stage", "metric": "loss", "label": "validation loss"}, **SIZES}
)
MODELS, DATA = (1e5, 3e5, 1e6), (1e3, 4e3, 2e4)


def loss_at(model: float, data: float) -> float:
    return 0.5 + 20 * model**-0.3 + 9 * data**-0.4


def row(label: str, **values: object) -> RowRecord:
    known = {"state": "finished", "key": label, "data": "real", "data_version": "v1"}
    return RowRecord.model_validate({"label": label, **known, **values})


def numbers(model: float, data: float, loss: float) -> list[Result]:
    values = {"loss": loss, "parameters": model, "clips": data}
    return [stage_result("stage", name, value) for name, value in values.items()]


def study(
    *checks: tuple[str, float, float, float], fit: ScalingFit = LOSS, **rows: RowRecord
) -> ExperimentResults:
    """Nine rows by the law, and these checks of a label, both sizes and a loss."""
    found = {
        f"{model:g} {data:g}": numbers(model, data, loss_at(model, data)) for model in MODELS for data in DATA
    }
    records = [row(label) for label in found] + [row(check[0], check=True) for check in checks]
    found |= {label: numbers(*values) for label, *values in checks}
    record = ExperimentRecord.model_validate(
        {
            "name": "x",
            "title": "X",
            "until": "stage",
            "tables": (),
            "fits": (fit,),
            "rows": (*records, *rows.values()),
        }
    )
    return ExperimentResults(record, found)


def test_a_check_is_predicted_and_not_fitted() -> None:
    truth = loss_at(4e6, 1e5)
    right, wrong = ("right", 4e6, 1e5, truth), ("wrong", 4e6, 1e5, 1.5 * truth)
    waiting = row("later", check=True, state="waiting")
    constants, predicted = fit_tables(study(right, wrong, later=waiting))
    assert constants.title == "Fit: Loss" and predicted.title == "Predicted: Loss"
    assert [line[0] for line in constants.rows] == ["E", "A", "alpha", "B", "beta"]
    assert float(constants.rows[2][1]) == pytest.approx(0.3, rel=0.01), "the wrong check moves nothing"
    assert "9 rows, 3 sizes of the model and 3 of the data" in constants.notes[0]
    shown = f"{truth:.3f}"
    assert predicted.header == ["", "parameters", "clips", "predicted", "95 % interval", "measured", ""]
    assert predicted.rows[0] == [
        "right",
        "4,000,000",
        "100,000",
        shown,
        f"{shown} to {shown}",
        shown,
        "within",
    ]
    assert predicted.rows[1][5:] == [f"{1.5 * truth:.3f}", "outside"]
    assert predicted.rows[2] == ["later", "", "", "", "", "", "not measured: not run yet"]
    assert predicted.notes[-1] == "1 of 2 within."


def test_a_share_that_rises_is_fitted_by_what_is_missing_to_one() -> None:
    protocol = {"protocol": "text to motion, 32 candidates", "evaluator": "guo-own", "repeats": 1, "items": 7}
    fit = fit_in_full(
        ScalingFit.model_validate(
            {
                "title": "R-Precision",
                "protocol": "text to motion",
                "value": {"metric": "R-Precision top 3"},
                "ceiling": 1.0,
                **SIZES,
            }
        )
    )
    found = study(("check", 4e6, 1e5, loss_at(4e6, 1e5)), fit=fit)
    shares = {
        label: [
            Result("LaMP-T2M", "R-Precision top 3", 1 - values[0].value / 3, 0.0, **protocol),  # type: ignore[arg-type]
            Result("untrained", "R-Precision top 3", 0.1, 0.0, **protocol),  # type: ignore[arg-type]
            *values[1:],
        ]
        for label, values in found.numbers.items()
    }
    constants, predicted = fit_tables(ExperimentResults(found.record, shares))
    assert constants.notes[0].startswith("1 - R-Prec. 3 = E + A N^-alpha")
    share = f"{100 * (1 - loss_at(4e6, 1e5) / 3):.1f}"
    assert predicted.rows[0][3:] == [share, f"{share} to {share}", share, "within"], "in per cent"


def test_what_cannot_be_fitted_is_told_and_draws_no_curve() -> None:
    early = study()
    record = early.record.model_copy(update={"rows": early.record.rows[:4]})
    few = ExperimentResults(record, early.numbers)
    (table,) = fit_tables(few)
    assert table.rows[0][0] == "not fitted" and "4 rows of 2 sizes of the model and 3" in table.rows[0][1]
    assert fit_charts(few) == []
    (table,) = fit_tables(ExperimentResults(record, {}))
    assert table.rows == [["not fitted", "no row has validation loss yet"]]


def test_numbers_of_other_data_are_fitted_apart() -> None:
    found = study()
    rows = [one.model_copy(update={"label": f"b {one.label}", "data": "other"}) for one in found.record.rows]
    both = ExperimentResults(
        found.record.model_copy(update={"rows": (*found.record.rows, *rows)}),
        {**found.numbers, **{f"b {label}": values for label, values in found.numbers.items()}},
    )
    assert [table.title for table in fit_tables(both)] == ["Fit: Loss, real", "Fit: Loss, other"]


def test_the_report_draws_the_fit_beside_the_tables() -> None:
    experiment = study(("check", 4e6, 1e5, loss_at(4e6, 1e5)))
    assert "Predicted: Loss" in [table.title for table in experiment_tables(experiment)]
    facts = dict.fromkeys(
        ("title", "data_set", "data_version", "profile", "commit", "machine", "created"), "x"
    )
    page = render_report(ReportData(**facts, experiments=[experiment]))
    assert 'aria-label="Loss"' in page and "validation loss, a curve a size of the model" in page
