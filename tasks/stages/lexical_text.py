"""Stage ``lexical_text``: LexMLM, the text encoder of the system `lexical` (phase 1).

By hand: ``python -m tasks.stages.lexical_text``.
"""

from lamp_core.config import LexicalText
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.lexical.batches import CaptionTable
from lamp_core.lexical.masking import WordMasking
from lamp_core.lexical.text_folder import save_text
from lamp_core.lexical.text_training import measured_text, new_text_model, train_text
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captions import captions_of, further_texts

STARTED = "val_lexical_entropy_before"


def run(stage: StageContext) -> dict[str, float]:
    """Train on the captions of the train split and further texts, or pass on what the encoder starts from."""
    settings = stage.settings(LexicalText)
    features = FeatureSet.load(stage.input("features"))
    train, val = captions_of(features, "train"), captions_of(features, "val")
    texts = further_texts(stage, "lexical_text")
    captions = [*train, *texts.sentences]
    model, tokenizer = new_text_model(settings, captions, stage.device)
    masking = WordMasking(tokenizer, settings.function_word_weight, stage.device)
    held = CaptionTable(val, tokenizer, stage.device) if val else None
    before = measured_text(model, masking, held, settings) if held else {}
    if not settings.skip:
        train_text(
            model,
            tokenizer,
            captions,
            settings,
            validation=val,
            checkpoints=stage.checkpoints,
            on_log=stage.on_log,
            on_progress=stage.on_progress,
        )
    stage.end_helpers()
    if settings.skip:
        stage.on_log(0, {"skipped": 1.0})
    save_text(stage.output, model, tokenizer)
    return {
        "sentences": len(captions),
        "texts_unreadable": texts.unreadable,
        "vocabulary": tokenizer.size,
        "terms": int(model.text.is_term_V.sum()),
        **({STARTED: before["val_lexical_entropy"]} if held else {}),
        **(measured_text(model, masking, held, settings) if held else {}),
    }


if __name__ == "__main__":
    main("lexical_text", run)
