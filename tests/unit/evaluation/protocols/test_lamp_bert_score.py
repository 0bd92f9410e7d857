"""Both readings of LaMP-BertScore: their ceilings, their floor, and what their rows say."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.errors import LampError
from lamp_core.evaluation.protocols.common import TestItems
from lamp_core.evaluation.protocols.lamp_bert_score import REFERENCES, TRUE_MOTION, evaluate_lamp_bert_score
from lamp_core.metrics.bert_score import BertScores
from tests.unit.evaluation.perfect import ITEMS, STATISTICS

VERBS = ("walks", "runs", "hops", "turns", "waves", "kicks", "bends", "sits")
DESCRIBED = [
    replace(
        item,
        captions=tuple(
            Caption(f"{who} {VERBS[index % 8]} {index}", (), ())
            for who in ("a person", "someone", "a man", "he")
        ),
    )
    for index, item in enumerate(ITEMS[:24])
]
TEST = TestItems.of(DESCRIBED, STATISTICS)
SAID = [f"one {VERBS[index % 8]} {index}" for index in range(24)]
"""What the captioner says of the true motions: close to the true captions, but none of them."""


class Overlap:
    """Calls captions as alike as the share of words that they have in common."""

    label = "overlap"

    def __init__(self):
        self.weighed_by = []

    def scores_of(self, systems, references, weighed_by=()):
        self.weighed_by.append(list(weighed_by))
        if not references:
            raise LampError("0 captions and 0 lists of references")
        return {
            name: BertScores(
                np.array(
                    [
                        max(map(_overlap, [made] * len(listed), listed))
                        for made, listed in zip(captions, references, strict=True)
                    ]
                ),
                sum(not made for made in captions),
                0,
            )
            for name, captions in systems.items()
        }


def _overlap(made, reference):
    words, others = set(made.split()), set(reference.split())
    return len(words & others) / max(1, len(words | others))


def measured(captions_of, true=SAID, scorer=None, **options):
    rows = evaluate_lamp_bert_score(
        TEST, true, captions_of, Evaluate(), scorer or Overlap(), "LaMP-M2T", **options
    )
    return {(row.system, row.metric): row for row in rows}


def test_the_ground_truth_is_the_ceiling_of_both_and_chance_the_floor():
    half = [said if place % 2 else SAID[place - 1] for place, said in enumerate(SAID)]
    found = measured({"half right": half})
    assert list(dict.fromkeys(system for system, _ in found)) == ["ground truth", "chance", "half right"]
    assert found["ground truth", TRUE_MOTION].value == 1.0
    assert 0.4 < found["ground truth", REFERENCES].value < 1.0
    for metric in (REFERENCES, TRUE_MOTION):
        truth, system, chance = (
            found[name, metric].value for name in ("ground truth", "half right", "chance")
        )
        assert truth > system > chance
    assert "at random" in found["chance", REFERENCES].note


def test_all_true_captions_are_references_and_weigh_the_words():
    scorer = Overlap()
    fourth = [item.captions[3].text for item in DESCRIBED]
    found = measured({"says the fourth": fourth}, scorer=scorer)
    assert found["says the fourth", REFERENCES].value == 1.0
    assert found["says the fourth", TRUE_MOTION].value < 1.0
    every = [caption.text for item in DESCRIBED for caption in item.captions]
    assert scorer.weighed_by == [every, every]


def test_rows_name_captioner_scorer_and_what_the_motions_were_made_from():
    rows = measured({}).values()
    assert {row.evaluator for row in rows} == {"LaMP-M2T"}
    assert {row.protocol for row in rows} == {
        "LaMP-BertScore, random caption, true length, BERTScore of overlap"
    }
    assert {(row.items, row.repeats) for row in rows} == {(24, 1)}


def test_true_motions_without_a_caption_are_left_out_of_the_second_reading_alone():
    true = ["", " ", *SAID[2:]]
    found = measured({"right": SAID}, true)
    assert found["right", TRUE_MOTION].value == 1.0
    assert "2 of 24 items left out: no caption of the true motion" in found["right", TRUE_MOTION].note
    assert "left out" not in found["right", REFERENCES].note
    assert found["ground truth", REFERENCES].value < found["right", REFERENCES].value
    none = measured({"right": SAID}, [""] * 24)
    assert math.isnan(none["right", TRUE_MOTION].value)
    assert none["right", REFERENCES].value > 0


def test_rows_say_what_was_made_badly_and_why_there_is_no_score():
    found = measured({"broken": SAID}, notes={"broken": "1 of 24 motions not finite"})
    assert "1 of 24 motions not finite" in found["broken", REFERENCES].note
    assert "not finite" not in found["chance", REFERENCES].note
    rows = evaluate_lamp_bert_score(TEST, SAID, {}, Evaluate(), None, "LaMP-M2T")
    assert all(row.note.startswith("not measured: BERTScore needs") for row in rows)
    with pytest.raises(LampError, match="few has 23 captions for 24 items"):
        measured({"few": SAID[1:]})
