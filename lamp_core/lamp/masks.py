"""Who sees whom: the attention masks of the four objectives (section 3.1.3), as tables.

A table names, for each pair (part that looks, part that is seen), whether all of it is seen or only what is
not later. Pairs that a table does not name see nothing. Parts: ``queries``; ``text`` (bidirectional);
``caption`` (the text again, as it is generated); ``motion`` (motion codes, as they are generated).
Shapes: B batch, X length of the whole sequence.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

View = Literal["all", "earlier"]
Table = Mapping[tuple[str, str], View]

CONTRASTIVE: Table = {("queries", "queries"): "all", ("text", "text"): "all"}
MATCHING: Table = {
    ("queries", "queries"): "all",
    ("queries", "text"): "all",
    ("text", "queries"): "all",
    ("text", "text"): "all",
}
TEXT_GENERATION: Table = {
    ("queries", "queries"): "all",
    ("caption", "queries"): "all",
    ("caption", "caption"): "earlier",
}
MOTION_GENERATION: Table = {
    ("queries", "queries"): "all",
    ("motion", "queries"): "all",
    ("motion", "motion"): "earlier",
}
MOTION_GENERATION_PARALLEL: Table = {**MOTION_GENERATION, ("motion", "motion"): "all"}


def attention_mask(parts: Sequence[tuple[str, Tensor]], table: Table) -> Tensor:
    """Return (B, X, X) booleans: row sees column.

    Args:
        parts: name and validity mask (B, length; false is padding) of each part, in the order of the
        sequence. table: one of the tables above, or a union of tables that agree.
    """
    rows = []
    for looking, own_BX in parts:
        row = [_block(own_BX.shape[1], seen_BY, table.get((looking, seen))) for seen, seen_BY in parts]
        rows.append(torch.cat(row, dim=2))
    return torch.cat(rows, dim=1)


def _block(rows: int, seen_BY: Tensor, view: View | None) -> Tensor:
    columns = seen_BY.shape[1]
    block_XY = torch.ones(rows, columns, dtype=torch.bool, device=seen_BY.device)
    if view is None:
        block_XY = torch.zeros_like(block_XY)
    elif view == "earlier":
        block_XY = block_XY.tril()
    return block_XY[None] & seen_BY[:, None, :]
