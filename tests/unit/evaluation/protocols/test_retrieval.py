import math

import numpy as np
import pytest

from lamp_core.config.evaluation import Evaluate
from lamp_core.errors import LampError
from lamp_core.evaluation.protocols.retrieval import evaluate_retrieval, finite_pairs
from lamp_core.metrics.recall import far_apart, ranks

SETTINGS = Evaluate(repeats=3, seed=0)
COUNT = 96
CAPTIONS = [f"caption {index // 2}" for index in range(COUNT)]


def table(rows):
    return {(row.system, row.protocol.removesuffix(", unbiased counting"), row.metric): row for row in rows}


def evaluate(similarity, captions=CAPTIONS, **options):
    return table(evaluate_retrieval(similarity, captions, SETTINGS, system="LaMP-Feat", **options))


@pytest.fixture(scope="module")
def similarity():
    return np.eye(COUNT) * 2 + np.random.default_rng(0).normal(size=(COUNT, COUNT))


def test_both_directions_are_ranked(similarity):
    found = evaluate(similarity)
    for direction, matrix in (("text to motion", similarity), ("motion to text", similarity.T)):
        row = found["LaMP-Feat", "full", f"{direction} R@5"]
        assert row.value == pytest.approx(100 * (ranks(matrix) <= 5).mean())
        assert (row.items, row.repeats) == (COUNT, 1)
        assert found["LaMP-Feat", "full", f"{direction} MedR"].value == np.median(ranks(matrix))
    assert found["LaMP-Feat", "batches of 32", "text to motion R@1"].repeats == 3


def test_protocols_rank_as_they_must(similarity):
    found = evaluate(similarity)
    full, distinct, batches = (
        found["LaMP-Feat", protocol, "text to motion R@1"].value
        for protocol in ("full", "distinct", "batches of 32")
    )
    assert full < distinct
    assert full < batches


def test_perfect_similarity_is_a_hundred_and_chance_is_closed_form():
    found = evaluate(np.eye(COUNT))
    assert found["LaMP-Feat", "full", "text to motion R@1"].value == 100.0
    assert found["chance", "full", "text to motion R@1"].value == pytest.approx(100 / COUNT)
    assert found["chance", "full", "motion to text MedR"].value == (COUNT + 1) / 2
    assert found["chance", "distinct", "text to motion R@1"].value == pytest.approx(200 / COUNT)
    assert found["chance", "batches of 32", "text to motion R@1"].value == pytest.approx(100 / 32)


def test_the_share_of_common_captions_is_part_of_the_record(similarity):
    captions = ["same"] * 24 + [f"caption {index}" for index in range(COUNT - 24)]
    row = evaluate(similarity, captions)["LaMP-Feat", "distinct", "text to motion R@1"]
    assert "25% of the queries have more than one right item" in row.note


def same_captions(captions):
    return np.array([[float(one == other) for other in captions] for one in captions])


@pytest.mark.parametrize("protocol", ["threshold 0.95", "dissimilar 100"])
def test_without_the_similarity_of_the_captions_there_is_a_word_and_no_number(protocol, similarity):
    found = evaluate(similarity)
    row = found["LaMP-Feat", protocol, "text to motion R@1"]
    assert not row.measured
    assert "needs the extra minilm" in row.note
    assert ("chance", protocol, "text to motion R@1") not in found


def test_threshold_of_equal_captions_is_distinct(similarity):
    found = evaluate(similarity, sentence_similarity_NN=same_captions(CAPTIONS))
    for metric in ("text to motion R@1", "motion to text MedR"):
        threshold, distinct = (found["LaMP-Feat", name, metric] for name in ("threshold 0.95", "distinct"))
        assert threshold.value == distinct.value
        assert threshold.note == distinct.note


def test_dissimilar_is_the_gallery_of_the_texts_far_apart(similarity):
    alike = same_captions(CAPTIONS)
    found = evaluate(similarity, sentence_similarity_NN=alike)
    # Every caption stands twice: no more than half of them are far apart.
    chosen = far_apart(alike, 100)
    assert len(chosen) == COUNT // 2
    row = found["LaMP-Feat", "dissimilar 48", "text to motion R@3"]
    part = similarity[np.ix_(chosen, chosen)]
    assert row.items == 48
    assert row.value == pytest.approx(100 * (ranks(part) <= 3).mean())
    assert found["chance", "dissimilar 48", "text to motion R@3"].value == pytest.approx(300 / 48)


