"""Train the own language model on captions, as sentences behind the prompt of LaMP-M2T.

Shapes: B batch.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lamp_core.config.captioning import LanguageModel
from lamp_core.errors import LampError
from lamp_core.m2t.batches import LengthBuckets
from lamp_core.m2t.own_language_model import own_model, own_tokenizer
from lamp_core.m2t.words import PromptedWords
from lamp_core.pairs.captions import CaptionIndex
from lamp_core.segments import SegmentBatch, next_token_logits, token_losses
from lamp_core.training.distribution import share, shared_mean
from lamp_core.training.log import OnLog, OnProgress
from lamp_core.training.loop import fit
from lamp_core.training.seeds import draw_apart, seed_everything
from lamp_core.training.validation import Validation

TOGETHER = 16
"""Batches that are sorted by length together."""
VALIDATED_TOGETHER = 128


def train_language_model(
    sentences: Sequence[str],
    settings: LanguageModel,
    prompt: str,
    *,
    device: torch.device,
    validation: Sequence[str] = (),
    checkpoints: Path | None = None,
    on_log: OnLog | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Any, Any]:
    """Train a small OPT to continue the prompt with a caption, and return it with its tokenizer.

    The sentences begin at random positions of the model, since soft tokens will stand before the prompt.

    Args:
        sentences: of the train split, and from elsewhere.
        settings: section ``language_model``.
        prompt: of LaMP-M2T.
        device: where to train.
        validation: sentences that training does not see; their loss decides which weights are kept.
        checkpoints: see ``fit``.
        on_log: see ``fit``.
        on_progress: see ``fit``.

    Raises:
        LampError: there is no sentence.
    """
    sentences = [sentence for sentence in sentences if sentence.strip()]
    if not sentences:
        raise LampError("the language model has no caption to train on; see data/ingest/rejected.parquet")
    seed_everything(settings.training.seed)
    tokenizer = own_tokenizer(sentences, prompt, settings)
    model = own_model(tokenizer, settings).to(device)
    words = sentence_words(tokenizer, prompt, settings)
    pieces = words.pieces(sentences)
    lengths = np.array([len(ids) for ids in pieces])
    buckets = LengthBuckets(lengths, CaptionIndex(np.ones_like(lengths)), settings.training, TOGETHER)

    def losses(number: int) -> dict[str, Tensor]:
        chosen_B = buckets.whole(number)
        longest = len(words.prompt_P) + int(lengths[chosen_B].max()) - 1
        first = int(torch.randint(settings.max_positions - longest + 1, ()))
        draw_apart()
        batch = words.sequences([pieces[sentence] for sentence in share(chosen_B)]).to(device)
        return {"loss": shared_mean(*sentence_loss(model, batch.shifted(first)))}

    val = words.pieces([sentence for sentence in validation if sentence.strip()])
    fit(
        model,
        losses,
        settings.training,
        checkpoints=checkpoints,
        on_log=on_log,
        on_progress=on_progress,
        validate=Validation(partial(perplexity, model, words, val), "val_loss", "lower") if val else None,
    )
    return model, tokenizer


def sentence_words(tokenizer: Any, prompt: str, settings: LanguageModel) -> PromptedWords:
    """Prompt and sentences as word pieces, the sentences cut to the positions that the prompt leaves."""
    prompt_P = PromptedWords(tokenizer, prompt, settings.max_positions).prompt_P
    if len(prompt_P) + 2 > settings.max_positions:
        raise LampError(
            f"the prompt has {len(prompt_P)} word pieces, the language model {settings.max_positions} "
            "positions; shorten m2t.prompt, or raise language_model.max_positions"
        )
    return PromptedWords(tokenizer, prompt, settings.max_positions - len(prompt_P))


def validated(
    model: nn.Module, tokenizer: Any, prompt: str, settings: LanguageModel, sentences: Sequence[str]
) -> dict[str, float]:
    """Return `perplexity` of sentences, nothing where there are none."""
    words = sentence_words(tokenizer, prompt, settings)
    pieces = words.pieces([sentence for sentence in sentences if sentence.strip()])
    return perplexity(model, words, pieces) if pieces else {}


def sentence_loss(model: nn.Module, batch: SegmentBatch) -> tuple[Tensor, Tensor]:
    """Return the sum of the cross entropy of the sentences' word pieces and ends, and how many they are."""
    return token_losses(next_token_logits(model, batch), batch).sum(), batch.counted_BL.sum()


@torch.no_grad()
def perplexity(model: nn.Module, words: PromptedWords, pieces: Sequence[list[int]]) -> dict[str, float]:
    """Return ``val_loss`` of a word piece, and ``val_perplexity``."""
    device = next(model.parameters()).device
    order = np.argsort([len(ids) for ids in pieces], kind="stable")
    total, count = 0.0, 0
    for start in range(0, len(order), VALIDATED_TOGETHER):
        batch = [pieces[sentence] for sentence in order[start : start + VALIDATED_TOGETHER]]
        losses, tokens = sentence_loss(model, words.sequences(batch).to(device))
        total, count = total + float(losses), count + int(tokens)
    return {"val_loss": total / count, "val_perplexity": float(np.exp(total / count))}
