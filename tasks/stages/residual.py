"""Stage ``residual``: the residual transformer, which fills the further layers of a residual tokenizer.

By hand: ``python -m tasks.stages.residual``.
"""

from functools import partial

from lamp_core.config import Residual
from lamp_core.errors import LampError
from lamp_core.t2m.conditions import conditions_of, reader_of
from lamp_core.t2m.folder import save_residual
from lamp_core.t2m.residual_training import train_residual, validation_losses
from lamp_core.tokenizers.binding import bind
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import has_further_layers
from lamp_core.tokenizers.vqvae import CodebookTokenizer
from lamp_core.training.watching import Watching
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captioned_tokens import CaptionedTokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure the codes of each layer on the validation split."""
    settings = stage.settings(Residual)
    tokenizer = load_tokenizer(stage.input("tokenizer"))
    if not isinstance(tokenizer, CodebookTokenizer) or not has_further_layers(tokenizer):
        raise LampError(
            "stage 'residual': the tokenizer has no further layers; set tokenizer.kind: rvq, or leave the "
            "stage out (`lamp run` runs it where it is needed)"
        )
    texts = stage.config.t2m
    conditions = partial(conditions_of, texts, data=stage.data)
    tokens = CaptionedTokens.load(stage, "train", conditions)
    val = CaptionedTokens.load(stage, "val", conditions).of_items(all_channels=True)
    model = train_residual(
        tokens.of_items(all_channels=True),
        settings,
        tokenizer,
        tokens.max_tokens,
        reader=reader_of(texts, tokens.lamp.model),
        device=stage.device,
        validation=val,
        watching=Watching(stage.checkpoints, stage.on_log, stage.on_progress),
    )
    stage.end_helpers()
    save_residual(stage.output, model, texts)
    bind(stage.output, tokenizer)
    return validation_losses(model, val, stage.device) if val else {}


if __name__ == "__main__":
    main("residual", run)
