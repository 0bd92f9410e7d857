"""Plain decimal numbers from text, many at once: what the motion part of a BVH file consists of.

A number of at most eight digits before its point and eight after it is read by eight-byte words: the word
that ends at the point and the word that begins after it each hold their digits as bytes, and three
multiplications join eight digits (D. Lemire's method). The mantissa is a whole number below 2^53 and the
power of ten is exact, so that their quotient is the nearest double, the one that ``float`` gives.

Shapes: B bytes, W words of eight bytes, E events (bytes that are no digit), N numbers.
"""

import numpy as np
from numpy.typing import NDArray

WORD = 8
MOST_DIGITS = 15  # a mantissa of more may pass 2^53
ASCII_ZERO, ASCII_NINE, ASCII_MINUS = ord("0"), ord("9"), ord("-")
ZEROS = np.uint64(0x3030303030303030)
DIGIT, WHITE, POINT, SIGN, OTHER = range(5)
POWERS = 10.0 ** np.arange(WORD + 1)
WHOLE_POWERS = 10 ** np.arange(WORD + 1, dtype=np.uint64)
JOINING = tuple(
    (np.uint64(factor), np.uint64(shift), np.uint64(mask))
    for factor, shift, mask in (
        (10, 8, 0x00FF00FF00FF00FF),
        (100, 16, 0x0000FFFF0000FFFF),
        (10000, 32, 0x00000000FFFFFFFF),
    )
)
BLOCK = 1 << 15  # bytes read together: their arrays are small enough to stay in the cache and in the heap

Bytes = NDArray[np.uint8]


def _kinds() -> NDArray[np.uint8]:
    kinds = np.full(256, OTHER, dtype=np.uint8)
    kinds[ASCII_ZERO : ASCII_NINE + 1] = DIGIT
    kinds[list(b" \t\n\r\v\f")] = WHITE
    kinds[ord(".")] = POINT
    kinds[list(b"+-")] = SIGN
    return kinds


KINDS = _kinds()


def parse_decimals(text: bytes) -> NDArray[np.float64] | None:
    """All numbers of a text that holds nothing but plain decimals and white space.

    Returns:
        numbers_N in their order, or None when anything else stands in the text (an exponent, ``nan``, a
        word, more digits than a word takes): then a slower reader has to look.
    """
    blocks: list[NDArray[np.float64]] = []
    start = 0
    while start < len(text):
        end = _end_of_block(text, start)
        numbers = _parse_block(text[start:end])
        if numbers is None:
            return None
        blocks.append(numbers)
        start = end
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _end_of_block(text: bytes, start: int) -> int:
    """The end of a block that cuts no number: a line's end, or the end of the text."""
    if len(text) - start <= BLOCK:
        return len(text)
    line_end = text.find(b"\n", start + BLOCK)
    return len(text) if line_end < 0 else line_end + 1


def _parse_block(text: bytes) -> NDArray[np.float64] | None:
    padding = b" " * (2 * WORD + -len(text) % WORD)
    bytes_B = np.frombuffer(b" " * WORD + text + padding, dtype=np.uint8)
    if int(bytes_B.max()) > ASCII_NINE:
        return None
    places_E = np.flatnonzero(bytes_B < ASCII_ZERO)
    kinds_E = KINDS[bytes_B[places_E]]
    white_E = kinds_E == WHITE
    touches_E = places_E[1:] == places_E[:-1] + 1  # whether the next event is the next byte
    # A number ends where white space follows anything but white space.
    ends_N = np.flatnonzero(white_E[1:] > (white_E[:-1] & touches_E)) + 1
    has_point_N = kinds_E[ends_N - 1] == POINT
    before_N = ends_N - 1 - has_point_N  # the event before the first digit: a sign or white space
    has_sign_N = kinds_E[before_N] == SIGN
    points, signs = np.count_nonzero(has_point_N), np.count_nonzero(has_sign_N)
    is_plain = (
        np.count_nonzero(white_E) + points + signs == len(kinds_E)  # no other byte, point or sign anywhere
        and bool((white_E[before_N] | (touches_E[before_N - 1] & white_E[before_N - 1])).all())
    )
    if not is_plain:
        return None
    starts, ends = places_E[before_N], places_E[ends_N]
    points_at = places_E[ends_N - has_point_N]
    whole_digits = points_at - starts - 1
    decimals = ends - points_at - has_point_N
    return _values(bytes_B, points_at, whole_digits, decimals, bytes_B[starts] == ASCII_MINUS)


def _values(
    bytes_B: Bytes,
    points_N: NDArray[np.intp],
    whole_digits_N: NDArray[np.intp],
    decimals_N: NDArray[np.intp],
    negative_N: NDArray[np.bool_],
) -> NDArray[np.float64] | None:
    digits_N = whole_digits_N + decimals_N
    if not len(points_N):
        return np.zeros(0)
    longest = max(int(whole_digits_N.max()), int(decimals_N.max()))
    if longest > WORD or int(digits_N.max()) > MOST_DIGITS or int(digits_N.min()) < 1:
        return None
    words_W = bytes_B.view("<u8")
    unused_N = (8 * (WORD - whole_digits_N)).view(np.uint64)
    whole_N = _join((_load(words_W, points_N - WORD) >> unused_N) << unused_N)
    shift_N = (8 * (WORD - decimals_N)).view(np.uint64)
    part_N = _join(_load(words_W, points_N + 1) << shift_N)
    values_N = (whole_N * WHOLE_POWERS[decimals_N] + part_N).view(np.int64).astype(np.float64)
    values_N /= POWERS[decimals_N]
    return np.where(negative_N, -values_N, values_N)


def _load(words_W: NDArray[np.uint64], places_N: NDArray[np.intp]) -> NDArray[np.uint64]:
    """The eight bytes from each place on, as digits 0 to 9 in one number, the first byte lowest."""
    words_N = places_N >> 3
    shift_N = ((places_N & 7) << 3).view(np.uint64)
    low_N = words_W[words_N] >> shift_N
    high_N = words_W[words_N + 1] << (np.uint64(64) - shift_N)  # a shift by 64 gives 0
    digits_N: NDArray[np.uint64] = (low_N | high_N) ^ ZEROS
    return digits_N


def _join(digits_N: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The number that eight digits spell, the first of them in the lowest byte."""
    # Every step takes two neighbours together: 10 a + b, then 100 a + b, then 10000 a + b.
    for factor, shift, mask in JOINING:
        digits_N = (digits_N * factor + (digits_N >> shift)) & mask
    return digits_N
