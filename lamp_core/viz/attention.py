"""What the words of a caption look at: a strip of words over time, as inline SVG.

Colours are the page's CSS variables, so the strip is legible in light and dark.
Shapes: W words, T frames, C columns (frames side by side whose values are equal).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from lamp_core.errors import LampError

WIDTH, ROW, LABELS, AXIS, LEGEND = 640.0, 20.0, 104.0, 20.0, 34.0
"""User units; a unit is a pixel where there is room."""
STEPS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
MOST_TICKS = 9
FAINTEST = 0.02
LONGEST_WORD = 14


def attention_strip(
    words: Sequence[str], attention_WT: np.ndarray, frames_per_second: float, title: str
) -> str:
    """Draw how much each word looks at each moment of the motion; the fuller the colour, the more.

    Full colour is the largest value of the strip, told below it as a multiple of the even share 1 / T.

    Args:
        words: one a row.
        attention_WT: at least 0, rows sum to 1.
        frames_per_second: of the motion.
        title: read by screen readers.

    Raises:
        LampError: other numbers of words and rows, no frames, or values that are negative or not finite.
    """
    from markupsafe import escape

    attention_WT = np.asarray(attention_WT, dtype=np.float64)
    if attention_WT.ndim != 2 or len(words) != len(attention_WT) or not attention_WT.size:
        raise LampError(f"attention of shape {attention_WT.shape} for {len(words)} words")
    if not np.isfinite(attention_WT).all() or attention_WT.min() < 0:
        raise LampError("attention holds values that are negative or not finite")
    frames = attention_WT.shape[1]
    edges = _edges(attention_WT)
    largest = float(attention_WT.max()) or 1.0
    height = ROW * len(words) + AXIS + LEGEND
    parts = [
        f'<svg class="chart attention" role="img" aria-label="{escape(title)}" width="{WIDTH:g}" '
        f'viewBox="0 0 {WIDTH:g} {height:g}" font-family="var(--font, sans-serif)">'
    ]
    for row, word in enumerate(words):
        parts += _row(row, str(escape(_shortened(word))), attention_WT[row] / largest, edges)
    parts += _axis(len(words), frames / frames_per_second)
    parts += _legend(ROW * len(words) + AXIS, largest * frames)
    return "".join([*parts, "</svg>"])


def _edges(attention_WT: np.ndarray) -> np.ndarray:
    """First frame of each column and the end of the last, (C + 1,)."""
    changes = np.flatnonzero(np.any(np.diff(attention_WT, axis=1) != 0, axis=0)) + 1
    edges: np.ndarray = np.concatenate([[0], changes, [attention_WT.shape[1]]])
    return edges


def _row(row: int, word: str, shares_T: np.ndarray, edges: np.ndarray) -> Iterator[str]:
    top, scale = ROW * row, (WIDTH - LABELS) / int(edges[-1])
    yield (
        f'<text x="{LABELS - 8:g}" y="{top + 14:g}" text-anchor="end" font-size="12" '
        f'fill="var(--ink, #1b1e22)">{word}</text>'
        f'<rect x="{LABELS:g}" y="{top + 1:g}" width="{WIDTH - LABELS:g}" height="{ROW - 2:g}" '
        f'fill="var(--sunken, #f1f2ee)"/>'
    )
    yield '<g fill="var(--chart-1, #21677e)">'
    for start, end in pairwise(edges.tolist()):
        share = float(shares_T[start])
        if share >= FAINTEST:
            yield (
                f'<rect x="{LABELS + scale * start:.2f}" y="{top + 1:g}" width="{scale * (end - start):.2f}" '
                f'height="{ROW - 2:g}" opacity="{share:.2f}"/>'
            )
    yield "</g>"


def _axis(rows: int, seconds: float) -> Iterator[str]:
    top, scale = ROW * rows, (WIDTH - LABELS) / seconds
    step = next((step for step in STEPS if seconds / step < MOST_TICKS), STEPS[-1])
    for number in range(int(seconds / step + 1e-6) + 1):
        place = LABELS + scale * step * number
        unit = " s" if number == 0 else ""
        anchor = "end" if place > WIDTH - 12 else "middle"
        yield (
            f'<path d="M{place:.2f} {top:g}v4" stroke="var(--chart-ink, #5d6571)"/>'
            f'<text x="{place:.2f}" y="{top + 16:g}" text-anchor="{anchor}" font-size="11" '
            f'fill="var(--chart-ink, #5d6571)">{step * number:g}{unit}</text>'
        )


def _legend(top: float, lift: float) -> Iterator[str]:
    """From none to full colour, which stands for ``lift`` times the even share."""
    yield '<g fill="var(--chart-1, #21677e)">'
    for place in range(6):
        yield (
            f'<rect x="{LABELS + 22 * place:g}" y="{top + 14:g}" width="22" height="8" '
            f'opacity="{place / 5:.1f}"/>'
        )
    yield (
        f'</g><rect x="{LABELS:g}" y="{top + 14:g}" width="132" height="8" fill="none" '
        f'stroke="var(--chart-grid, #e4e6e2)"/>'
        f'<text x="{LABELS + 140:g}" y="{top + 22:g}" font-size="11" fill="var(--chart-ink, #5d6571)">'
        f"none to {lift:.1f} times an even look at all of the motion</text>"
    )


def _shortened(word: str) -> str:
    return word if len(word) <= LONGEST_WORD else word[: LONGEST_WORD - 1] + "…"
