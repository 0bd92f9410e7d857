"""A linear probe: how much of what a motion is called can be read off a frozen encoder's states.

Shapes: N motions of the train split, M of another, H width, K labels.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lamp_core.datasets.captions import Caption

RIDGE = 1e-2
VERB = "VERB"


def first_verb(captions: Sequence[Caption]) -> str | None:
    """The first verb of a motion's captions, in its base form; None where none is tagged."""
    verbs = (
        word
        for caption in captions
        for word, tag in zip(caption.words, caption.tags, strict=True)
        if tag == VERB
    )
    return next(verbs, None)


def probed(
    states_NH: np.ndarray, labels_N: Sequence[str], states_MH: np.ndarray, labels_M: Sequence[str]
) -> dict[str, float]:
    """Accuracy of a ridge regression onto the labels, beside always saying the most frequent one.

    Labels that the train split does not have count as wrong. Nothing where a split has no label.
    """
    if not len(labels_N) or not len(labels_M):
        return {}
    known = sorted(set(labels_N))
    mean_H, scale_H = states_NH.mean(axis=0), states_NH.std(axis=0) + 1e-6
    train_NH, other_MH = (_with_one((states - mean_H) / scale_H) for states in (states_NH, states_MH))
    targets_NK = (np.array(labels_N)[:, None] == np.array(known)).astype(np.float64)
    gram_HH = train_NH.T @ train_NH + RIDGE * len(train_NH) * np.eye(train_NH.shape[1])
    weights_HK = np.linalg.solve(gram_HH, train_NH.T @ targets_NK)
    said_M = np.array(known)[(other_MH @ weights_HK).argmax(axis=1)]
    most = Counter(labels_N).most_common(1)[0][0]
    true_M = np.array(labels_M)
    return {
        "val_probe_accuracy": float((said_M == true_M).mean()),
        "val_probe_most_frequent": float((true_M == most).mean()),
    }


def _with_one(states: np.ndarray) -> np.ndarray:
    return np.concatenate([states.astype(np.float64), np.ones((len(states), 1))], axis=1)
