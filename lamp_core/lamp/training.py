"""Pretrain LaMP on the train split.

The tokenizer is frozen, so its latents are computed once, before the first step.
Shapes: B batch, N items, M captions of all items, F motion tokens of all items, S motion tokens of the
longest in a batch, L word pieces, C code width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.config.models import Pretrain
from lamp_core.datasets.items import DOWNSAMPLING, Item, mask_of
from lamp_core.errors import LampError
from lamp_core.lamp.backbone import Backbone, copy_bert, load_backbone
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.model import LaMP, LaMPShape, Pairs
from lamp_core.lamp.objectives import Batch, objective_weights, pretraining_losses
from lamp_core.lamp.sentences import MINILM, NO_ENCODER, sentence_dim, sentence_vectors
from lamp_core.lamp.text import TextTokenizer
from lamp_core.pairs.table import PairTable
from lamp_core.tokenizers.protocol import first_channel
from lamp_core.tokens.cache import TokenCache
from lamp_core.training.batches import BatchSampler
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

VALIDATED = "val_rsum"
"""What decides which weights are kept: the sum of R@1, R@5 and R@10 in both directions, as is usual."""

Measure = Callable[[LampFeatures], Mapping[str, float]]


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
        codes_S = torch.from_numpy(first_channel(cache.by_item[item.key]).astype(np.int64))
        captions = tuple(caption.text for caption in item.captions)
        joined.append(PretrainItem(item.clip, latents_SC[:longest], codes_S[:longest], captions))
    return joined


def new_lamp(settings: Pretrain, backbone: Backbone, code_dim: int, codebook_size: int) -> LaMP:
    """Build a LaMP on a backbone; its text side starts from the backbone's weights when it has any."""
    model = LaMP(
        LaMPShape(
            layers=backbone.layers,
            hidden_dim=backbone.hidden_dim,
            heads=backbone.heads,
            feed_forward_dim=backbone.feed_forward_dim,
            max_positions=backbone.max_positions,
            vocabulary_size=backbone.tokenizer.size,
            queries=settings.queries,
            projection_dim=settings.projection_dim,
            cross_attention_every=settings.cross_attention_every,
            code_dim=code_dim,
            codebook_size=codebook_size,
            max_tokens=settings.max_frames // DOWNSAMPLING,
            max_text_tokens=settings.max_text_tokens,
            dropout=settings.dropout,
            temperature=settings.temperature,
            motion_decoding=settings.motion_decoding,
            latent_positions=settings.latent_positions,
            sentence_encoder=settings.sentence_encoder,
            sentence_dim=sentence_dim(settings.sentence_encoder),
        )
    )
    if backbone.weights is not None:
        copy_bert(backbone.weights, model.text_embedding, model.transformer)
    return model


def train_lamp(
    items: Sequence[PretrainItem],
    settings: Pretrain,
    codebook_size: int,
    *,
    device: torch.device,
    validation: Measure | None = None,
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[LaMP, TextTokenizer]:
    """Train with the four objectives.

    Args:
        items: of the train split.
        settings: section ``pretrain``.
        codebook_size: codes in the tokenizer's codebook.
        device: where to train.
        validation: measures retrieval on clips that training does not see, ``val_rsum`` among the numbers;
            it decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is no item, every objective is off, or the backbone or the sentence encoder is not
            to be had.
    """
    _check_there_is_work(items, settings)
    seed_everything(settings.training.seed)
    backbone = load_backbone(settings, [caption for item in items for caption in item.captions])
    model = new_lamp(settings, backbone, items[0].latents_SC.shape[1], codebook_size).to(device)
    features = LampFeatures(model, backbone.tokenizer)
    batches = PretrainBatches(
        items,
        backbone.tokenizer,
        device,
        sentence_encoder=settings.sentence_encoder,
        equal_similarity=settings.equal_similarity,
    )
    sampler = BatchSampler.of(len(items), settings.training)

    def losses(number: int) -> dict[str, Tensor]:
        batch = batches.batch(sampler.whole(number))
        draw_apart()
        step = number // settings.training.accumulate
        return pretraining_losses(model, batch, settings, done=step / settings.training.steps)

    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(partial(validation, features), VALIDATED, "higher") if validation else None,
    )
    return model, backbone.tokenizer


