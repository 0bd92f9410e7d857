"""Stage ``lexical_bridge``: LexMMM, the motion says the words of its caption (phase 3).

By hand: ``python -m tasks.stages.lexical_bridge``.
"""

from lamp_core.config import LexicalBridge
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.lexical.bridge_training import BridgeModel, measured_bridge, train_bridge
from lamp_core.lexical.folder import joined, save_lexical
from lamp_core.lexical.items import lexical_items
from lamp_core.lexical.masking import WordMasking
from lamp_core.lexical.motion_folder import load_motion
from lamp_core.lexical.text_folder import load_text
from tasks.stage.process import StageContext, main


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split, or join both encoders as they are."""
    settings = stage.settings(LexicalBridge)
    features = FeatureSet.load(stage.input("features"))
    text, tokenizer = load_text(stage.input("lexical_text"))
    motion = load_motion(stage.input("lexical_motion"))
    train, val = (
        lexical_items(features, items_of(features, split), motion.shape.max_frames)
        for split in ("train", "val")
    )
    model = joined(text.text, motion, settings.training.seed)
    bridge = BridgeModel(model, text.decoder).to(stage.device)
    weight = stage.config.lexical_text.function_word_weight
    if not settings.skip:
        train_bridge(
            bridge,
            tokenizer,
            train,
            settings,
            weight,
            validation=val,
            checkpoints=stage.checkpoints,
            on_log=stage.on_log,
            on_progress=stage.on_progress,
        )
    stage.end_helpers()
    if settings.skip:
        stage.on_log(0, {"skipped": 1.0})
    save_lexical(stage.output, model, tokenizer)
    if not val:
        return {}
    masking = WordMasking(tokenizer, weight, stage.device)
    return measured_bridge(bridge, masking, tokenizer, val, settings)


if __name__ == "__main__":
    main("lexical_bridge", run)
