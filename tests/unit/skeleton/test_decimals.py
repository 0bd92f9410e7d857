"""The quick reader gives the very doubles that ``float`` gives, or leaves the text to a slower one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamp_core.skeleton import decimals
from lamp_core.skeleton.decimals import parse_decimals

DIGITS = st.text("0123456789", max_size=8)
SPACES = st.sampled_from([" ", "\n", "  ", "\t", " \r\n"])


@st.composite
def plain_decimals(draw: st.DrawFn) -> str:
    whole, part = draw(DIGITS), draw(DIGITS)
    digits = (whole + part)[:15] or "0"
    place = min(len(whole), len(digits))
    point = draw(st.booleans()) or len(digits) > 8
    text = f"{digits[:place]}.{digits[place:]}" if point else digits
    return draw(st.sampled_from(["", "-", "+"])) + text


@given(st.lists(st.tuples(plain_decimals(), SPACES), max_size=40), SPACES)
def test_same_doubles_as_float(words: list[tuple[str, str]], before: str) -> None:
    text = before + "".join(word + space for word, space in words)
    numbers = parse_decimals(text.encode())
    assert numbers is not None
    assert numbers.tolist() == [float(word) for word, _ in words]


@given(st.lists(plain_decimals(), min_size=1, max_size=60))
def test_blocks_cut_no_number(words: list[str]) -> None:
    block, decimals.BLOCK = decimals.BLOCK, 32
    try:
        numbers = parse_decimals("\n".join(words).encode())
    finally:
        decimals.BLOCK = block
    assert numbers is not None
    assert numbers.tolist() == [float(word) for word in words]


NOT_PLAIN = [
    *(
        "1e5",
        "nan",
        "-inf",
        "1.2.3",
        "1-2",
        "--1",
        "-",
        ".",
        "-.",
        "1 - 2",
        "1,5",
        "0x1",
        "1_000",
        "1/2",
        "½",
    ),
    *("\x00", "123456789", "0.123456789", "1234567.123456789", "12345678.12345678"),
]


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_anything_else_is_left_to_a_slower_reader(text: str) -> None:
    assert parse_decimals(f"1.5 {text} 2.5\n".encode()) is None


def test_nothing_gives_nothing() -> None:
    for text in (b"", b" \n "):
        numbers = parse_decimals(text)
        assert numbers is not None and len(numbers) == 0
