"""Small text files as people save them: UTF-8 with or without a byte order mark, UTF-16 and UTF-32 by theirs,
any line ends. Whatever else a file holds is one line with file, byte and remedy.
"""

import codecs
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lamp_core.errors import LampError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""
LONGEST_MARK = 4
SHOWN = 40  # letters of a text in a message


def encoding_of(start: bytes) -> str:
    """The encoding that a file's first bytes state by their mark; UTF-8 without one."""
    return next((encoding for mark, encoding in MARKS if start.startswith(mark)), "utf-8")


def composed(text: str) -> str:
    """Text in the composed form (NFC): the same name however a file system or an editor wrote its accents."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def has_word(text: str) -> bool:
    """Whether there is a letter or a digit of any script in a text."""
    return any(map(str.isalnum, text))


def require_words(text: str, otherwise: str = "") -> None:
    """LampError for a text that says nothing: blanks, signs or pictures alone."""
    if not has_word(text):
        what = f"{text[:SHOWN]!r} has no word" if text.strip() else "the text is empty"
        raise LampError(f"{what}; say what the person does{otherwise}")


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        LampError: the file cannot be read, or is no text; one line with file, byte and remedy.
    """
    try:
        return decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise LampError(f"{path} cannot be read: {error.strerror}") from error


def text_lines(path: Path) -> list[str]:
    """Lines that are not blank, without blanks at either end; LampError as `read_text`."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def decoded(content: bytes, label: str) -> str:
    """Bytes as text by their mark.

    Raises:
        LampError: they are no text in this encoding; `label` names them.
    """
    encoding = encoding_of(content[:LONGEST_MARK])
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.upper().removesuffix("-SIG")
        line = content[: error.start].count(b"\n") + 1
        raise LampError(
            f"{label} is no {name} text: byte 0x{content[error.start]:02x} at place {error.start}, line"
            f" {line}; save it as UTF-8"
        ) from error
    if "\0" in text:
        place = content.index(b"\0")
        raise LampError(
            f"{label} is no text: byte 0x00 at place {place}; UTF-16 needs its mark, save it as UTF-8"
        )
    return text


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A text file that is read piece by piece, with its line ends as they are (as `csv` wants it).

    Raises:
        LampError: as `read_text`, whenever the bytes are met.
    """
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file.read(LONGEST_MARK))
        with path.open(newline="", encoding=encoding) as text:
            yield text
    except OSError as error:
        raise LampError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        read_text(path)  # tells byte and line of the whole file
        raise LampError(f"{path} is no {encoding} text; save it as UTF-8") from error
