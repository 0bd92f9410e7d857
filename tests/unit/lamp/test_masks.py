"""The attention masks of the four objectives, against tables written out by hand."""

import torch

from lamp_core.lamp.masks import (
    CONTRASTIVE,
    MATCHING,
    MOTION_GENERATION,
    MOTION_GENERATION_PARALLEL,
    TEXT_GENERATION,
    Table,
    attention_mask,
)

# Two queries, then three positions of which the last is padding.
QUERIES, REST = torch.ones(1, 2, dtype=torch.bool), torch.tensor([[True, True, False]])


def _drawn(table: Table, second: str) -> list[str]:
    mask = attention_mask([("queries", QUERIES), (second, REST)], table)
    return ["".join("x" if seen else "." for seen in row) for row in mask[0]]


def test_contrastive_keeps_motion_and_text_apart() -> None:
    assert _drawn(CONTRASTIVE, "text") == ["xx...", "xx...", "..xx.", "..xx.", "..xx."]


def test_matching_sees_everything_but_padding() -> None:
    assert _drawn(MATCHING, "text") == ["xxxx."] * 5


def test_text_generation_is_causal_after_the_queries() -> None:
    assert _drawn(TEXT_GENERATION, "caption") == ["xx...", "xx...", "xxx..", "xxxx.", "xxxx."]


def test_motion_generation_is_causal_or_parallel() -> None:
    assert _drawn(MOTION_GENERATION, "motion") == ["xx...", "xx...", "xxx..", "xxxx.", "xxxx."]
    assert _drawn(MOTION_GENERATION_PARALLEL, "motion") == ["xx...", "xx...", "xxxx.", "xxxx.", "xxxx."]


def test_the_union_of_contrastive_and_text_generation_hides_text_from_caption() -> None:
    parts = [("queries", QUERIES), ("text", REST), ("caption", REST)]
    mask = attention_mask(parts, {**CONTRASTIVE, **TEXT_GENERATION})[0]
    assert not mask[5:, 2:5].any() and not mask[:5, 5:].any()
