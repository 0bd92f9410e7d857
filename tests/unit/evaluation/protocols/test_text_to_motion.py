import dataclasses
import math

import numpy as np
import pytest

from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import OTHER_HALF
from lamp_core.evaluation.protocols.common import Embedded, TestItems
from lamp_core.evaluation.protocols.text_to_motion import (
    MATCHING,
    GivenMotion,
    evaluate_given_motions,
    evaluate_text_to_motion,
)
from lamp_core.metrics.fid import frechet_distance
from tests.unit.evaluation.perfect import COUNT, ITEMS, SETTINGS, STATISTICS, TRUE, WIDTH, CodeEvaluator


def perfect(captions, frames, seed):
    motions = [TRUE[int(caption.words[-1])] for caption in captions]
    assert [len(motion) for motion in motions] == list(frames)
    return motions


def noisy(captions, frames, seed):
    draws = np.random.default_rng(seed)
    return [motion + draws.normal(0, 3.0, size=WIDTH) for motion in perfect(captions, frames, seed)]


def table(rows):
    return {(row.system, row.metric): row for row in rows}


def evaluate(systems, items=ITEMS, settings=SETTINGS, **options):
    return evaluate_text_to_motion(items, systems, CodeEvaluator(ITEMS), STATISTICS, settings, **options)


def test_ground_truth_is_first_and_a_perfect_system_equals_it():
    rows = evaluate({"perfect": perfect, "noisy": noisy})
    assert rows[0].system == "ground truth"
    found = table(rows)
    for metric in ("R-Precision top 1", "MM-Dist", "FID", "Diversity"):
        assert found["perfect", metric].value == pytest.approx(found["ground truth", metric].value, abs=1e-6)
    assert found["ground truth", "R-Precision top 1"].value == 1.0
    assert found["ground truth", "FID"].value == pytest.approx(0.0, abs=1e-6)
    assert found["perfect", "MultiModality"].value == 0.0
    assert found["noisy", "FID"].value > 1.0
    assert found["noisy", "MultiModality"].value > 1.0
    assert found["noisy", "R-Precision top 1"].value < 1.0
    assert ("ground truth", "MultiModality") not in found


def test_chance_is_near_one_in_thirty_two():
    found = table(evaluate({}, settings=SETTINGS.model_copy(update={"repeats": 60})))
    for k in (1, 2, 3):
        row = found["chance", f"R-Precision top {k}"]
        assert abs(row.value - k / 32) < 4 * row.interval
    assert found["chance", "MM-Dist"].value > found["ground truth", "MM-Dist"].value


def test_every_row_says_what_it_may_be_compared_with():
    rows = evaluate({"noisy": noisy}, settings=SETTINGS.model_copy(update={"generations": 2}))
    assert {row.evaluator for row in rows} == {"perfect"}
    assert {row.protocol for row in rows} == {
        "text to motion, 32 candidates, unbiased counting, random caption, true length, features as made, "
        "Diversity of 100 pairs, MultiModality of 10 texts, 6 motions, 3 pairs"
    }
    items = {row.items for row in rows if row.metric != "MultiModality" and row.system != OTHER_HALF}
    assert items == {COUNT}
    assert {row.items for row in rows if row.metric == "MultiModality"} == {10}
    repeats = {(row.system, row.metric): row.repeats for row in rows}
    assert repeats["ground truth", "R-Precision top 1"] == repeats["ground truth", "Diversity"] == 4
    assert repeats["ground truth", "FID"] == 1
    assert repeats["noisy", "FID"] == 2
    assert repeats["noisy", "MultiModality"] == 1


def test_the_same_seed_gives_the_same_rows_and_another_one_does_not():
    first, second = evaluate({"noisy": noisy}), evaluate({"noisy": noisy})
    assert first == second
    other = evaluate({"noisy": noisy}, settings=SETTINGS.model_copy(update={"seed": 2}))
    assert table(first)["noisy", "FID"].value != table(other)["noisy", "FID"].value


def test_first_captions_are_the_first():
    seen = []

    def generate(captions, frames, seed):
        seen.extend(caption.words[0] for caption in captions)
        return perfect(captions, frames, seed)

    evaluate({"system": generate}, settings=SETTINGS.model_copy(update={"captions": "first"}))
    assert set(seen) == {"he"}
    seen.clear()
    evaluate({"system": generate})
    assert set(seen) == {"he", "she"}


