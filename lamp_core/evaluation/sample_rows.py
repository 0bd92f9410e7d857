"""A few test motions as the report shows them: rows of the tables of `lamp_core.evaluation.samples`."""

from typing import Any

import numpy as np

from lamp_core.evaluation.caption_examples import caption_examples
from lamp_core.evaluation.families.family import generate_with
from lamp_core.evaluation.trained import Trained


def generated_rows(trained: Trained, most: int) -> list[dict[str, Any]]:
    """Motions of a few test captions, spread over the split, by every model that generates.

    Args:
        trained: the models.
        most: captions.
    """
    places = np.linspace(0, len(trained.items) - 1, min(most, len(trained.items))).astype(int)
    items = [trained.items[place] for place in places]
    captions = [item.captions[0] for item in items]
    settings, frames = trained.settings, [item.frames for item in items]
    rows = []
    for system, model in trained.generating.items():
        made = generate_with(model, settings.length == "true")(captions, frames, settings.seed)
        raw = [trained.features.statistics.denormalise(motion_TD) for motion_TD in made]
        rows += [
            {
                "clip": item.clip,
                "start": item.start,
                "system": system,
                "caption": caption.text,
                "frames": len(motion_TD),
                "features": np.asarray(motion_TD, dtype=np.float32).ravel(),
            }
            for item, caption, motion_TD in zip(items, captions, raw, strict=True)
        ]
    return rows


def captioned_rows(trained: Trained, most: int, explained: int) -> list[dict[str, Any]]:
    """Captions of a few test motions, and what the words of some look at.

    Args:
        trained: the models.
        most: motions.
        explained: of these, those whose words are explained.
    """
    return [
        {
            "clip": example.item.clip,
            "start": example.item.start,
            "references": [caption.text for caption in example.item.captions],
            "system": example.system,
            "caption": example.caption,
            "nearest": example.nearest,
            "words": example.attention and list(example.attention.words),
            "attention": example.attention and example.attention.frames.ravel(),
        }
        for example in caption_examples(trained, most, explained)
    ]
