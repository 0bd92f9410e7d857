"""Words of motion in the places of the words of text that are used least (section 5.1).

The vocabulary stays as large as it was. The words that are given up are gone from the text tokenizer, so that
a text that has one of them is written in shorter pieces; their rows of the embedding are what the words of
motion start from. The words that stay are numbered from 0 on, so that those of motion stand side by side
behind them, and the rows are moved with them.
Shapes: V words, E embedding width.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.motion_language.vocabulary import (
    MotionVocabulary,
    add_words,
    check_causal,
    embedding_weights,
    text_pieces,
)

KINDS = ("WordPiece", "BPE")
"""Models of text tokenizers whose words can be given up."""
BYTE_WORD = "<0x{:02X}>"
"""The word of a byte where a tokenizer falls back to bytes."""
ENDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


def take_places(model: Any, text: Any, vocabulary: MotionVocabulary, texts: Sequence[str]) -> Any:
    """Put words of motion in the places of those that texts use least.

    Args:
        model: causal model of transformers; its rows are moved in place.
        text: its tokenizer, which stays as it is.
        vocabulary: of which ``first`` is the number of words that stay.
        texts: by which the use is counted.

    Returns:
        The tokenizer of what stays, and of the words of motion.

    Raises:
        LampError: the model is not causal, or the tokenizer has too few words that can be given up.
    """
    check_causal(model)
    described = json.loads(text.backend_tokenizer.to_str())
    given_up = least_used(described, _counts(text, texts), text.all_special_ids, len(vocabulary))
    number_of = new_numbers(len(text), given_up)
    smaller = _rebuilt(text, _without(described, given_up, number_of))
    add_words(smaller, vocabulary)
    order_V = torch.tensor(sorted(range(len(text)), key=lambda word: number_of[word]))
    for weight in embedding_weights(model):
        _move_rows(weight, order_V)
    embedding = model.get_input_embeddings()
    embedding.padding_idx = number_of.get(embedding.padding_idx)
    for settings in filter(None, (model.config, getattr(model, "generation_config", None))):
        for name in ENDS:
            if (word := getattr(settings, name, None)) in number_of:
                setattr(settings, name, number_of[word])
    return smaller


def least_used(
    described: Mapping[str, Any], counts: Mapping[int, int], special: Sequence[int], count: int
) -> set[int]:
    """Return the words to give up: of equally used ones the later, which are the rarer in their making.

    Words that others are made of stay as long as those do. Single characters always stay, and so do bytes
    where the tokenizer writes unknown characters by them (LLaMA): every text can still be written.

    Args:
        described: the tokenizer as its file has it.
        counts: how often each word is used.
        special: words with a meaning of their own.
        count: how many to give up.

    Raises:
        LampError: the tokenizer is of another kind, or has too few such words.
    """
    kind = described["model"]["type"]
    if kind not in KINDS:
        raise LampError(
            f"words of a text tokenizer of kind {kind} cannot be given up; set large_motion.words to appended"
        )
    vocabulary = described["model"]["vocab"]
    added = (each["id"] for each in described["added_tokens"])
    fixed = {*special, *added, *_bytes(described["model"])}
    prefix = described["model"].get("continuing_subword_prefix") or ""
    removable = {number for word, number in vocabulary.items() if len(word.removeprefix(prefix)) > 1} - fixed
    needed_by = _needed_by(described, vocabulary)
    waiting = sorted(removable, key=lambda number: (counts.get(number, 0), -number))
    found: set[int] = set()
    while len(found) < count:
        before = len(found)
        for number in waiting:
            if len(found) < count and needed_by.get(number, set()) <= found:
                found.add(number)
        waiting = [number for number in waiting if number not in found]
        if len(found) == before:
            raise LampError(
                f"the language model has {len(found)} words that can be given up, and motion needs {count}; "
                "set large_motion.words to appended"
            )
    return found


def new_numbers(count: int, given_up: set[int]) -> dict[int, int]:
    """The new number of each of ``count`` words: those that stay first, those that are given up last.

    A word whose number does not have to change keeps it.
    """
    left = count - len(given_up)
    free = sorted(number for number in given_up if number < left)
    late = [number for number in range(left, count) if number not in given_up]
    number_of = {number: number for number in range(count)}
    for old, new in zip(late, free, strict=True):
        number_of[old], number_of[new] = new, old
    return number_of


def _counts(text: Any, texts: Sequence[str]) -> Counter[int]:
    """How often each word is used, by texts as they go on from others."""
    found = text_pieces(text, [f" {said.strip()}" for said in texts])
    return Counter(number for ids in found for number in ids)


def _bytes(model: Mapping[str, Any]) -> set[int]:
    """The words that spell a byte, where characters without a word are written by their bytes."""
    spelt = {BYTE_WORD.format(byte) for byte in range(256)} if model.get("byte_fallback") else set()
    return {number for word, number in model["vocab"].items() if word in spelt}


def _needed_by(described: Mapping[str, Any], vocabulary: Mapping[str, int]) -> dict[int, set[int]]:
    """The words that are merged of each word."""
    found: dict[int, set[int]] = {}
    for first, second in _merges(described):
        made = vocabulary[first + second]
        for part in (first, second):
            found.setdefault(vocabulary[part], set()).add(made)
    return found


def _merges(described: Mapping[str, Any]) -> list[tuple[str, str]]:
    merges = described["model"].get("merges") or []
    pairs = (each.split(" ") if isinstance(each, str) else each for each in merges)
    return [(first, second) for first, second in pairs]


def _without(described: dict[str, Any], given_up: set[int], number_of: Mapping[int, int]) -> dict[str, Any]:
    """The description without the words that are given up, the others with their new numbers."""
    model = described["model"]
    kept = {word: number for word, number in model["vocab"].items() if number not in given_up}
    changed = {**model, "vocab": {word: number_of[number] for word, number in kept.items()}}
    if model["type"] == "BPE":
        changed["merges"] = [list(each) for each in _merges(described) if "".join(each) in kept]
    added = [{**each, "id": number_of[each["id"]]} for each in described["added_tokens"]]
    processor = _renumbered(described["post_processor"], number_of)
    return {**described, "model": changed, "added_tokens": added, "post_processor": processor}


def _renumbered(processor: Any, number_of: Mapping[int, int]) -> Any:
    """What a tokenizer puts around a text, by the new numbers."""
    if not processor:
        return processor
    changed = dict(processor)
    for name in ("sep", "cls"):
        if name in changed:
            changed[name] = [changed[name][0], number_of[changed[name][1]]]
    if "special_tokens" in changed:
        changed["special_tokens"] = {
            word: {**each, "ids": [number_of[number] for number in each["ids"]]}
            for word, each in changed["special_tokens"].items()
        }
    if "processors" in changed:
        changed["processors"] = [_renumbered(each, number_of) for each in changed["processors"]]
    return changed


def _rebuilt(text: Any, described: Mapping[str, Any]) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    names = {name: str(word) for name, word in text.special_tokens_map.items() if isinstance(word, str)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(described)),
        model_max_length=text.model_max_length,
        padding_side=text.padding_side,
        **names,
    )


@torch.no_grad()
def _move_rows(weight_VE: Tensor, order_V: Tensor) -> None:
    """Put row ``order_V[n]`` at place n; what stands behind them stays."""
    weight_VE[: len(order_V)] = weight_VE[: len(order_V)][order_V.to(weight_VE.device)].clone()