def test_true_motions_are_embedded_once_and_progress_is_told():
    evaluator, told = CodeEvaluator(ITEMS), []
    evaluate_text_to_motion(
        ITEMS,
        {"perfect": perfect},
        evaluator,
        STATISTICS,
        SETTINGS.model_copy(update={"generations": 3}),
        on_progress=lambda done, total, text: told.append((done, total)),
    )
    assert evaluator.calls == 1 + 3 + 1
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_broken_motions_are_left_out_and_counted():
    def sometimes_broken(captions, frames, seed):
        motions = noisy(captions, frames, seed)
        motions[0] = np.full_like(motions[0], np.nan)
        return motions

    found = table(
        evaluate({"broken": sometimes_broken}, settings=SETTINGS.model_copy(update={"generations": 1}))
    )
    row = found["broken", "R-Precision top 1"]
    assert math.isfinite(row.value)
    assert row.items == COUNT - 1
    assert f"repeat 1: 1 of {COUNT} motions not finite, left out" in row.note
    assert math.isnan(found["broken", "MultiModality"].value)
    assert "1 of 60 motions not finite" in found["broken", "MultiModality"].note


def test_a_system_of_nothing_but_nan_gets_no_number():
    def broken(captions, frames, seed):
        return [np.full((count, WIDTH), np.nan) for count in frames]

    rows = [row for row in evaluate({"broken": broken}) if row.system == "broken"]
    assert len(rows) == 9
    assert all(math.isnan(row.value) and "not measured" in row.note for row in rows)


def test_fewer_items_than_a_batch_are_told_not_crashed():
    found = table(evaluate({"noisy": noisy}, items=ITEMS[:20]))
    row = found["noisy", "R-Precision top 1"]
    assert math.isnan(row.value)
    assert row.repeats == 0
    assert "20 items are fewer than a batch of 32" in row.note
    assert math.isfinite(found["noisy", "Diversity"].value)
    assert math.isfinite(found["noisy", "FID"].value)


def test_a_system_that_loses_motions_is_named():
    with pytest.raises(LampError, match=f"short returned 1 motions for {COUNT} items"):
        evaluate({"short": lambda captions, frames, seed: TRUE[:1]})
    with pytest.raises(LampError, match="no items to evaluate: no clip of the split"):
        evaluate({}, items=[])


def test_further_evaluators_measure_the_same_motions_and_no_diversity():
    generated = []

    def counted(captions, frames, seed):
        generated.append(len(captions))
        return noisy(captions, frames, seed)

    settings = SETTINGS.model_copy(update={"generations": 2})
    second = CodeEvaluator(ITEMS, label="second", prefix="LaMP-")
    rows = evaluate({"noisy": counted}, settings=settings, matching=[second])
    assert generated == [COUNT, COUNT, 60]
    alone = evaluate({"noisy": noisy}, settings=settings)
    assert rows[: len(alone)] == alone
    others = rows[len(alone) :]
    assert {row.evaluator for row in others} == {"second"}
    distances = ("FID", "FID-infinity", "KID")
    assert {row.metric for row in others} == {f"LaMP-{name}" for name in (*MATCHING, *distances)}
    assert list(dict.fromkeys(row.system for row in others)) == [
        "ground truth",
        OTHER_HALF,
        "chance",
        "noisy",
    ]
    for row in others:
        assert row.value == table(alone)[row.system, row.metric.removeprefix("LaMP-")].value


def test_floors_stand_before_the_systems_and_generate_less():
    settings = SETTINGS.model_copy(
        update={"generations": 4, "floor_generations": 2, "multimodality_texts": 12}
    )
    rows = evaluate({"perfect": perfect}, settings=settings, floors={"untrained": noisy})
    assert list(dict.fromkeys(row.system for row in rows)) == [
        *("ground truth", "truth, other half", "chance", "untrained", "perfect")
    ]
    found = table(rows)
    assert (found["untrained", "FID"].repeats, found["perfect", "FID"].repeats) == (2, 4)
    assert found["untrained", "MultiModality"].note == "of 10 texts"
    assert found["perfect", "MultiModality"].note == ""
    assert (found["untrained", "MultiModality"].items, found["perfect", "MultiModality"].items) == (10, 12)


def test_test_items_are_embedded_by_whoever_is_asked():
    asked = []

    def embed(test, evaluator):
        asked.append((len(test), evaluator.label))
        return Embedded.of(test, evaluator)

    evaluate({}, embed=embed)
    assert asked == [(COUNT, "perfect")]


def test_items_that_cannot_be_measured_are_left_out_and_counted():
    broken = dataclasses.replace(ITEMS[0], features_TD=np.full_like(ITEMS[0].features_TD, np.nan))
    silent = dataclasses.replace(ITEMS[1], captions=(dataclasses.replace(ITEMS[1].captions[0], text="  "),))
    row = evaluate({}, items=[broken, silent, *ITEMS[2:]])[0]
    assert row.items == COUNT - 2
    assert row.note == f"2 of {COUNT} items left out: 1 not finite, 1 without a caption"
    settings = SETTINGS.model_copy(update={"counting": "published"})
    row = evaluate({}, items=[broken, silent, *ITEMS[2:]], settings=settings)[0]
    assert row.items == 96
    assert row.note.endswith("30 items of every shuffle left out with its incomplete batch")
    with pytest.raises(LampError, match="no items to evaluate: 2 of 2 items left out"):
        evaluate({}, items=[broken, silent])


