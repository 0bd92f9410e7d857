import math

import numpy as np
import pytest

from lamp_core.config.models import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.evaluation import evaluate_text_to_motion, evaluate_tokenizer, protocol_items
from lamp_core.skeleton.skeleton import load_skeleton

SKELETON = load_skeleton("smpl22")
WIDTH = SKELETON.feature_count
STATISTICS = FeatureStatistics(np.full(WIDTH, 0.02, dtype=np.float32), np.full(WIDTH, 0.1, dtype=np.float32))
COUNT = 128
SETTINGS = Evaluate(
    repeats=4,
    diversity_pairs=100,
    multimodality_texts=10,
    multimodality_motions=6,
    multimodality_pairs=3,
    seed=1,
)


class CodeEvaluator:
    """A perfect evaluator: a motion's embedding is its mean; a caption ends with the number of its motion."""

    label = "perfect"

    def __init__(self, items):
        self.means = [STATISTICS.normalise(item.features_TD).mean(axis=0)[:16] for item in items]
        self.calls = 0

    def embed_motions(self, motions):
        self.calls += 1
        return np.stack([np.asarray(motion).mean(axis=0)[:16] for motion in motions])

    def embed_texts(self, captions):
        return np.stack([self.means[int(caption.words[-1])] for caption in captions])


def make_items(count=COUNT, seed=0):
    draws = np.random.default_rng(seed)
    items = []
    for index in range(count):
        features = draws.normal(0.02, 0.1, size=(40 + 4 * (index % 3), WIDTH)) + draws.normal(
            0, 0.1, size=WIDTH
        )
        captions = tuple(
            Caption(f"{phrase} {index}", (phrase, str(index)), ("X", "NUM"), 0.0, 0.0)
            for phrase in ("he", "she")
        )
        items.append(Item(f"clip-{index}", 0, features.astype(np.float32), captions))
    return items


ITEMS = make_items()
TRUE = [STATISTICS.normalise(item.features_TD) for item in ITEMS]


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
    rows = evaluate({"noisy": noisy}, generations=2)
    assert {row.evaluator for row in rows} == {"perfect"}
    assert {row.protocol for row in rows} == {"text to motion, 32 candidates, random caption, true length"}
    assert {row.items for row in rows} == {COUNT}
    repeats = {(row.system, row.metric): row.repeats for row in rows}
    assert repeats["ground truth", "FID"] == 4
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
        SETTINGS,
        generations=3,
        on_progress=lambda done, total, text: told.append((done, total)),
    )
    assert evaluator.calls == 1 + 3 + 1
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_broken_motions_are_left_out_and_counted():
    def sometimes_broken(captions, frames, seed):
        motions = noisy(captions, frames, seed)
        motions[0] = np.full_like(motions[0], np.nan)
        return motions

    found = table(evaluate({"broken": sometimes_broken}, generations=1))
    row = found["broken", "R-Precision top 1"]
    assert math.isfinite(row.value)
    assert f"repeat 1: 1 of {COUNT} motions not finite, left out" in row.note
    assert math.isnan(found["broken", "MultiModality"].value)
    assert "1 of 60 motions not finite" in found["broken", "MultiModality"].note


def test_a_system_of_nothing_but_nan_gets_no_number():
    def broken(captions, frames, seed):
        return [np.full((count, WIDTH), np.nan) for count in frames]

    rows = [row for row in evaluate({"broken": broken}) if row.system == "broken"]
    assert len(rows) == 7
    assert all(math.isnan(row.value) and "not measured" in row.note for row in rows)


def test_fewer_items_than_a_batch_are_told_not_crashed():
    found = table(evaluate({"noisy": noisy}, items=ITEMS[:20]))
    row = found["noisy", "R-Precision top 1"]
    assert math.isnan(row.value)
    assert row.repeats == 0
    assert "20 items are fewer than a batch of 32" in row.note
    assert "20 items are fewer than the 100 pairs" in found["noisy", "Diversity"].note
    assert math.isfinite(found["noisy", "FID"].value)


def test_a_system_that_loses_motions_is_named():
    with pytest.raises(LampError, match=f"short returned 1 motions for {COUNT} items"):
        evaluate({"short": lambda captions, frames, seed: TRUE[:1]})
    with pytest.raises(LampError, match="no items to evaluate: 0 of 0"):
        evaluate({}, items=[])


def test_items_of_the_protocol_at_both_rates():
    def item(frames):
        return Item("clip", 0, np.zeros((frames, 4), dtype=np.float32), ())

    items = [item(frames) for frames in (20, 24, 36, 40, 120, 124, 128, 196, 200)]
    assert [kept.frames for kept in protocol_items(items, 20.0, Evaluate())] == [40, 120, 124, 128, 196]
    assert [kept.frames for kept in protocol_items(items, 12.5, Evaluate())] == [24, 36, 40, 120, 124]


def test_tokenizer_rows_have_a_ceiling_and_a_floor():
    def half(motions):
        return [0.5 * motion for motion in motions]

    rows = evaluate_tokenizer(ITEMS, {"half": half}, CodeEvaluator(ITEMS), SKELETON, STATISTICS, SETTINGS)
    assert [row.system for row in rows[:: len(rows) // 3]] == ["ground truth", "mean pose", "half"]
    found = table(rows)
    assert found["ground truth", "MPJPE"].value == pytest.approx(0.0, abs=1e-3)
    assert found["ground truth", "FID"].value == pytest.approx(0.0, abs=1e-6)
    assert found["ground truth", "R-Precision top 1"].value == 1.0
    for metric in ("MPJPE", "FID"):
        assert 0 < found["half", metric].value < found["mean pose", metric].value
        assert found["half", metric].repeats == 1
    assert found["mean pose", "R-Precision top 1"].value == pytest.approx(1 / 32)
    assert found["half", "R-Precision top 1"].repeats == 4


def test_a_reconstruction_of_another_length_gets_no_mpjpe():
    def shorter(motions):
        return [motion[:-4] for motion in motions]

    rows = evaluate_tokenizer(ITEMS, {"short": shorter}, CodeEvaluator(ITEMS), SKELETON, STATISTICS, SETTINGS)
    row = table(rows)["short", "MPJPE"]
    assert math.isnan(row.value)
    assert "clip 0 has shape" in row.note