def _check_there_is_work(items: Sequence[PretrainItem], settings: Pretrain) -> None:
    if not items:
        raise LampError(
            "no clip of the train split has a caption and four frames; see data/ingest/rejected.parquet"
        )
    if not any(objective_weights(settings).values()):
        raise LampError("all four objectives of pretrain are off; give one a weight above 0")


class PretrainBatches:
    """The pairs of a split on the device, from which a batch is picked without a loop over its clips.

    Latents and codes of all motions lie side by side on the device (HumanML3D: 2 GB), behind one row of zeros
    that stands for padding, and the captions are split into word pieces once.

    Args:
        items: at least one.
        tokenizer: of the captions.
        device: where the batches are wanted.
        sentence_encoder: whose vectors of the captions the batches hold; `none` for none.
        equal_similarity: see `PairTable`; 0 compares no sentences.

    Raises:
        LampError: sentences are asked for, and the extra of the encoder is not installed.
    """

    def __init__(
        self,
        items: Sequence[PretrainItem],
        tokenizer: TextTokenizer,
        device: torch.device,
        *,
        sentence_encoder: str = NO_ENCODER,
        equal_similarity: float = 0.0,
    ) -> None:
        clips, captions = [item.clip for item in items], [item.captions for item in items]
        texts = list(chain.from_iterable(captions))
        self.sentences_MW = (
            None
            if sentence_encoder == NO_ENCODER
            else sentence_vectors(sentence_encoder, device)(texts, together=True)
        )
        compared_MW = sentence_vectors(MINILM, device)(texts, together=True) if equal_similarity else None
        self.table = PairTable(clips, captions, compared_MW, equal_similarity)
        ids_ML, words_mask_ML = tokenizer(self.table.captions)
        self.device = device
        nothing_C, nothing = torch.zeros_like(items[0].latents_SC[:1]), torch.zeros_like(items[0].codes_S[:1])
        self.latents_FC = torch.cat([nothing_C, *(item.latents_SC for item in items)]).to(device)
        self.codes_F = torch.cat([nothing, *(item.codes_S for item in items)]).to(device)
        self.tokens_N = torch.tensor([len(item.codes_S) for item in items])
        self.first_token_N = 1 + self.tokens_N.cumsum(0) - self.tokens_N
        self.ids_ML, self.words_M = ids_ML.to(device), words_mask_ML.sum(dim=1)

    def batch(self, indices: np.ndarray) -> Batch:
        """Return the pairs of some items, each with one of its captions at random."""
        drawn_B = self.table.draw(indices)
        items_B, captions_B = torch.as_tensor(indices), torch.as_tensor(drawn_B)
        tokens_mask_BS = self._mask(self.tokens_N[items_B])
        words_mask_BL = self._mask(self.words_M[captions_B])
        within_S = torch.arange(tokens_mask_BS.shape[1], device=self.device)
        rows_BS = (self.first_token_N[items_B].to(self.device)[:, None] + within_S) * tokens_mask_BS
        pairs = Pairs(
            F.embedding(rows_BS, self.latents_FC),
            tokens_mask_BS,
            self.ids_ML[captions_B.to(self.device), : words_mask_BL.shape[1]],
            words_mask_BL,
            None if self.sentences_MW is None else self.sentences_MW[captions_B].to(self.device),
        )
        equal_BB = self.table.equal(indices, drawn_B).to(self.device)
        generator = torch.Generator(self.device).manual_seed(int(torch.randint(2**62, ())))
        return Batch(pairs, self.codes_F[rows_BS], equal_BB, generator)

    def _mask(self, lengths_B: Tensor) -> Tensor:
        return mask_of(lengths_B.to(self.device), int(lengths_B.max()))
