"""Stage ``lexical_motion``: CMMM, the motion encoder of the system `lexical` (phase 2).

By hand: ``python -m tasks.stages.lexical_motion``.
"""

from lamp_core.config import LexicalMotion
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.lexical.batches import LexicalItem, Motions
from lamp_core.lexical.items import lexical_items
from lamp_core.lexical.motion_folder import save_motion
from lamp_core.lexical.motion_training import (
    LexicalMotionModel,
    measured_motion,
    motion_states,
    new_motion_model,
    train_motion,
)
from lamp_core.lexical.probe import names_of, probed
from tasks.stage.process import StageContext, main


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split, or pass on an encoder that starts at random."""
    settings = stage.settings(LexicalMotion)
    features = FeatureSet.load(stage.input("features"))
    splits = {split: items_of(features, split) for split in ("train", "val")}
    items = {split: lexical_items(features, found, settings.max_frames) for split, found in splits.items()}
    model = new_motion_model(settings, features.skeleton, stage.device)
    if not settings.skip:
        train_motion(
            model,
            items["train"],
            settings,
            validation=items["val"],
            checkpoints=stage.checkpoints,
            on_log=stage.on_log,
            on_progress=stage.on_progress,
        )
    stage.end_helpers()
    if settings.skip:
        stage.on_log(0, {"skipped": 1.0})
    save_motion(stage.output, model.encoder)
    if not items["val"]:
        return {}
    held = Motions([item.features_TD for item in items["val"]], stage.device)
    return measured_motion(model, held, settings) | _probe(model, splits, items)


def _probe(
    model: LexicalMotionModel, splits: dict[str, list[Item]], items: dict[str, list[LexicalItem]]
) -> dict[str, float]:
    """How well a linear probe reads a motion's content: its label where the data set has one, and the first
    verb of its captions."""
    device = model.patch_JHW.device
    states = {
        split: motion_states(model.encoder, Motions([item.features_TD for item in of_split], device))
        for split, of_split in items.items()
    }
    names = {split: names_of(of_split) for split, of_split in splits.items()}
    measured: dict[str, float] = {}
    for of, names_N in names["train"].items():
        measured |= probed(of, states["train"], names_N, states["val"], names["val"][of])
    return measured


if __name__ == "__main__":
    main("lexical_motion", run)
