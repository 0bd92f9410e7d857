"""BLEU, ROUGE-L and CIDEr against the implementations that the papers' code wraps."""

import random

import numpy as np
import pytest
import sacrebleu
from pycocoevalcap.cider.cider import Cider
from rouge_score.rouge_scorer import RougeScorer

from lamp_core.errors import LampError
from lamp_core.metrics.bleu import bleu
from lamp_core.metrics.captions import (
    caption_words,
    empty_captions,
    mean_words,
    three_references,
)
from lamp_core.metrics.cider import cider, cider_of_each
from lamp_core.metrics.rouge import common_subsequence, rouge_l

CAPTIONS = [
    "A person walks forward, then turns around.",
    "someone jumps",
    "",
    "the man the man the man walks",
    "a person raises the left arm and waves it slowly from side to side to say goodbye",
    "He kicks!",
]
REFERENCES = [
    ["a person walks forward and turns around", "Someone is walking, turning", "a man walks"],
    ["a person jumps up", "someone jumps up and down twice", "jumping"],
    ["a person stands still", "standing", "nothing happens at all here"],
    ["the man walks in a circle", "a man walks around", "the man walks to the man"],
    ["a person waves goodbye with the left arm", "the left arm waves slowly from side to side", "waving"],
    ["a man kicks the ball", "he kicks", "kicking with the right leg"],
]


def words(caption):
    return " ".join(caption_words(caption))


def random_set(count, seed, references=3):
    draws = random.Random(seed)
    vocabulary = [f"word{index}" for index in range(25)]

    def sentence(shortest=0):
        return " ".join(draws.choices(vocabulary, k=draws.randint(shortest, 12)))

    listed = [[sentence(1) for _ in range(references)] for _ in range(count)]
    captions = [
        draws.choice(one)[: draws.randint(0, 60)] if draws.random() < 0.5 else sentence() for one in listed
    ]
    return captions, listed


SETS = [(CAPTIONS, REFERENCES), random_set(40, 0), random_set(40, 1, references=1), random_set(7, 2)]


@pytest.mark.parametrize(("captions", "references"), SETS)
def test_bleu_is_sacrebleus(captions, references):
    streams = [[words(listed[place]) for listed in references] for place in range(len(references[0]))]
    for length, value in bleu(captions, references).items():
        metric = sacrebleu.BLEU(max_ngram_order=length, tokenize="none", smooth_method="none", force=True)
        assert 100 * value == pytest.approx(metric.corpus_score([*map(words, captions)], streams).score)


@pytest.mark.parametrize(("captions", "references"), SETS)
def test_rouge_l_is_rouge_scores(captions, references):
    scorer = RougeScorer(["rougeL"])
    scores = [
        scorer.score_multi(listed, caption)["rougeL"].fmeasure
        for caption, listed in zip(captions, references, strict=True)
    ]
    assert rouge_l(captions, references) == pytest.approx(np.mean(scores))


@pytest.mark.parametrize(("captions", "references"), SETS)
def test_cider_is_cocos(captions, references):
    truth = {place: [*map(words, listed)] for place, listed in enumerate(references)}
    made = {place: [words(text)] for place, text in enumerate(captions)}
    expected, expected_N = Cider().compute_score(truth, made)
    assert cider(captions, references) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(cider_of_each(captions, references), expected_N, rtol=1e-12)
    assert expected > 0


def test_cider_of_lists_of_different_length_is_cocos():
    references = [listed[: 1 + place % 3] for place, listed in enumerate(REFERENCES)]
    truth = {place: [*map(words, listed)] for place, listed in enumerate(references)}
    result = {place: [words(text)] for place, text in enumerate(CAPTIONS)}
    assert cider(CAPTIONS, references) == pytest.approx(Cider().compute_score(truth, result)[0], rel=1e-12)


def test_the_common_subsequence_is_that_of_the_table():
    draws = random.Random(0)
    for _ in range(50):
        first, second = ([draws.choice("abcd") for _ in range(draws.randint(0, 70))] for _ in range(2))
        table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
        for i, one in enumerate(first):
            for j, other in enumerate(second):
                table[i + 1, j + 1] = (
                    table[i, j] + 1 if one == other else max(table[i, j + 1], table[i + 1, j])
                )
        assert common_subsequence(first, second) == table[-1, -1]


def test_a_true_caption_scores_most():
    captions = [listed[0] for listed in REFERENCES]
    assert bleu(captions, REFERENCES)[1] == pytest.approx(1.0)
    assert rouge_l(captions, REFERENCES) == pytest.approx(1.0)
    assert cider(captions, [[text] for text in captions]) == pytest.approx(10.0)


def test_only_empty_captions_score_nothing():
    captions = ["", "  ", "...", "", "", ""]
    assert empty_captions(captions) == 6
    assert bleu(captions, REFERENCES) == {1: 0.0, 2: 0.0, 3: 0.0, 4: 0.0}
    assert (rouge_l(captions, REFERENCES), cider(captions, REFERENCES)) == (0.0, 0.0)


def test_the_order_of_the_motions_does_not_matter():
    order = [3, 0, 5, 1, 4, 2]
    captions, references = [CAPTIONS[place] for place in order], [REFERENCES[place] for place in order]
    assert bleu(captions, references) == pytest.approx(bleu(CAPTIONS, REFERENCES))
    assert rouge_l(captions, references) == pytest.approx(rouge_l(CAPTIONS, REFERENCES))
    assert cider(captions, references) == pytest.approx(cider(CAPTIONS, REFERENCES))


def test_three_references_repeat_from_the_first():
    assert three_references(["a", "b"]) == ["a", "b", "a"]
    assert three_references(["a", " ", "b", "c", "d"]) == ["a", "b", "c"]
    with pytest.raises(LampError, match="2 captions of a motion of which none has a word"):
        three_references(["", " "])


def test_words_are_lower_case_and_keep_letters_of_every_language():
    assert caption_words("He's at  No.7, naïve_walker!") == ["he", "s", "at", "no", "7", "naïve", "walker"]
    assert mean_words(["one two", "", "three"]) == 1.0


def test_what_cannot_be_scored_is_named():
    with pytest.raises(LampError, match="1 captions and 6 lists"):
        bleu(["a"], REFERENCES)
    with pytest.raises(LampError, match="0 captions"):
        rouge_l([], [])
    with pytest.raises(LampError, match="caption 1 has no reference with a word"):
        cider(["a", "b"], [["a"], ["..."]])
    with pytest.raises(LampError, match="two motions, found 1"):
        cider(["a"], [["a"]])
