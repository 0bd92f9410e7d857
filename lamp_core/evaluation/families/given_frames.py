"""What families have in common whose models are given frames of the true motions."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.joints import Complete
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.capabilities import Completes, Controls


def of_captions(make: Callable[..., list[np.ndarray]]) -> Complete:
    """What a protocol calls of a model that makes motions of texts and given frames: captions for texts."""
    return lambda captions, motions, given, seed: make(
        [caption.text for caption in captions], motions, given, seed
    )


def from_given(
    evaluate: Callable[..., list[Result]],
    called: Mapping[str, Complete],
    models: Mapping[str, Completes] | Mapping[str, Controls],
    trained: Trained,
    on_progress: OnProgress | None,
) -> list[Result]:
    """Measure by a protocol that gives frames, on the items that the models look at whole."""
    if not models:
        return []
    longest = min(model.longest_frames for model in models.values())
    items = [item for item in trained.items if item.frames <= longest]
    lost = len(trained.items) - len(items)
    note = f"{lost} items longer than the model's {longest} frames left out" if lost else ""
    space = trained.features
    rows = evaluate(items, called, space.skeleton, space.statistics, trained.settings, on_progress)
    return [replace(row, note="; ".join(filter(None, (row.note, note)))) for row in rows]
