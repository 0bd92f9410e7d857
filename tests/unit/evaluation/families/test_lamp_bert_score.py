"""LaMP-BertScore of the systems of a project: which are measured, from which motions."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lamp_core.config import override
from lamp_core.evaluation.external import measure_motions
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.families.family import Systems, measure
from lamp_core.evaluation.families.lamp_bert_score import measure_lamp_bert_score
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.metrics.bert_score import BertScores
from lamp_core.report.result_tables import result_tables
from tests.unit.evaluation.conftest import FakeCaptioner

SYSTEMS = ["ground truth", "chance", "untrained", "LaMP-T2M", "VQ-VAE"]
"""A row of an experiment shows the first that is no baseline: what generates, not what reconstructs."""


class Scorer:
    """Calls a caption right when it is its first reference."""

    label = "equality"

    def scores_of(self, systems, references, weighed_by=()):
        return {
            name: BertScores(
                np.array(
                    [float(made == listed[0]) for made, listed in zip(captions, references, strict=True)]
                ),
                0,
                0,
            )
            for name, captions in systems.items()
        }


@pytest.fixture
def scored(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Trained:
    monkeypatch.setattr("lamp_core.evaluation.families.lamp_bert_score.bert_scorer", lambda trained: Scorer())
    return replace(
        trained, config=override(trained.config, ["evaluate.protocols=[text-to-motion, lamp-bert-score]"])
    )


def values(rows: list[Result]) -> dict[tuple[str, str], float]:
    return {(row.system, row.metric): row.value for row in rows}


def test_every_system_is_captioned_from_the_motions_that_text_to_motion_made(
    scored: Trained, captioner: FakeCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    generator = type(scored.generating["LaMP-T2M"])
    generate = generator.generate

    def counted(self, texts, lengths, seed):
        made.append(seed)
        return generate(self, texts, lengths, seed)

    monkeypatch.setattr(generator, "generate", counted)
    families = measure(scored, FAMILIES)
    assert list(families) == ["text_to_motion", "lamp_bert_score"]
    both, alone = len(made), override(scored.config, ["evaluate.protocols=[text-to-motion]"])
    made.clear()
    measure(replace(scored, config=alone), FAMILIES)
    assert both == len(made)
    found = values(families["lamp_bert_score"])
    assert list(dict.fromkeys(system for system, _ in found)) == SYSTEMS
    assert found["ground truth", "LaMP-BertScore (true motion)"] == 1.0
    assert found["LaMP-T2M", "LaMP-BertScore (true motion)"] < 1.0
    assert captioner.asked == 4 * len(scored.items)
    (table,) = result_tables(families["lamp_bert_score"])
    assert (table.title, table.evaluator) == ("LaMP-BertScore", "LaMP-M2T")
    assert [row.baseline for row in table.rows] == [True, True, True, False, False]
    assert [part.source for part in table.published] == ["LaMP, Table 1", "LaMP, Table 1", "LaMP, Table 4"]
    assert all(row.cells[0] for part in table.published for group in part.groups for row in group.rows)


def test_a_broken_motion_scores_nothing_and_is_counted(scored: Trained, captioner: FakeCaptioner) -> None:
    def broken(test):
        motions = [motion_TD.copy() for motion_TD in test.motions]
        motions[1][0, 0] = math.nan
        return motions

    rows = measure_lamp_bert_score(scored, {"broken": broken})
    count = len(scored.items)
    found = values(rows)
    assert found["broken", "LaMP-BertScore (true motion)"] == pytest.approx((count - 1) / count)
    (note,) = {row.note for row in rows if row.system == "broken"}
    assert f"1 of {count} motions not finite" in note


def test_motions_made_elsewhere_are_captioned_too(
    scored: Trained, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    for item in scored.items[1:]:
        np.save(tmp_path / f"{item.clip}.npy", item.features_TD)
    rows = measure_motions(scored, tmp_path, "peer")[0]["lamp_bert_score"]
    assert list(dict.fromkeys(row.system for row in rows)) == ["ground truth", "chance", "peer"]
    found = values(rows)
    assert (
        found["peer", "LaMP-BertScore (true motion)"] == 1.0 > found["chance", "LaMP-BertScore (true motion)"]
    )
    assert {row.items for row in rows} == {len(scored.items) - 1}
    assert all("lengths as made" in row.protocol for row in rows)


def test_before_the_stage_m2t_the_rows_say_what_to_run(trained: Trained, no_captioner: None) -> None:
    rows = measure_lamp_bert_score(trained, {"LaMP-T2M": Systems(trained).generating["LaMP-T2M"]})
    assert [row.system for row in rows] == ["LaMP-T2M"] * 2
    assert all(math.isnan(row.value) for row in rows)
    assert all("`lamp run --until m2t`" in row.note for row in rows)
