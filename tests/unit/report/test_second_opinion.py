"""Ranks by two evaluators: rank correlation against counting, and who is marked."""

from itertools import combinations

import numpy as np

from lamp_core.evaluation.catalogue import KINDS, MINILM_KIND
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.significance import Value
from lamp_core.report.experiments import experiment_tables
from lamp_core.report.metric_tables import metric_table
from lamp_core.report.second_opinion import (
    ALIKE,
    BY_CHANCE,
    DEPENDS,
    Judgement,
    judgements_of,
    judgements_of_rows,
    second_opinions,
)
from tests.unit.report.test_experiments import TOP3, make, number, row

TOP = "R-Precision top 3"


def judged(
    evaluator: str, values: dict[str, float], half: float = 0.01, metric: str = TOP
) -> list[Judgement]:
    return [Judgement("p", metric, evaluator, name, Value(value, half)) for name, value in values.items()]


def test_correlations_are_those_of_counted_pairs() -> None:
    draws = np.random.default_rng(5)
    one, other = draws.permutation(6) / 10.0, draws.permutation(6) / 10.0
    names = [f"s{place}" for place in range(6)]
    (table,) = second_opinions(
        [
            *judged("guo-own", dict(zip(names, one, strict=True))),
            *judged("minilm-own", dict(zip(names, other, strict=True)), metric=f"MiniLM-{TOP}"),
        ]
    )
    signs = [np.sign((one[i] - one[j]) * (other[i] - other[j])) for i, j in combinations(range(6), 2)]
    ranks = [np.argsort(np.argsort(-each)) for each in (one, other)]
    rho = 1 - 6 * ((ranks[0] - ranks[1]) ** 2).sum() / (6 * 35)
    assert f"tau {np.mean(signs):.2f}, Spearman's rho {rho:.2f}, of 6 systems" in table.notes[1]
    assert [int(line[1].split()[0]) - 1 for line in table.rows] == ranks[0].tolist()
    assert [int(line[2].split()[0]) - 1 for line in table.rows] == ranks[1].tolist()


def test_a_system_is_marked_where_evaluators_disagree_beyond_chance() -> None:
    first = {"a": 0.50, "b": 0.45, "c": 0.305, "d": 0.30}
    second = {"a": 0.40, "b": 0.48, "c": 0.200, "d": 0.21}
    (table,) = second_opinions([*judged("guo-own", first), *judged("minilm-own", second)])
    assert {line[0]: line[-1] for line in table.rows} == {
        "a": DEPENDS,
        "b": DEPENDS,
        "c": BY_CHANCE,
        "d": BY_CHANCE,
    }
    (table,) = second_opinions([*judged("guo-own", first), *judged("lamp", first)])
    assert {line[-1] for line in table.rows} == {ALIKE} and "tau 1.00" in table.notes[1]


def test_lower_is_first_for_fid_and_one_evaluator_is_no_second_opinion() -> None:
    values = {"a": 2.0, "b": 1.0}
    (table,) = second_opinions(
        [*judged("guo-own", values, metric="FID"), *judged("m", values, metric="MiniLM-FID")]
    )
    assert [line[1] for line in table.rows] == ["2 (2.000)", "1 (1.000)"]
    assert second_opinions(judged("guo-own", values)) == []
    assert second_opinions([*judged("guo-own", {"a": 1.0}), *judged("minilm-own", {"a": 1.0})]) == []


def test_an_evaluator_of_one_system_takes_the_others_from_nobody() -> None:
    values = {"a": 0.5, "b": 0.4, "c": 0.3}
    three = [
        *judged("guo-own", values),
        *judged("minilm-own", values, metric=f"MiniLM-{TOP}"),
        *judged("lamp", {"a": 0.7}, metric=f"LaMP-{TOP}"),
    ]
    (table,) = second_opinions(three)
    assert table.header == ["", "guo-own", "minilm-own", "order"]
    assert [line[0] for line in table.rows] == ["a", "b", "c"] and len(table.notes) == 2
    (table,) = second_opinions([*three, *judged("lamp", {"b": 0.8}, metric=f"LaMP-{TOP}")])
    assert [line[3] for line in table.rows] == ["2 (70.0)", "1 (80.0)", "–"]
    assert "guo-own and lamp: Kendall's tau -1.00" in table.notes[2] and "of 2 systems" in table.notes[2]
    assert "of 3 systems" in table.notes[1] and table.rows[2][-1] == ALIKE


def test_tables_and_rows_of_experiments_are_judged_alike() -> None:
    def of(evaluator: str, prefix: str, values: dict[str, float]) -> list[Result]:
        return [
            Result(name, f"{prefix}{TOP}", value, 0.01, "text to motion, x", evaluator, 20, 7)
            for name, value in {"ground truth": 0.9, **values}.items()
        ]

    guo, second = of("guo-own", "", {"a": 0.5, "b": 0.4}), of("minilm-own", "MiniLM-", {"a": 0.3, "b": 0.4})
    tables = [
        metric_table("t", guo, KINDS["text to motion"].metrics),
        metric_table("m", second, KINDS[MINILM_KIND].metrics),
    ]
    (table,) = second_opinions(judgements_of(tables))
    assert [line[0] for line in table.rows] == ["a", "b"] and table.rows[0][1] == "1 (50.0)"
    assert {line[-1] for line in table.rows} == {DEPENDS}

    numbers = {
        label: [
            number(TOP3, value),
            number(TOP3.model_copy(update={"metric": f"MiniLM-{TOP}"}), 1 - value, evaluator="minilm-own"),
            number(TOP3.model_copy(update={"metric": f"LaMP-{TOP}"}), value, evaluator="lamp"),
        ]
        for label, value in (("a", 0.6), ("b", 0.7))
    }
    experiment = make([row("a"), row("b")], numbers)
    assert {each.evaluator for each in judgements_of_rows(experiment)} == {"guo-own", "minilm-own"}, (
        "own models"
    )
    shown = next(table for table in experiment_tables(experiment) if table.title.startswith("Second opinion"))
    assert shown.rows == [["a", "2 (60.0)", "1 (40.0)", DEPENDS], ["b", "1 (70.0)", "2 (30.0)", DEPENDS]]
