"""The page of the attention masks is drawn from the code."""

from pathlib import Path

from lamp_core.lamp.masks import TEXT_GENERATION
from lamp_core.viz.attention_masks import drawing, page

PAGE = Path(__file__).parents[3] / "docs" / "masks.md"


def test_the_page_is_what_the_code_draws() -> None:
    assert PAGE.read_text() == page()


def test_a_drawing_shows_who_sees_whom() -> None:
    rows = [line.split()[1:] for line in drawing(("queries", "caption"), TEXT_GENERATION).splitlines()[1:]]
    assert ["".join(row) for row in rows[:4]] == ["■■·····", "■■·····", "■■■····", "■■■■···"]
    assert all(row[-1] == "·" for row in rows)
