"""What a text encoder makes of a prompt: the words that it does not know, and where it cuts the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import regex
from tokenizers import Encoding

from lamp_core.lamp.text import TextTokenizer

UNKNOWN = "[UNK]"
SHOWN = 5
MARKS = ("##", "▁", "Ġ", "</w>")
"""How tokenizers write that a piece goes on with a word, begins or ends one."""
ALONE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
"""Characters that are words of their own, or nearly."""


@dataclass(frozen=True)
class Word:
    """A word of a prompt as a text encoder reads it.

    Args:
        text: as the prompt has it.
        pieces: that it is read as.
        numbers: of the pieces.
    """

    text: str
    pieces: tuple[str, ...]
    numbers: tuple[int, ...]

    @property
    def is_one(self) -> bool:
        """Whether there is a letter or a digit in it."""
        return any(map(str.isalnum, self.text))

    def is_unknown(self, unknown: int | None) -> bool:
        """Whether a piece is none of the vocabulary, or the word is spelt, letter by letter or byte by byte.

        Args:
            unknown: number that all pieces have which are none; None where there is none.
        """
        if not self.is_one or unknown in self.numbers:
            return self.is_one
        if not any(map(str.isalpha, self.text)):
            return False  # numbers are spelt by many
        spelt, letters = sum(bool(_bare(piece)) for piece in self.pieces), len(self.text)
        return spelt > letters or (spelt == letters > 1 and not ALONE.search(self.text))


def losses(tokenizer: TextTokenizer, prompt: str) -> list[str]:
    """A line for the words that are unknown, and one for what is cut; none where the prompt is read whole."""
    encoded = tokenizer.pieces.encode(prompt)
    return losses_of(prompt, [encoded, *encoded.overflowing], tokenizer.pieces.token_to_id(UNKNOWN))


def losses_of(prompt: str, parts: Sequence[Encoding], unknown: int | None) -> list[str]:
    """The lines of `losses` for any tokenizer.

    Args:
        prompt: of the user.
        parts: the pieces that are read, then those that are cut off.
        unknown: number that all pieces have which are none of the vocabulary; None where there is none.
    """
    lines = told_unknown(_words(prompt, parts), unknown)
    read = max((end for _, end in parts[0].offsets), default=0)
    return lines + (told_cut(prompt[read:]) if len(parts) > 1 else [])


def losses_by(tokenizer: Any, prompt: str, most: int, *, with_ends: bool = True) -> list[str]:
    """The lines of `losses` for a tokenizer of transformers.

    Args:
        tokenizer: of the model.
        prompt: of the user.
        most: pieces that are read.
        with_ends: whether pieces that begin and end every text are among them.
    """
    unknown = tokenizer.unk_token_id
    if tokenizer.is_fast:
        read = tokenizer(
            [prompt],
            truncation=True,
            max_length=most,
            return_overflowing_tokens=True,
            add_special_tokens=with_ends,
        )
        return losses_of(prompt, read.encodings, unknown)
    # written in Python: it does not tell where its pieces stand
    pieces = [(text, tuple(tokenizer.tokenize(text))) for text in prompt.split()]
    words = [Word(text, each, tuple(tokenizer.convert_tokens_to_ids(list(each)))) for text, each in pieces]
    room = most - (tokenizer.num_special_tokens_to_add() if with_ends else 0)
    ends = list(accumulate(len(word.pieces) for word in words))
    cut = [word.text for word, end in zip(words, ends, strict=True) if end > room]
    return told_unknown(words, unknown) + (told_cut(" ".join(cut)) if cut else [])


def told_unknown(words: Sequence[Word], unknown: int | None) -> list[str]:
    """A line for the words that are unknown, the first of them by name; none where all are known."""
    strange = [word.text for word in words if word.is_unknown(unknown)]
    if not strange:
        return []
    shown = ", ".join(strange[:SHOWN]) + (", ..." if len(strange) > SHOWN else "")
    counted = sum(word.is_one for word in words)
    return [f"the text encoder does not know {len(strange)} of the prompt's {counted} words: {shown}"]


def told_cut(rest: str) -> list[str]:
    """A line for the end of a prompt that is not read."""
    return [f"the prompt is too long for the text encoder, which does not read {rest.strip()!r}"]


def _words(prompt: str, parts: Sequence[Encoding]) -> list[Word]:
    words: dict[int, Word] = {}
    place: dict[int, tuple[int, int]] = {}
    for part in parts:
        read = zip(part.tokens, part.ids, part.word_ids, part.offsets, strict=True)
        for piece, number, word, (start, end) in read:
            if word is not None:
                first, last = place.get(word, (start, end))
                place[word] = first, last = min(first, start), max(last, end)
                before = words.get(word, Word("", (), ()))
                text = prompt[first:last].strip()
                words[word] = Word(text, (*before.pieces, piece), (*before.numbers, number))
    return list(words.values())


def _bare(piece: str) -> str:
    for mark in MARKS:
        piece = piece.replace(mark, "")
    return piece
