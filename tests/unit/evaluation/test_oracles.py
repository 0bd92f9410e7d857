"""What an oracle reaches that knows the labels of the captions, against the closed form and a plain loop."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.labels import labels_of_name
from lamp_core.evaluation.oracles import label_groups, label_names, oracle_similarities
from lamp_core.evaluation.protocols.retrieval import evaluate_retrieval
from lamp_core.skeleton.mapping import load_map

SETTINGS = Evaluate(repeats=1, protocols=("full",))


def recall_of(labels, k: int) -> float:
    """In groups of n an order at random puts the right item among the first k with probability k / n."""
    keys = [json.dumps(sorted(of_item.items())) for of_item in labels]
    size_of = Counter(keys)
    return 100 * float(np.mean([min(1.0, k / size_of[key]) for key in keys]))


def rows_of(labels, similarity, system: str = "LaMP-Feat"):
    captions = [str(place) for place in range(len(labels))]
    groups = label_groups(labels, label_names(labels))
    found = evaluate_retrieval(similarity, captions, SETTINGS, system=system, label_groups_N=groups)
    return {(row.system, row.metric): row.value for row in found}


def test_oracles_of_the_real_clips(shared: Path):
    """Known of the full test gallery: content and style reach R@1 20.4 and R@10 95.7."""
    names = (shared / "data" / "bandai-namco" / "splits" / "test.txt").read_text().split()
    labels = [labels_of_name(load_map("bandai-namco").labels, name) for name in names]
    assert labels[0] == {"content": "bow", "style": "chimpira"}
    oracles = oracle_similarities(labels)
    assert list(oracles) == ["oracle: content", "oracle: content, style"]
    values = rows_of(labels, oracles["oracle: content, style"])
    assert values["LaMP-Feat", "text to motion R@1"] == pytest.approx(20.4, abs=0.05)
    assert values["LaMP-Feat", "text to motion R@10"] == pytest.approx(95.7, abs=0.05)
    assert values["LaMP-Feat", "motion to text R@10"] == pytest.approx(recall_of(labels, 10))
    assert values["LaMP-Feat", "text to motion same labels"] == 100.0
    coarse = rows_of(labels, oracles["oracle: content"])
    contents = [{"content": of_item["content"]} for of_item in labels]
    assert coarse["LaMP-Feat", "text to motion R@1"] == pytest.approx(recall_of(contents, 1))


def test_the_share_of_first_hits_with_the_same_labels_is_that_of_a_loop():
    rng = np.random.default_rng(2)
    labels = [{"content": str(rng.integers(3)), "speed": str(rng.integers(2))} for _ in range(60)]
    similarity = rng.normal(size=(60, 60)).round(1)
    values = rows_of(labels, similarity)
    shares = []
    for query in range(60):
        first = np.flatnonzero(similarity[query] == similarity[query].max())
        shares.append(np.mean([labels[item] == labels[query] for item in first]))
    assert values["LaMP-Feat", "text to motion same labels"] == pytest.approx(100 * np.mean(shares))
    size_of = Counter(json.dumps(of_item) for of_item in labels)
    chance = np.mean([size_of[json.dumps(of_item)] / 60 for of_item in labels])
    assert values["chance", "motion to text same labels"] == pytest.approx(100 * chance)


def test_labels_that_tell_nothing_apart_make_no_oracle_and_items_without_any_are_alone():
    labels = [{"set": "a", "content": "walk"}, {"set": "a", "content": "run"}, {}, {}]
    assert list(oracle_similarities(labels)) == ["oracle: set", "oracle: set, content"]
    assert oracle_similarities(labels)["oracle: set"].tolist() == [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    assert oracle_similarities([{}, {}]) == {}
    assert list(oracle_similarities([{"a": "x", "b": "z"}, {"a": "y", "b": "z"}])) == ["oracle: a"]


def test_without_labels_nothing_is_said_of_them():
    found = evaluate_retrieval(np.eye(4), list("abcd"), SETTINGS, system="LaMP-Feat")
    assert not any("labels" in row.metric for row in found)
