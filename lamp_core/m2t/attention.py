"""How much each word of a caption looks at each frame of the motion.

The language model's attention from a word to the soft tokens: to a query, composed with the attention of the
query to the motion tokens, and where latents are read to these, which are a motion token or a few. All are
means over layers and heads; what the soft tokens exchange among themselves is left out, and so is that a
motion token has seen frames beside its own four.
Shapes: L word pieces, W words, Q queries, G groups of motion tokens, N soft tokens (queries, then groups), S
motion tokens, C code width, T frames.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.errors import LampError
from lamp_core.lamp.attention import Attention
from lamp_core.lamp.model import LaMP
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.motions import Motions
from lamp_core.m2t.soft_tokens import MotionStates, reads_latents


@dataclass(frozen=True)
class WordAttention:
    """Words of a caption over the frames of its motion.

    Args:
        words: as they stand in the caption, parted by spaces.
        frames: (W, T), float32; each row sums to 1.
    """

    words: tuple[str, ...]
    frames: np.ndarray


@torch.no_grad()
def word_attention(model: MotionCaptioner, latents_SC: Tensor, caption: str, frames: int) -> WordAttention:
    """Return how much each word looks at each frame.

    Args:
        model: in evaluation mode.
        latents_SC: of the motion.
        caption: what is explained.
        frames: T; those behind the last motion token get nothing.

    Raises:
        LampError: the caption has no word.
    """
    words, places = word_places(model, caption)
    with cross_attention(model.lamp) as seen:
        states = Motions.read(model, [latents_SC]).states([0])
    tokens_NS = torch.stack(seen).mean(dim=0)
    if reads_latents(model.settings):
        tokens_NS = torch.cat([tokens_NS, _grouped(len(latents_SC), model.settings.latents_together)])
    pieces_LN = soft_token_attention(model, states, caption)
    words_WN = torch.stack([pieces_LN[torch.tensor(own)].mean(dim=0) for own in places])
    words_WS = (words_WN / words_WN.sum(dim=1, keepdim=True)) @ tokens_NS
    frames_WT = (words_WS / DOWNSAMPLING).repeat_interleave(DOWNSAMPLING, dim=1)
    found_WT = np.zeros((len(words), frames), dtype=np.float32)
    found_WT[:, : frames_WT.shape[1]] = frames_WT.numpy()
    return WordAttention(words, found_WT / found_WT.sum(axis=1, keepdims=True))


def _grouped(tokens: int, together: int) -> Tensor:
    """Return (G, S): how much of a soft token of neighbouring latents lies on each motion token."""
    groups_S = torch.arange(tokens) // together
    own_GS = (torch.arange(int(groups_S[-1]) + 1)[:, None] == groups_S).float()
    return own_GS / own_GS.sum(dim=1, keepdim=True)


def word_places(model: MotionCaptioner, caption: str) -> tuple[tuple[str, ...], list[list[int]]]:
    """Return the words of a caption and the places of their word pieces; words that are cut are left out.

    Raises:
        LampError: the caption has no word.
    """
    text = model.words.after_prompt(caption)
    words = text.split()
    if not words:
        raise LampError("the caption has no word to explain")
    numbers = word_numbers(text)
    encoded = model.words.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    places: list[list[int]] = [[] for _ in words]
    for place, (start, end) in enumerate(encoded["offset_mapping"][: model.words.max_text_tokens - 1]):
        word = max(numbers[start:end], default=-1)
        if word >= 0:
            places[word].append(place)
    kept = [index for index, own in enumerate(places) if own]
    return tuple(words[index] for index in kept), [places[index] for index in kept]


def word_numbers(text: str) -> list[int]:
    """Return for each letter the number of its word, -1 for a space."""
    numbers, word = [], -1
    for before, letter in zip(" " + text, text, strict=False):
        word += before.isspace() and not letter.isspace()
        numbers.append(-1 if letter.isspace() else word)
    return numbers


def soft_token_attention(model: MotionCaptioner, states: MotionStates, caption: str) -> Tensor:
    """Return (L, N) on the CPU: what each word piece of a caption drew from each soft token of one motion.

    A word piece is what the position before it says, so that position's attention is the word piece's.
    """
    batch = model.sequences(states, model.words.pieces([caption]))
    embedded_1XE = model.embedded(states, batch)[:, :-1]
    with eager_attention(model.language):
        output = model.language(inputs_embeds=embedded_1XE, use_cache=False, output_attentions=True)
    layers = [layer[0].float().mean(dim=0) for layer in output.attentions]
    mean = torch.stack(layers).mean(dim=0).cpu()
    return mean[batch.first - 1 :, : model.soft_counts(states)[0]]


@contextmanager
def eager_attention(language: nn.Module) -> Iterator[None]:
    """Inside, the language model computes its attention weights one by one, which it can then tell."""
    base: Any = language.get_base_model()  # type: ignore[operator]
    usual = base.config._attn_implementation
    base.set_attn_implementation("eager")
    try:
        yield
    finally:
        base.set_attn_implementation(usual)


@contextmanager
def cross_attention(lamp: LaMP) -> Iterator[list[Tensor]]:
    """Collect (Q, S) on the CPU: the queries' attention to a motion, a layer each, mean over heads."""
    seen: list[Tensor] = []

    def note(layer: Attention, given: tuple[Tensor, ...], _: Tensor) -> None:
        query, key = layer.query(given[0]), layer.key(given[1])
        query, key = (states.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for states in (query, key))
        scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        seen.append(scores.softmax(dim=-1)[0].mean(dim=0).float().cpu())

    crossing = [module for name, module in lamp.named_modules() if name.endswith(".cross")]
    hooks = [module.register_forward_hook(note) for module in crossing]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
