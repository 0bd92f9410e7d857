"""A linear probe: how much of what a motion is called can be read off a frozen encoder's states.

Shapes: N motions of the train split, M of another, H width, K labels.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item

RIDGE = 1e-2
VERB = "VERB"
CONTENT = "content"
"""The label of a clip that says what the person does, where a data set has it."""


def names_of(items: Sequence[Item]) -> dict[str, list[str | None]]:
    """What each of N motions is called, None where that is unknown: by its label and by its first verb."""
    return {
        CONTENT: [item.labels.get(CONTENT) for item in items],
        "verb": [first_verb(item.captions) for item in items],
    }


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
    of: str,
    states_NH: np.ndarray,
    names_N: Sequence[str | None],
    states_MH: np.ndarray,
    names_M: Sequence[str | None],
) -> dict[str, float]:
    """Accuracy of a ridge regression onto the labels, beside always saying the most frequent one.

    Motions without a label are left out; labels that the train split does not have count as wrong. Nothing
    where a split has no label.

    Args:
        of: what the labels are, for the names of the metrics.
        states_NH: of the train split.
        names_N: its labels.
        states_MH: of the split that is measured.
        names_M: its labels.
    """
    (states_NH, labels_N), (states_MH, labels_M) = (
        _labelled(states_NH, names_N),
        _labelled(states_MH, names_M),
    )
    if not labels_N or not labels_M:
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
        f"val_probe_{of}_accuracy": float((said_M == true_M).mean()),
        f"val_probe_{of}_most_frequent": float((true_M == most).mean()),
    }


def _labelled(states: np.ndarray, names: Sequence[str | None]) -> tuple[np.ndarray, list[str]]:
    places = [place for place, name in enumerate(names) if name is not None]
    return states[places], [name for name in names if name is not None]


def _with_one(states: np.ndarray) -> np.ndarray:
    return np.concatenate([states.astype(np.float64), np.ones((len(states), 1))], axis=1)
