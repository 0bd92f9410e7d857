"""Stage ``t2m``: the masked motion transformer.

By hand: ``python -m tasks.stages.t2m``.
"""

from functools import partial
from importlib import import_module

from lamp_core.config import TextToMotion
from lamp_core.t2m.conditions import conditions_of, reader_of
from lamp_core.t2m.folder import save_t2m
from lamp_core.t2m.training import Decode, train_t2m, validation_losses
from lamp_core.tokenizers.binding import bind
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import check_first_channel
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captioned_tokens import CaptionedTokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure prediction on the validation split, and decoding where it decides."""
    settings = stage.settings(TextToMotion)
    tokenizer = load_tokenizer(stage.input("tokenizer"))
    check_first_channel(tokenizer)
    conditions = partial(conditions_of, settings, data=stage.data)
    tokens = CaptionedTokens.load(stage, "train", conditions)
    val = CaptionedTokens.load(stage, "val", conditions).of_items()
    decoded: tuple[Decode, str] | None = None
    if settings.validate_by == "decoding":
        # By name: where the loss decides, sampler and metrics change nothing, and must not make the stage
        # stale; where it decodes, `t2m.judging_code` makes it depend on the whole library.
        inputs = import_module("tasks.stages.inputs.decoded")
        decoded = inputs.decoding(stage, conditions(tokens.lamp), tokens.lamp, tokenizer.to(stage.device))
    model = train_t2m(
        tokens.of_items(),
        settings,
        tokens.codebook_size,
        tokens.max_tokens,
        reader=reader_of(settings, tokens.lamp.model),
        device=stage.device,
        validation=val,
        decoded=decoded,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_t2m(stage.output, model)
    bind(stage.output, tokenizer)
    return {
        **(validation_losses(model, val, stage.device) if val else {}),
        **(decoded[0](model) if decoded else {}),
    }


if __name__ == "__main__":
    main("t2m", run)
