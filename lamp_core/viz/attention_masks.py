"""The attention masks of the four objectives as a page of the documentation, drawn from the code itself.

``python -m lamp_core.viz.attention_masks > docs/masks.md`` writes the page; a test holds it against the code.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lamp_core.lamp import masks
from lamp_core.lamp.masks import Table, attention_mask

SEEN, HIDDEN = "■", "·"
NAMES = {
    "queries": ("q1", "q2"),
    "text": ("[CLS]", "a", "man", "jumps", "[PAD]"),
    "caption": ("start", "a", "man", "jumps", "[PAD]"),
    "motion": ("start", "c1", "c2", "c3", "[PAD]"),
}
INTRODUCTION = f"""# Who sees whom

The four objectives share one transformer and differ in their attention mask. A row is the position that
looks, a column the position that it sees: `{SEEN}` seen, `{HIDDEN}` hidden. The pictures have two queries
where the papers have 49, and a text with one position of padding, which nobody sees. It is drawn from
`lamp_core/lamp/masks.py` by `python -m lamp_core.viz.attention_masks`; a test keeps the two together.

In every second block the queries also cross-attend a context: in the first three objectives the motion's
latents, in text-grounded motion generation the contextual states of the text, both up to their true length.

![The masks as grids: a row looks, a column is seen](pictures/attention-masks.svg)
"""


@dataclass(frozen=True)
class Picture:
    """One mask with its words.

    Args:
        title: of the objective.
        text: what the mask is for.
        parts: of the sequence, in order.
        table: who sees whom.
    """

    title: str
    text: str
    parts: tuple[str, ...]
    table: Table


PICTURES = (
    Picture(
        "Motion-text contrastive learning",
        "Queries and text do not see each other, so that nothing leaks from one side to the other.",
        ("queries", "text"),
        masks.CONTRASTIVE,
    ),
    Picture(
        "Motion-text matching",
        "Everything sees everything, so that the queries can judge the pair.",
        ("queries", "text"),
        masks.MATCHING,
    ),
    Picture(
        "Motion-grounded text generation",
        "The queries are the prefix; the caption sees them and what is earlier in itself. It starts with a\n"
        "vector of its own in the place of `[CLS]`.",
        ("queries", "caption"),
        masks.TEXT_GENERATION,
    ),
    Picture(
        "Text-grounded motion generation, autoregressive (default)",
        "The queries have read the text through the cross-attention; the motion's codes see them and\n"
        "earlier codes.",
        ("queries", "motion"),
        masks.MOTION_GENERATION,
    ),
    Picture(
        "Text-grounded motion generation, parallel (*switch* `pretrain.motion_decoding`)",
        "One shot, as the public code has it: positions without codes, which all see each other.",
        ("queries", "motion"),
        masks.MOTION_GENERATION_PARALLEL,
    ),
    Picture(
        "One pass for contrastive learning and text generation",
        "The union of the two tables: neither queries nor text see the caption, the caption does not see\n"
        "the text. One pass therefore gives exactly what two would.",
        ("queries", "text", "caption"),
        {**masks.CONTRASTIVE, **masks.TEXT_GENERATION},
    ),
)


def page() -> str:
    """Return the whole page in Markdown."""
    return "\n".join([INTRODUCTION, *map(_section, PICTURES)])


def _section(picture: Picture) -> str:
    return f"## {picture.title}\n{picture.text}\n\n```\n{drawing(picture.parts, picture.table)}\n```\n"


def drawing(parts: Sequence[str], table: Table) -> str:
    """Return the mask of a sequence of named parts as lines of text."""
    names = [name for part in parts for name in NAMES[part]]
    valid = [(part, torch.tensor([[name != "[PAD]" for name in NAMES[part]]])) for part in parts]
    mask_XX = attention_mask(valid, table)[0]
    width = max(map(len, names))
    head = " " * (width + 1) + " ".join(name.rjust(width) for name in names)
    rows = [
        name.rjust(width) + " " + " ".join((SEEN if seen else HIDDEN).rjust(width) for seen in row)
        for name, row in zip(names, mask_XX.tolist(), strict=True)
    ]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    sys.stdout.write(page())
