"""Rows of captions: what beats what, and what the rows say."""

import math
from dataclasses import replace

import numpy as np
import pytest
import sacrebleu

from lamp_core.datasets.captions import Caption
from lamp_core.errors import LampError
from lamp_core.evaluation.protocols.captioning import evaluate_captions
from tests.unit.evaluation.perfect import ITEMS, SETTINGS, STATISTICS, CodeEvaluator

WORDS = ("walks", "runs", "hops", "turns", "waves", "kicks", "bends")


def described(item, index):
    """Two sentences that tell each motion from every other; their last word is its number."""
    verb, other = WORDS[index % 7], WORDS[index // 7 % 7]
    texts = [
        f"a person {verb} and then {other} {index}",
        f"someone {verb} before he {other} {index}",
    ]
    return replace(item, captions=tuple(Caption(text, tuple(text.split()), ("X",) * 6) for text in texts))


DESCRIBED = [described(item, index) for index, item in enumerate(ITEMS)]
FIRST = [item.captions[0].text for item in DESCRIBED]


class Judge(CodeEvaluator):
    """Knows a caption by the number at its end; one without words is like no motion."""

    def embed_texts(self, captions):
        far = np.full(16, 50.0)
        return np.stack([self.means[int(each.words[-1])] if each.words else far for each in captions])


def table(systems, items=DESCRIBED, scorer=None, **options):
    rows = evaluate_captions(items, systems, Judge(ITEMS), STATISTICS, SETTINGS, scorer, **options)
    return {(row.system, row.metric): row for row in rows}


class Scorer:
    """BERTScore of a model that calls everything alike."""

    label = "toy layer 1"

    def scores_of(self, systems, references):
        from lamp_core.metrics.bert_score import BertScores

        assert all(len(listed) == 3 for listed in references)
        return {name: BertScores(np.full(len(made), 0.5), 0, 0) for name, made in systems.items()}


def test_a_perfect_captioner_beats_one_caption_for_all():
    found = table({"perfect": FIRST, "one": [FIRST[0]] * len(FIRST)}, scorer=Scorer())
    assert next(iter(found))[0] == "ground truth"
    for metric in ("BLEU-1", "BLEU-4", "ROUGE-L"):
        assert found["perfect", metric].value == pytest.approx(1.0)
        assert found["one", metric].value < 0.7
    assert found["perfect", "CIDEr"].value > 5 * found["one", "CIDEr"].value
    assert found["perfect", "R-Precision top 1"].value == 1.0
    for k in (1, 2, 3):  # one text for all is chance
        assert found["one", f"R-Precision top {k}"].value == pytest.approx(k / 32)
    assert found["perfect", "MM-Dist"].value == pytest.approx(found["ground truth", "MM-Dist"].value)
    assert found["perfect", "Length"].value == 7.0
    assert found["perfect", "BERTScore"].value == 0.5
    assert found["perfect", "BERTScore"].repeats == 1
    assert found["perfect", "R-Precision top 1"].repeats == SETTINGS.repeats


def test_the_ground_truth_has_no_scores_of_words():
    rows = [row for (system, _), row in table({"perfect": FIRST}).items() if system == "ground truth"]
    matching = [*(f"R-Precision top {k}" for k in (1, 2, 3)), "MM-Dist"]
    assert [row.metric for row in rows] == [*matching, "Length"]
    assert all("its captions are the references" in row.note for row in rows)


def test_an_empty_caption_is_counted_and_scores_no_word():
    found = table({"perfect": FIRST, "silent": ["", " ", *FIRST[2:]], "mute": [""] * len(FIRST)})
    assert "2 of 128 captions empty" in found["silent", "ROUGE-L"].note
    assert "empty" not in found["perfect", "ROUGE-L"].note
    assert found["silent", "ROUGE-L"].value == pytest.approx(126 / 128)
    assert found["silent", "R-Precision top 1"].value < 1.0
    for metric in ("Length", "BLEU-1", "ROUGE-L", "CIDEr"):
        assert found["mute", metric].value == 0.0


def test_the_scores_of_words_do_not_depend_on_the_order_of_items():
    made = [*FIRST[1:], FIRST[0]]
    order = np.random.default_rng(0).permutation(len(made))
    found = table({"made": made})
    moved = table({"made": [made[i] for i in order]}, items=[DESCRIBED[i] for i in order])
    for metric in ("Length", "BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr"):
        assert moved["made", metric].value == pytest.approx(found["made", metric].value)


def test_rows_say_what_was_left_out_and_what_was_not_measured():
    broken = replace(DESCRIBED[0], features_TD=np.full_like(DESCRIBED[0].features_TD, np.nan))
    wordless = replace(DESCRIBED[1], captions=(Caption("...", (), ()),))
    items = [broken, wordless, *DESCRIBED[2:]]
    found = table({"perfect": ["left", "out", *FIRST[2:]]}, items=items, note="said")
    for system in ("ground truth", "perfect"):
        row = found[system, "Length"]
        assert row.items == 126
        assert row.note.startswith("said; 1 of 127 items left out: 1 not finite; 1 of 128 items left out: no")
    assert found["perfect", "BLEU-4"].value == pytest.approx(1.0)
    row = found["perfect", "BERTScore"]
    assert math.isnan(row.value)
    assert row.note.startswith("not measured: BERTScore needs the packaged model")
    few = table({"perfect": FIRST[:9]}, items=DESCRIBED[:9])
    assert "fewer than a batch" in few["perfect", "R-Precision top 1"].note
    assert few["perfect", "ROUGE-L"].value == pytest.approx(1.0)


def test_the_model_of_bertscore_is_part_of_the_protocol():
    protocols = {row.protocol for row in table({"perfect": FIRST}, scorer=Scorer()).values()}
    assert protocols == {
        "captioning, 32 candidates, unbiased counting, random caption, BERTScore of toy layer 1"
    }
    assert {row.protocol for row in table({}).values()} == {
        "captioning, 32 candidates, unbiased counting, random caption"
    }


def test_a_caption_too_few_is_named():
    with pytest.raises(LampError, match="short has 127 captions for 128 items"):
        table({"short": FIRST[1:]})


def test_novel_captions_are_counted_and_scored_apart():
    """Half of the captions stand in the training set, whatever their case and punctuation."""
    places = list(range(0, len(FIRST), 2))
    known = {FIRST[place] for place in range(1, len(FIRST), 2)}
    made = [
        FIRST[place] if place % 2 else f"a person {WORDS[place % 7]} {place}" for place in range(len(FIRST))
    ]
    rows = evaluate_captions(
        DESCRIBED,
        {"half": made, "parrot": [FIRST[1]] * len(FIRST)},
        Judge(ITEMS),
        STATISTICS,
        SETTINGS,
        Scorer(),
        training_captions=[f"{caption.upper()}." for caption in known],
    )
    shares = {row.system: row.value for row in rows if row.metric == "novel"}
    assert shares == {
        "ground truth": pytest.approx(
            1 - len(known) / (2 * len(FIRST))
        ),  # the second captions are novel, too
        "half": pytest.approx(len(places) / len(FIRST)),
        "parrot": 0.0,
    }
    apart = {row.metric: row for row in rows if row.protocol.startswith("novel captions")}
    assert {row.system for row in apart.values()} == {"half"}
    assert {row.items for row in apart.values()} == {len(places)}
    novel = [made[place] for place in places]
    references = [[caption.text for caption in DESCRIBED[place].captions] for place in places]
    expected = sacrebleu.corpus_bleu(
        novel, list(map(list, zip(*references, strict=True))), tokenize="none", smooth_method="none"
    )
    assert apart["BLEU-1"].value <= 1.0
    assert apart["BLEU-4"].value == pytest.approx(expected.score / 100, abs=1e-9)
    assert apart["Length"].value == pytest.approx(np.mean([len(text.split()) for text in novel]))
    assert apart["BERTScore"].value == 0.5


def test_without_the_training_captions_nothing_is_said_of_them():
    assert not any(metric == "novel" for _, metric in table({"perfect": FIRST}))
