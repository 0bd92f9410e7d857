"""Stage ``evaluate``: the trained models by every protocol, each beside a floor and an untrained model.

By hand: ``python -m tasks.stages.evaluate``. `lamp evaluate` measures on demand.
"""

import numpy as np

from lamp_core.config import Evaluate
from lamp_core.evaluation.caption_examples import caption_examples
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.families.family import generate_with
from lamp_core.evaluation.samples import CAPTIONED, GENERATED
from lamp_core.evaluation.trained import Trained
from lamp_core.io.parquet import write_table
from lamp_core.systems.lamp import MODELS
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.measured import measure_into_store, models_to_measure


def run(stage: StageContext) -> dict[str, float]:
    """Measure into the store, and keep motions and captions for the report."""
    trained = models_to_measure(stage, MODELS, stage.settings(Evaluate))
    measured = measure_into_store(stage, trained, FAMILIES)
    _write_generated(stage, trained)
    _write_captions(stage, trained)
    return measured


def _write_generated(stage: StageContext, trained: Trained) -> None:
    """Keep motions of a few test captions, spread over the split, for the report."""
    wanted = min(stage.config.report.players, len(trained.items))
    places = np.linspace(0, len(trained.items) - 1, wanted).astype(int)
    items = [trained.items[place] for place in places]
    captions = [item.captions[0] for item in items]
    settings = stage.settings(Evaluate)
    frames = [item.frames for item in items]
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
    write_table(stage.output / "generated.parquet", rows, GENERATED)


def _write_captions(stage: StageContext, trained: Trained) -> None:
    """Keep captions of a few test motions, and what the words of some look at, for the report."""
    settings = stage.config.report
    examples = caption_examples(trained, settings.captions, settings.explained)
    rows = [
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
        for example in examples
    ]
    write_table(stage.output / "captions.parquet", rows, CAPTIONED)


if __name__ == "__main__":
    main("evaluate", run)
