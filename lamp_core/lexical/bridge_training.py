"""LexMMM (phase 3): the motion has to say the words of its caption.

The motion encoder's states go through the lexical head of the text side; the mean of the word embeddings
under the distribution that comes out is all that the weak decoder gets to fill in a heavily masked caption.
The text encoder, its head and the word embeddings stay as they are, so that words go on to mean what they
meant; the papers leave this open.

Shapes: B batch, T frames, L word pieces, V vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lamp_core.config.lexical import LexicalBridge
from lamp_core.errors import LampError
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import NO_CAPTION, CaptionTable, LexicalItem, Motions, in_parts
from lamp_core.lexical.masking import WordMasking, masked_loss
from lamp_core.lexical.model import LexicalModel
from lamp_core.lexical.text_encoder import WeakDecoder
from lamp_core.pairs.table import PairTable
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import share
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

MEASURED_TOGETHER = 64
VALIDATED = "val_loss"


class BridgeModel(nn.Module):
    """Both encoders with the weak decoder; of the text side the decoder alone is trained.

    Args:
        model: motion and text encoder.
        decoder: of the phase before.
    """

    def __init__(self, model: LexicalModel, decoder: WeakDecoder) -> None:
        super().__init__()
        self.model, self.decoder = model, decoder
        model.text.requires_grad_(False)

    def forward(self, features_BTD: Tensor, mask_BT: Tensor, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Logits (B, L, V) of the words of a masked caption, by the words of the motion."""
        text = self.model.text
        bottleneck_BH = text.bottleneck(self.model.motion_logits(features_BTD, mask_BT))
        logits: Tensor = self.decoder(text, bottleneck_BH, ids_BL, mask_BL)
        return logits


def train_bridge(
    bridge: BridgeModel,
    tokenizer: TextTokenizer,
    items: Sequence[LexicalItem],
    settings: LexicalBridge,
    function_word_weight: float,
    *,
    validation: Sequence[LexicalItem] = (),
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Train the motion encoder to fill the bottleneck.

    Args:
        bridge: what is trained.
        tokenizer: of the captions.
        items: of the train split.
        settings: section ``lexical_bridge``.
        function_word_weight: of ``lexical_text``.
        validation: items that training does not see; their loss decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is no item.
    """
    if not items:
        raise LampError(NO_CAPTION)
    seed_everything(settings.training.seed)
    device = bridge.model.text.words_VH.device
    masking = WordMasking(tokenizer, function_word_weight, device)
    table = PairTable([item.clip for item in items], [item.captions for item in items])
    captions = CaptionTable(table.captions, tokenizer, device)
    motions = Motions([item.features_TD for item in items], device)
    sampler = BatchSampler.of(len(items), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        items_B = sampler.whole(number)
        ids_BL, mask_BL = captions.pick(table.draw(items_B))
        heavy = masking.hide(ids_BL, mask_BL, settings.caption_mask, torch.rand(ids_BL.shape).to(device))
        draw_apart()
        pairs = (*map(share, motions.pick(items_B)), share(heavy.ids_BL), share(mask_BL))
        return {"loss": masked_loss(bridge(*pairs), share(ids_BL), share(heavy.is_hidden_BL))}

    fit(
        bridge,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(
            lambda: measured_bridge(bridge, masking, tokenizer, validation, settings), VALIDATED, "lower"
        )
        if validation
        else None,
    )


@torch.no_grad()
def measured_bridge(
    bridge: BridgeModel,
    masking: WordMasking,
    tokenizer: TextTokenizer,
    items: Sequence[LexicalItem],
    settings: LexicalBridge,
) -> dict[str, float]:
    """What the decoder makes of first captions, with the same masks every time.

    Returns:
        ``val_loss`` and ``val_content_accuracy``, the share of hidden content words that are named by the
        words of the caption's motion; and ``val_content_accuracy_of_another`` by those of another motion,
        the next one: what is above it came from the motion.
    """
    bridge.eval()
    device = bridge.model.text.words_VH.device
    motions = Motions([item.features_TD for item in items], device)
    captions = CaptionTable([item.captions[0] for item in items], tokenizer, device)
    generator = torch.Generator().manual_seed(settings.training.seed)
    loss = hidden = content = right = wrong = 0.0
    for items_B in in_parts(len(items), MEASURED_TOGETHER):
        ids_BL, mask_BL = captions.pick(items_B)
        drawn_BL = torch.rand(ids_BL.shape, generator=generator).to(device)
        heavy = masking.hide(ids_BL, mask_BL, settings.caption_mask, drawn_BL)
        words = int(heavy.is_hidden_BL.sum())
        is_content_BL = masking.is_content(ids_BL) & heavy.is_hidden_BL
        logits_BLV = bridge(*motions.pick(items_B), heavy.ids_BL, mask_BL)
        others_B = np.roll(items_B, 1)
        of_others_BLV = bridge(*motions.pick(others_B), heavy.ids_BL, mask_BL)
        loss += words * float(masked_loss(logits_BLV, ids_BL, heavy.is_hidden_BL))
        hidden, content = hidden + words, content + float(is_content_BL.sum())
        right += float(((logits_BLV.argmax(-1) == ids_BL) & is_content_BL).sum())
        wrong += float(((of_others_BLV.argmax(-1) == ids_BL) & is_content_BL).sum())
    return {
        VALIDATED: loss / max(1.0, hidden),
        "val_content_accuracy": right / max(1.0, content),
        "val_content_accuracy_of_another": wrong / max(1.0, content),
    }