def test_an_empty_caption_beside_others_is_never_drawn():
    empty = dataclasses.replace(ITEMS[0].captions[0], text="", words=(), tags=())
    item = dataclasses.replace(ITEMS[0], captions=(empty, *ITEMS[0].captions))
    seen = []

    def generate(captions, frames, seed):
        seen.extend(caption.text for caption in captions)
        return perfect(captions, frames, seed)

    row = evaluate({"system": generate}, items=[item, *ITEMS[1:]])[0]
    assert row.note == ""
    assert "" not in seen


def test_one_item_gets_a_word_for_every_number():
    rows = evaluate({"perfect": perfect}, items=ITEMS[:1])
    assert rows
    unmeasured = {row.metric: row.note for row in rows if row.system == "perfect" and not row.measured}
    assert "1 items are fewer than a batch of 32" in unmeasured["R-Precision top 1"]
    assert "FID needs two items a set" in unmeasured["FID"]
    assert "pairs need two items" in unmeasured["Diversity"]


def test_identical_embeddings_score_as_chance():
    def same(captions, frames, seed):
        return [np.zeros((count, WIDTH), dtype=np.float32) for count in frames]

    found = table(evaluate({"same": same}))
    for k in (1, 2, 3):
        assert found["same", f"R-Precision top {k}"].value == pytest.approx(k / 32)
    assert found["same", "Diversity"].value == found["same", "MultiModality"].value == 0.0
    assert math.isfinite(found["same", "FID"].value)


def given_of(system, items=ITEMS):
    """The motions of a system in its first repeat, both captions of every item."""
    given = []
    for phrase in range(2):
        captions = [item.captions[phrase] for item in items]
        motions = system(captions, [item.frames for item in items], phrase)
        given += [GivenMotion(*each) for each in zip(range(len(items)), captions, motions, strict=True)]
    return given


def evaluate_given(given, items=ITEMS, settings=SETTINGS, **options):
    return evaluate_given_motions(
        items, "other", given, CodeEvaluator(ITEMS), STATISTICS, settings, **options
    )


def test_true_motions_given_by_another_system_equal_the_ground_truth():
    found = table(evaluate_given(given_of(perfect)))
    for metric in ("R-Precision top 1", "R-Precision top 3", "MM-Dist", "FID"):
        assert found["other", metric].value == pytest.approx(found["ground truth", metric].value, abs=1e-6)
    assert found["other", "R-Precision top 1"].repeats == SETTINGS.repeats
    assert ("other", "MultiModality") not in found


def test_given_motions_are_scored_with_the_captions_they_were_made_from():
    given = given_of(perfect)
    wrong = [
        dataclasses.replace(motion, caption=given[(place + 1) % len(given)].caption)
        for place, motion in enumerate(given)
    ]
    assert table(evaluate_given(wrong))["other", "R-Precision top 1"].value < 0.2


def test_items_without_a_given_motion_and_broken_ones_are_counted():
    given = given_of(noisy)
    given[3] = dataclasses.replace(given[3], features_TD=given[3].features_TD * np.nan)
    without = [motion for motion in given if motion.item not in (5, 6)]
    row = table(evaluate_given(without, note="two files more"))["other", "R-Precision top 1"]
    assert row.items == COUNT - 2
    assert row.note == (
        f"2 of {COUNT} items have no motion, left out; 1 of {len(without)} motions not finite, left out; "
        "two files more"
    )
    with pytest.raises(LampError, match="other has no motion that can be scored"):
        evaluate_given([given[3]])


def test_the_noise_floor_is_the_distance_of_random_halves_of_the_truth():
    found = table(evaluate({"noisy": noisy}))
    codes = Embedded.of(TestItems.of(ITEMS, STATISTICS), CodeEvaluator(ITEMS)).motions
    expected = []
    for repeat in range(SETTINGS.repeats):
        order = np.random.default_rng([SETTINGS.seed, repeat, *b"halves"]).permutation(COUNT)
        expected.append(frechet_distance(codes[order[: COUNT // 2]], codes[order[COUNT // 2 :]]))
    floor = found[OTHER_HALF, "FID"]
    assert floor.value == pytest.approx(np.mean(expected))
    assert (floor.repeats, floor.items) == (SETTINGS.repeats, COUNT // 2)
    assert floor.interval == pytest.approx(1.96 * np.std(expected) / np.sqrt(len(expected)))
    assert abs(found[OTHER_HALF, "KID"].value) < found["noisy", "KID"].value