def test_only_the_wanted_protocols_are_measured(similarity):
    settings = SETTINGS.model_copy(update={"protocols": ("full", "batches")})
    rows = evaluate_retrieval(similarity, CAPTIONS, settings, system="LaMP-Feat")
    assert {row.protocol for row in rows} == {"full, unbiased counting", "batches of 32, unbiased counting"}


def test_broken_pairs_are_left_out_and_counted(similarity):
    broken = similarity.copy()
    broken[4] = np.nan
    broken[:, 9] = np.nan
    kept = [index for index in range(COUNT) if index not in (4, 9)]
    found = evaluate(broken, sentence_similarity_NN=same_captions(CAPTIONS))
    row = found["LaMP-Feat", "full", "text to motion R@1"]
    assert row.items == COUNT - 2
    assert f"2 of {COUNT} pairs not finite, left out" in row.note
    assert row.value == pytest.approx(100 * (ranks(similarity[np.ix_(kept, kept)]) <= 1).mean())
    assert found["LaMP-Feat", "threshold 0.95", "text to motion R@1"].items == COUNT - 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_broken_number_leaves_one_pair_out_and_ends_nothing(similarity, value):
    broken = similarity.copy()
    broken[4, 7] = value
    row = evaluate(broken)["LaMP-Feat", "full", "text to motion R@1"]
    assert row.items == COUNT - 1
    assert row.note == f"1 of {COUNT} pairs not finite, left out"
    kept = [index for index in range(COUNT) if index != 4]
    assert row.value == pytest.approx(100 * (ranks(similarity[np.ix_(kept, kept)]) <= 1).mean())


def test_what_is_broken_takes_itself_out_and_no_other(similarity):
    broken = similarity.copy()
    broken[4] = np.nan  # a text
    broken[:, 9] = np.nan  # a motion
    broken[20, 30] = broken[20, 31] = np.nan
    assert np.flatnonzero(~finite_pairs(broken)).tolist() == [4, 9, 20]
    assert not finite_pairs(np.full((5, 5), np.nan)).any()
    assert finite_pairs(similarity).all()


def test_published_counting_is_a_protocol_of_its_own(similarity):
    settings = SETTINGS.model_copy(update={"protocols": ("full", "batches"), "counting": "published"})
    rows = evaluate_retrieval(np.round(similarity), CAPTIONS[:], settings, system="LaMP-Feat")
    assert {row.protocol for row in rows} == {"full, published counting", "batches of 32, published counting"}
    (full,) = [
        row
        for row in rows
        if row.system != "chance"
        and row.protocol.startswith("full")
        and "R@1" in row.metric
        and row.metric == "text to motion R@1"
    ]
    assert full.value == pytest.approx(100 * (ranks(np.round(similarity)) - 1 < 1).mean())
    few = evaluate_retrieval(np.eye(70), CAPTIONS[:70], settings, system="LaMP-Feat")
    assert {row.items for row in few if row.protocol.startswith("batches") and row.system != "chance"} == {64}


def test_too_few_items_for_a_batch_are_told():
    found = evaluate(np.eye(8), CAPTIONS[:8])
    row = found["LaMP-Feat", "batches of 32", "text to motion R@1"]
    assert math.isnan(row.value)
    assert "8 items are fewer than a batch of 32" in row.note
    assert found["LaMP-Feat", "full", "text to motion R@1"].value == 100.0


def test_what_does_not_fit_is_named():
    with pytest.raises(LampError, match=r"shape \(8, 8\) for 96 captions"):
        evaluate(np.eye(8))
    with pytest.raises(LampError, match="no pair of text and motion can be ranked: 8 of 8 pairs not finite"):
        evaluate(np.full((8, 8), np.nan), CAPTIONS[:8])
    with pytest.raises(LampError, match="there is none"):
        evaluate(np.zeros((0, 0)), [])


def test_an_empty_caption_is_left_out_and_counted(similarity):
    row = evaluate(similarity, ["", " ", *CAPTIONS[2:]])["LaMP-Feat", "full", "text to motion R@1"]
    assert row.items == COUNT - 2
    assert row.note == f"2 of {COUNT} pairs without a caption, left out"
    assert row.value == pytest.approx(100 * (ranks(similarity[2:, 2:]) <= 1).mean())
