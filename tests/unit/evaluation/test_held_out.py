"""Text to motion of held-out actions and of the others, each as if these clips were all that there are."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.evaluation.catalogue import HELD_OUT_ACTIONS, KINDS, OTHER_ACTIONS, kind_of, metric_of
from lamp_core.evaluation.held_out import measure_by_action
from lamp_core.evaluation.protocols.text_to_motion import TASK, evaluate_text_to_motion
from lamp_core.evaluation.results import Result, metric_key
from lamp_core.report.result_tables import result_tables
from tests.unit.evaluation.perfect import ITEMS, SETTINGS, STATISTICS, TRUE, WIDTH, CodeEvaluator

FEW = SETTINGS.model_copy(update={"repeats": 2, "generations": 2, "held_out": ("jump", "sit")})
GUO, MINILM = CodeEvaluator(ITEMS), CodeEvaluator(ITEMS, "second", "MiniLM-")


def noisy(captions: Sequence[Caption], frames: Sequence[int], seed: int) -> list[np.ndarray]:
    draws = np.random.default_rng(seed)
    return [TRUE[int(caption.words[-1])] + draws.normal(0, 3.0, size=WIDTH) for caption in captions]


def measure(items: Sequence[Item], task: str) -> list[Result]:
    return evaluate_text_to_motion(
        items, {"noisy": noisy}, GUO, STATISTICS, FEW, matching=[MINILM], task=task
    )


def labelled(held_out: int) -> list[Item]:
    """The first items jump or sit, the others walk."""
    actions = ["jump then walk" if place % 2 else "sit" for place in range(held_out)]
    actions += ["walk"] * (len(ITEMS) - held_out)
    return [replace(item, labels={"actions": name}) for item, name in zip(ITEMS, actions, strict=True)]


def by_action(held_out: int) -> list[Result]:
    return measure_by_action(labelled(held_out), measure, FEW, ["noisy"], "perfect")


def test_without_held_out_actions_there_is_nothing_more() -> None:
    settings = FEW.model_copy(update={"held_out": ()})
    assert measure_by_action(labelled(40), measure, settings, ["noisy"], "perfect") == []


def test_each_part_is_measured_as_if_it_were_all_there_is() -> None:
    items, rows = labelled(40), by_action(40)
    for task, part in ((HELD_OUT_ACTIONS, items[:40]), (OTHER_ACTIONS, items[40:])):
        alone = [replace(row, note="") for row in measure(part, f"{task}, jump and sit")]
        assert [
            replace(row, note="") for row in rows if row.protocol.startswith(f"{task}, jump and sit,")
        ] == alone
        values = {row.metric: row.value for row in measure(part, TASK) if row.system == "noisy"}
        assert values == {row.metric: row.value for row in alone if row.system == "noisy"}
    told = {(row.system, row.metric) for row in rows if "of 40 clips, which are few" in row.note}
    assert {("noisy", "FID"), ("noisy", "MiniLM-FID")} <= told
    assert all(metric.endswith("FID") for _, metric in told)


def test_tables_and_keys_say_which_part_a_number_is_of() -> None:
    every = [*measure(ITEMS, TASK), *by_action(40)]
    assert all(metric_of(row) is not None for row in every)
    assert {kind_of(row) for row in every} == {TASK, "MiniLM evaluator", HELD_OUT_ACTIONS, OTHER_ACTIONS}
    assert len({(metric_key(row), row.evaluator) for row in every}) == len(every)
    keys = {metric_key(row) for row in every}
    assert {"noisy/FID", "noisy/text_to_motion_of_held-out_actions_FID"} <= keys
    titles = [table.title for table in result_tables(every)]
    assert titles.count(KINDS[HELD_OUT_ACTIONS].title) == titles.count(KINDS[OTHER_ACTIONS].title) == 2
    assert titles[0] == "Text to motion"


def test_clips_that_are_too_few_are_told_and_stop_nothing() -> None:
    """Fewer than a batch have no R-Precision; none at all have nothing."""
    rows = {
        (row.metric, row.protocol.partition(",")[0]): row for row in by_action(3) if row.system == "noisy"
    }
    precision, distance = rows["R-Precision top 3", HELD_OUT_ACTIONS], rows["FID", HELD_OUT_ACTIONS]
    assert math.isnan(precision.value) and precision.note.startswith("not measured: ")
    assert distance.measured and "of 3 clips, which are few" in distance.note
    assert math.isnan(rows["FID-infinity", HELD_OUT_ACTIONS].value)
    assert rows["R-Precision top 3", OTHER_ACTIONS].measured
    none = [row for row in by_action(0) if row.protocol.startswith(HELD_OUT_ACTIONS)]
    assert {row.system for row in none} == {"noisy"} and {row.items for row in none} == {0}
    assert all("not measured: no items to evaluate" in row.note for row in none)
