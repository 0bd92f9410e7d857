"""Stage ``alignment``: the language model learns words of motion, and keeps its language.

By hand: ``python -m tasks.stages.alignment``.
"""

from lamp_core.config import Alignment
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.m2t.language_model import load_base
from lamp_core.motion_language.folder import Origin, save_speaker
from lamp_core.motion_language.model import parameters_of
from lamp_core.motion_language.training import align
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import has_further_layers
from lamp_core.training.watching import Watching
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captions import further_texts
from tasks.stages.inputs.spoken import spoken_motions, wordless_motions


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure loss, answers and the perplexity of text on the validation split."""
    settings = stage.settings(Alignment)
    features = FeatureSet.load(stage.input("features"))
    tokenizer = load_tokenizer(stage.input("tokenizer"))
    if has_further_layers(tokenizer):
        tokenizer = tokenizer.leading(settings.residual_layers)
    base = load_base(stage.input("language_model"), stage.device)
    longest = settings.max_frames // tokenizer.downsampling
    train, val = (spoken_motions(stage, features, tokenizer, split, longest) for split in ("train", "val"))
    wordless = wordless_motions(stage, features, tokenizer, "train", longest)
    texts = further_texts(stage, "language_model")
    sentences, held_out = texts.divided(stage.config.language_model.texts_held_out)
    captions = [caption for item in train for caption in item.captions]
    model, words, found = align(
        base,
        tokenizer,
        settings,
        [*train, *wordless],
        sentences=[*captions, *sentences],
        held_out=held_out,
        prompt=stage.config.m2t.prompt,
        validation=val,
        watching=Watching(stage.checkpoints, stage.on_log, stage.on_progress),
    )
    stage.end_helpers()
    trained = parameters_of(model)
    save_speaker(stage.output, model.merged(), words, Origin.of(base, features.skeleton, settings))
    if wordless:
        found["motions_without_captions"] = len(wordless)
    return found | {"trained_parameters": trained, "words_of_motion": len(words.vocabulary)}


if __name__ == "__main__":
    main("alignment", run)
