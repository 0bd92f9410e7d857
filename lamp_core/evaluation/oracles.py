"""What retrieval can reach at most where captions are made from labels: who knows the labels, and no more.

Captions that say the content and the style of a clip suit every clip of that content and style, and no
system can tell these apart by what the text says. An oracle ranks all clips with the query's labels first,
in no order among them.

Shapes: N items.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lamp_core.evaluation.baselines import ORACLE

Labels = Sequence[Mapping[str, str]]


def oracle_similarities(labels: Labels) -> dict[str, np.ndarray]:
    """For each oracle, by name, 1 where it takes two items for the same and 0 elsewhere (N, N).

    The first knows the coarsest label, each further one the next label too; one that tells apart no more
    than the one before it is left out. Items without any label are like themselves alone. Nothing where
    no item has a label.
    """
    names = label_names(labels)
    oracles: dict[str, np.ndarray] = {}
    groups = 0
    for known in range(1, len(names) + 1):
        group_N = label_groups(labels, names[:known])
        if len(set(group_N.tolist())) == groups:
            continue
        groups = len(set(group_N.tolist()))
        oracles[f"{ORACLE}{', '.join(names[:known])}"] = (group_N[:, None] == group_N).astype(np.float32)
    return oracles


def label_names(labels: Labels) -> list[str]:
    """The names of all labels, the coarsest first."""
    return list(dict.fromkeys(name for of_item in labels for name in of_item))


def label_groups(labels: Labels, names: Sequence[str]) -> np.ndarray:
    """A number an item (N,), the same for items whose labels of these names are the same.

    An item without labels has a number of its own.
    """
    keys = [
        tuple(of_item.get(name, "") for name in names) if of_item else (place,)
        for place, of_item in enumerate(labels)
    ]
    number_of = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([number_of[key] for key in keys])
