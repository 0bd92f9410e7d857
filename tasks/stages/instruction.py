"""Stage ``instruction``: the aligned language model learns tasks by instruction.

By hand: ``python -m tasks.stages.instruction``.
"""

from dataclasses import replace

from lamp_core.config import Instruction
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.motion_language.folder import load_speaker, save_speaker
from lamp_core.motion_language.model import parameters_of
from lamp_core.motion_language.prompts import template_hash
from lamp_core.motion_language.training import tune
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.training.watching import Watching
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captions import further_texts
from tasks.stages.inputs.spoken import spoken_motions


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure the loss, and the answers to every task, on the validation split."""
    settings = stage.settings(Instruction)
    features = FeatureSet.load(stage.input("features"))
    tokenizer = load_tokenizer(stage.input("tokenizer"))
    speaker = load_speaker(stage.input("alignment"), stage.device)
    speaker.vocabulary.check_tokenizer(tokenizer, str(stage.input("alignment")))
    tokenizer = tokenizer.leading(len(speaker.vocabulary.channels))
    longest = speaker.vocabulary.max_tokens
    train, val = (spoken_motions(stage, features, tokenizer, split, longest) for split in ("train", "val"))
    texts = further_texts(stage, "language_model")
    model, words, found = tune(
        speaker,
        settings,
        train,
        prompt=stage.config.m2t.prompt,
        validation=val,
        held_out=texts.divided(stage.config.language_model.texts_held_out)[1],
        watching=Watching(stage.checkpoints, stage.on_log, stage.on_progress),
    )
    stage.end_helpers()
    trained = parameters_of(model)
    origin = replace(
        speaker.origin,
        prompts=settings.prompts,
        prompts_hash=template_hash(settings.prompts),
        settings=settings.model_dump(mode="json"),
    )
    save_speaker(stage.output, model.merged(), words, origin)
    return found | {"trained_parameters": trained}


if __name__ == "__main__":
    main("instruction", run)
