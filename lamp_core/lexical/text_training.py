"""LexMLM (phase 1): masked words, in the text and through the bottleneck of the vocabulary.

The encoder fills in words of a lightly masked text. Its logits, max-pooled over the positions, are a
distribution over words; the mean of the word embeddings under it is all that a weak decoder gets, beside a
heavily masked text, to fill in the rest. So the distribution has to hold the words that the caption's
meaning hangs on.

Shapes: B batch, L word pieces, V vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.lexical import LexicalText
from lamp_core.errors import LampError
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import NO_CAPTION, CaptionTable, in_parts
from lamp_core.lexical.masking import MaskedWords, WordMasking, masked_loss
from lamp_core.lexical.text_encoder import LexicalTextModel, TextEncoder, WeakDecoder, max_pooled
from lamp_core.lexical.text_start import new_text
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import share
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

MEASURED_TOGETHER = 128
VALIDATED = "val_loss"


def new_text_model(
    settings: LexicalText, captions: Sequence[str], device: torch.device
) -> tuple[LexicalTextModel, TextTokenizer]:
    """The model before the first step; the same settings and captions give the same one.

    Raises:
        LampError: there is no caption, or as `new_text`.
    """
    if not captions:
        raise LampError(NO_CAPTION)
    seed_everything(settings.training.seed)
    text, tokenizer = new_text(settings, captions)
    return LexicalTextModel(text, WeakDecoder(text.shape)).to(device), tokenizer


def train_text(
    model: LexicalTextModel,
    tokenizer: TextTokenizer,
    captions: Sequence[str],
    settings: LexicalText,
    *,
    validation: Sequence[str] = (),
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Train with both masked-language losses.

    Args:
        model: as `new_text_model` made it.
        tokenizer: its vocabulary.
        captions: of the train split, and from elsewhere.
        settings: section ``lexical_text``.
        validation: captions that training does not see; their loss decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.
    """
    device = model.text.words_VH.device
    masking = WordMasking(tokenizer, settings.function_word_weight, device)
    table = CaptionTable(captions, tokenizer, device)
    sampler = BatchSampler.of(len(table), settings.training)
    ratios = ((settings.encoder_mask, settings.kept_share), (settings.decoder_mask, 0.0))

    def losses(number: int) -> dict[str, Tensor]:
        ids_BL, mask_BL = table.pick(sampler.whole(number))
        light, heavy = (
            masking.hide(ids_BL, mask_BL, ratio, torch.rand(ids_BL.shape).to(device), kept)
            for ratio, kept in ratios
        )
        draw_apart()
        encoder, decoder = text_losses(model, share(ids_BL), share(mask_BL), *(map(_shared, (light, heavy))))
        return {"loss": encoder + decoder, "encoder": encoder, "decoder": decoder}

    held = CaptionTable(validation, tokenizer, device) if validation else None
    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(lambda: measured_text(model, masking, held, settings), VALIDATED, "lower")
        if held
        else None,
    )


def _shared(words: MaskedWords) -> MaskedWords:
    return MaskedWords(share(words.ids_BL), share(words.is_hidden_BL))


def text_losses(
    model: LexicalTextModel, ids_BL: Tensor, mask_BL: Tensor, light: MaskedWords, heavy: MaskedWords
) -> tuple[Tensor, Tensor]:
    """The cross entropy of the encoder's hidden words, and of the weak decoder's."""
    encoder_BLV, pooled_BV = encoded(model.text, light, mask_BL)
    decoder_BLV = model.decoder(model.text, model.text.bottleneck(pooled_BV), heavy.ids_BL, mask_BL)
    return (
        masked_loss(encoder_BLV, ids_BL, light.is_hidden_BL),
        masked_loss(decoder_BLV, ids_BL, heavy.is_hidden_BL),
    )


def encoded(text: TextEncoder, words: MaskedWords, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, L, V) of a masked text, and the largest of each word (B, V)."""
    logits_BLV = text.logits(text(words.ids_BL, mask_BL))
    return logits_BLV, max_pooled(logits_BLV, mask_BL)


@torch.no_grad()
def measured_text(
    model: LexicalTextModel, masking: WordMasking, table: CaptionTable, settings: LexicalText
) -> dict[str, float]:
    """What the model makes of captions, with the same masks every time.

    Returns:
        ``val_loss`` of both losses; ``val_content_accuracy``, the share of hidden content words that the
        encoder names, and ``val_bottleneck_accuracy``, of those that the weak decoder names; and
        ``val_lexical_entropy``, the mean entropy of the lexical distribution of the whole captions in nats:
        the lower, the fewer words it says.
    """
    model.eval()
    generator = torch.Generator().manual_seed(settings.training.seed)
    sums: dict[str, float] = {}
    for captions_B in in_parts(len(table), MEASURED_TOGETHER):
        ids_BL, mask_BL = table.pick(captions_B)
        draws = [torch.rand(ids_BL.shape, generator=generator).to(ids_BL.device) for _ in range(2)]
        light = masking.hide(ids_BL, mask_BL, settings.encoder_mask, draws[0])
        heavy = masking.hide(ids_BL, mask_BL, settings.decoder_mask, draws[1])
        encoder_BLV, pooled_BV = encoded(model.text, light, mask_BL)
        decoder_BLV = model.decoder(model.text, model.text.bottleneck(pooled_BV), heavy.ids_BL, mask_BL)
        whole_BV = model.text.lexical_share(
            max_pooled(model.text.logits(model.text(ids_BL, mask_BL)), mask_BL)
        )
        parts = {
            **_counted("encoder", encoder_BLV, ids_BL, light, masking),
            **_counted("decoder", decoder_BLV, ids_BL, heavy, masking),
            "entropy": float(torch.special.entr(whole_BV).sum()),
        }
        sums = {name: sums.get(name, 0.0) + value for name, value in parts.items()}
    of_encoder, of_decoder = (_rates(sums, name) for name in ("encoder", "decoder"))
    return {
        VALIDATED: of_encoder[0] + of_decoder[0],
        "val_content_accuracy": of_encoder[1],
        "val_bottleneck_accuracy": of_decoder[1],
        "val_lexical_entropy": sums["entropy"] / len(table),
    }


def _counted(
    name: str, logits_BLV: Tensor, ids_BL: Tensor, words: MaskedWords, masking: WordMasking
) -> dict[str, float]:
    hidden = words.is_hidden_BL
    is_content = masking.is_content(ids_BL[hidden])
    is_right = logits_BLV[hidden].argmax(dim=-1) == ids_BL[hidden]
    return {
        f"{name} loss": float(F.cross_entropy(logits_BLV[hidden], ids_BL[hidden], reduction="sum")),
        f"{name} hidden": float(hidden.sum()),
        f"{name} content": float(is_content.sum()),
        f"{name} right": float((is_right & is_content).sum()),
    }


def _rates(sums: dict[str, float], name: str) -> tuple[float, float]:
    """Loss of a hidden word, and share of hidden content words that are right."""
    loss = sums[f"{name} loss"] / max(1.0, sums[f"{name} hidden"])
    return loss, sums[f"{name} right"] / max(1.0, sums[f"{name} content"])
