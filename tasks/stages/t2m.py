"""Stage ``t2m``: the masked motion transformer.

By hand: ``python -m tasks.stages.t2m``.
"""

from functools import partial

from torch import Tensor

from lamp_core.config import TextToMotion
from lamp_core.t2m.conditions import conditions_of, reader_of
from lamp_core.t2m.folder import save_t2m
from lamp_core.t2m.training import MotionText, train_t2m, validation_losses
from lamp_core.tokenizers.binding import bind
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import check_first_channel
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.captioned_tokens import CaptionedTokens


def run(stage: StageContext) -> dict[str, float]:
    """Train on the train split; measure the masked prediction on the validation split."""
    settings = stage.settings(TextToMotion)
    tokenizer = load_tokenizer(stage.input("tokenizer"))
    check_first_channel(tokenizer)
    conditions = partial(conditions_of, settings, data=stage.data)
    tokens = CaptionedTokens.load(stage, "train", conditions)
    val = _items(CaptionedTokens.load(stage, "val", conditions))
    model = train_t2m(
        _items(tokens),
        settings,
        tokens.codebook_size,
        tokens.max_tokens,
        reader=reader_of(settings, tokens.lamp),
        device=stage.device,
        validation=val,
        checkpoints=stage.checkpoints,
        on_log=stage.on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    save_t2m(stage.output, model)
    bind(stage.output, tokenizer)
    return validation_losses(model, val, stage.device) if val else {}


def _items(tokens: CaptionedTokens) -> list[MotionText]:
    of_item: list[list[Tensor]] = [[] for _ in tokens.codes]
    for index, condition_PW in zip(tokens.owners_N.tolist(), tokens.conditions, strict=True):
        of_item[index].append(condition_PW)
    return [MotionText(*each) for each in zip(tokens.codes, of_item, strict=True)]


if __name__ == "__main__":
    main("t2m", run)
