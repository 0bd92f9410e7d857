"""Parameters that have had another name: the old ones are refused with the new ones.

A file of somebody's own (``params.yaml``, an experiment) or a habit (``--set``) may still say the old name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lamp_core.errors import LampError

RENAMED = {
    "tokenizer.width": "tokenizer.hidden_dim",
    "tokenizer.code_width": "tokenizer.code_dim",
    "tokenizer.codes": "tokenizer.codebook_size",
    "evaluator.movement_width": "evaluator.movement_dim",
    "evaluator.hidden_width": "evaluator.hidden_dim",
    "evaluator.text_hidden_width": "evaluator.text_hidden_dim",
    "evaluator.word_width": "evaluator.word_dim",
    "evaluator.embedding_width": "evaluator.embedding_dim",
    "pretrain.backbone.width": "pretrain.backbone.hidden_dim",
    "pretrain.backbone.vocabulary": "pretrain.backbone.vocabulary_size",
    "pretrain.projection_width": "pretrain.projection_dim",
    "pretrain.max_words": "pretrain.max_text_tokens",
    "pretrain.contrastive": "pretrain.contrastive_weight",
    "pretrain.matching": "pretrain.matching_weight",
    "pretrain.text_generation": "pretrain.text_generation_weight",
    "pretrain.motion_generation": "pretrain.motion_generation_weight",
    "lexical_contrast.move_zero": "lexical_contrast.start_words (words that a vector starts with)",
    "lexical_direct.move_zero": "lexical_direct.start_words",
    "lexical_dense.move_zero": "lexical_dense.start_words",
    "length.width": "length.hidden_dim",
    "t2m.width": "t2m.hidden_dim",
    "t2m.feed_forward": "t2m.feed_forward_dim",
    "t2m.top_share": "t2m.top_k_fraction (1 - top_share: 0.9 becomes 0.1)",
    "language_model.width": "language_model.hidden_dim",
    "language_model.feed_forward": "language_model.feed_forward_dim",
    "language_model.vocabulary": "language_model.vocabulary_size",
    "language_model.positions": "language_model.max_positions",
    "m2t.rank": "m2t.lora_rank",
    "m2t.alpha": "m2t.lora_alpha",
    "m2t.dropout": "m2t.lora_dropout",
    "m2t.max_words": "m2t.max_text_tokens",
}
"""Old name to new name; the value is the same unless it says otherwise."""
RENAMED_VALUES = {
    ("pretrain.backbone.checkpoint", "own"): "from-scratch",
    ("language_model.checkpoint", "own"): "from-scratch",
}
"""Name and old value to new value."""


def refuse_renamed(values: Mapping[str, Any], where: str) -> None:
    """Raise when parameters have a name or a value of the past.

    Args:
        values: nested, as in ``params.yaml``.
        where: what holds them; begins the message.

    Raises:
        LampError: names every old one with its new one, in one line.
    """
    leaves = dict(_paths(values))
    found = [f"{old} is now {RENAMED[old]}" for old in leaves if old in RENAMED]
    for (name, old), new in RENAMED_VALUES.items():
        found += [f"{name}: {old} is now {new}"] if leaves.get(name) == old else []
    if found:
        raise LampError(f"{where}: renamed: {'; '.join(found)}")


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        yield f"{prefix}{key}", value
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")
