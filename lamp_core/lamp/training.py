"""Pretrain LaMP on the train split.

The tokenizer is frozen, so its latents are computed once, before the first step.
Shapes: B batch, S motion tokens, C code width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.models import Pretrain
from lamp_core.datasets.items import DOWNSAMPLING, Item, mask_of, pad
from lamp_core.errors import LampError
from lamp_core.lamp.backbone import Backbone, copy_bert, load_backbone
from lamp_core.lamp.model import LaMP, LaMPShape, Pairs
from lamp_core.lamp.negatives import equal_pairs
from lamp_core.lamp.objectives import Batch, pretraining_losses
from lamp_core.lamp.text import TextTokenizer
from lamp_core.tokens.cache import TokenCache
from lamp_core.training import BatchSampler, OnLog, OnProgress, fit, seed_everything


@dataclass(frozen=True)
class PretrainItem:
    """A motion as the model sees it, with its captions.

    Args:
        clip: name of the clip.
        latents_SC: latents of the frozen tokenizer.
        codes_S: codes of the token cache.
        captions: at least one.
    """

    clip: str
    latents_SC: Tensor
    codes_S: Tensor
    captions: tuple[str, ...]


def pretrain_items(
    items: Sequence[Item], latents: Sequence[Tensor], cache: TokenCache, max_frames: int
) -> list[PretrainItem]:
    """Join items with their latents and cached codes, cut to ``max_frames``.

    Raises:
        LampError: the cache lacks an item.
    """
    longest = max_frames // DOWNSAMPLING
    joined = []
    for item, latents_SC in zip(items, latents, strict=True):
        if item.key not in cache.by_item:
            raise LampError(
                f"clip {item.clip} is not in the token cache; `lamp run --force tokens` makes it anew"
            )
        codes_S = torch.as_tensor(cache.by_item[item.key].astype(np.int64))
        captions = tuple(caption.text for caption in item.captions)
        joined.append(PretrainItem(item.clip, latents_SC[:longest], codes_S[:longest], captions))
    return joined


def new_lamp(settings: Pretrain, backbone: Backbone, code_width: int, codes: int) -> LaMP:
    """Build a LaMP on a backbone; its text side starts from the backbone's weights when it has any."""
    model = LaMP(
        LaMPShape(
            layers=backbone.layers,
            width=backbone.width,
            heads=backbone.heads,
            feed_forward=backbone.feed_forward,
            positions=backbone.positions,
            vocabulary=backbone.tokenizer.size,
            queries=settings.queries,
            projection_width=settings.projection_width,
            cross_attention_every=settings.cross_attention_every,
            code_width=code_width,
            codes=codes,
            max_tokens=settings.max_frames // DOWNSAMPLING,
            max_words=settings.max_words,
            dropout=settings.dropout,
            temperature=settings.temperature,
            motion_decoding=settings.motion_decoding,
        )
    )
    if backbone.weights is not None:
        copy_bert(backbone.weights, model.text_embedding, model.transformer)
    return model


def train_lamp(
    items: Sequence[PretrainItem],
    settings: Pretrain,
    codes: int,
    *,
    device: torch.device,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[LaMP, TextTokenizer]:
    """Train with the four objectives.

    Args:
        items: of the train split.
        settings: section ``pretrain``.
        codes: codes in the tokenizer's codebook.
        device: where to train.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is no item, every objective is off, or the backbone is not to be had.
    """
    if not items:
        raise LampError(
            "no clip of the train split has a caption and four frames; see data/ingest/rejected.parquet"
        )
    if not any(
        (settings.contrastive, settings.matching, settings.text_generation, settings.motion_generation)
    ):
        raise LampError("all four objectives of pretrain are off; give one a weight above 0")
    seed_everything(settings.training.seed)
    backbone = load_backbone(settings, [caption for item in items for caption in item.captions])
    model = new_lamp(settings, backbone, items[0].latents_SC.shape[1], codes).to(device)
    sampler = BatchSampler(len(items), settings.training.batch_size, settings.training.seed)

    def losses(step: int) -> dict[str, Tensor]:
        chosen = [items[index] for index in sampler.indices(step)]
        return pretraining_losses(model, make_batch(chosen, backbone.tokenizer, device), settings)

    fit(model, losses, settings.training, checkpoints=checkpoints, on_log=on_log, on_progress=on_progress)
    return model, backbone.tokenizer


def make_batch(items: Sequence[PretrainItem], tokenizer: TextTokenizer, device: torch.device) -> Batch:
    """Collate items, each with one of its captions at random."""
    captions = [item.captions[int(torch.randint(len(item.captions), ()))] for item in items]
    latents_BSC, lengths_B = pad([item.latents_SC for item in items])
    codes_BS, _ = pad([item.codes_S for item in items])
    ids_BL, words_mask_BL = tokenizer(captions)
    pairs = Pairs(
        latents_BSC.to(device),
        mask_of(lengths_B, latents_BSC.shape[1]).to(device),
        ids_BL.to(device),
        words_mask_BL.to(device),
    )
    equal_BB = equal_pairs([item.clip for item in items], captions)
    return Batch(pairs, codes_BS.to(device), equal_BB.to(device))
