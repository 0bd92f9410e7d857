"""Arrays from files that nobody vouches for: nothing is unpickled, and no header makes us reserve memory that
the file cannot fill.

NumPy trusts a header's shape: a file of a few bytes may declare a terabyte, and a compressed archive may grow
a thousandfold. Here what a header declares is held against what is there before a byte of it is reserved.
"""

import io
import math
import pickletools
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from lamp_core.errors import RejectedClip

LARGEST_BYTES = 2**30
"""Of one array: 45 minutes of the parameters of a body at 120 frames a second, or the largest body model."""
HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}
NUMBERS, TEXT, OBJECTS = "fiu", "US", "O"
LONGEST_TEXT = 2**16
"""Bytes of an array of text objects."""


def read_npy(path: Path) -> NDArray[Any]:
    """The numbers of a ``.npy`` file.

    Raises:
        RejectedClip: ``motion-missing``, ``empty``, ``unreadable`` (no such file, objects or text in it),
            ``truncated`` (fewer bytes than its header declares) or ``too-large``.
    """
    with _open(path) as file:
        return _read_array(file, path.stat().st_size, path.name, NUMBERS)


def read_npz(path: Path, names: Collection[str], texts: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Those of the named arrays that a ``.npz`` archive holds.

    Args:
        path: the archive.
        names: arrays of numbers.
        texts: arrays that may also hold text, such as a gender; of objects the texts among them are read.

    Raises:
        RejectedClip: as `read_npy`, and ``unreadable`` when it is no archive.
    """
    with _open(path) as file, _as_rejections(path.name), zipfile.ZipFile(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        found = {}
        for name in (*names, *texts):
            if name in members:
                kinds = NUMBERS + TEXT + OBJECTS if name in texts else NUMBERS
                with archive.open(members[name]) as member:
                    size = members[name].file_size
                    found[name] = _read_array(member, size, f"{path.name}, {name}", kinds)
        return found


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise RejectedClip("motion-missing", f"there is no {path}") from error
    except OSError as error:
        raise RejectedClip("unreadable", f"{path}: {error.strerror}") from error
    with file:
        if not path.stat().st_size:
            raise RejectedClip("empty", f"{path} has no content")
        yield file


@contextmanager
def _as_rejections(label: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise RejectedClip("unreadable", f"{label} is no whole .npz archive: {error}") from error


def _read_array(file: IO[bytes], size: int, label: str, kinds: str) -> NDArray[Any]:
    """One array of `size` bytes with its header."""
    try:
        version = npy_format.read_magic(file)
        shape, in_columns, dtype = HEADER_READERS[version](file)
    except (ValueError, KeyError, EOFError, SyntaxError) as error:
        raise RejectedClip("unreadable", f"{label} is no .npy array: {error}") from error
    if dtype.kind not in kinds:
        raise RejectedClip("unreadable", f"{label} holds {dtype}, not numbers")
    if dtype.kind == OBJECTS:
        return _texts_of_objects(file, label)
    declared = math.prod(shape) * dtype.itemsize
    there = size - file.tell()
    if declared > there:
        raise RejectedClip("truncated", f"{label} declares {declared:,} bytes of {shape} and holds {there:,}")
    if declared > LARGEST_BYTES:
        raise RejectedClip(
            "too-large", f"{label} declares {declared:,} bytes of {shape}, more than {LARGEST_BYTES:,}"
        )
    content = _read_all(file, declared)
    if len(content) < declared:
        raise RejectedClip("truncated", f"{label} declares {declared:,} bytes and has {len(content):,}")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if in_columns else "C")
    if not array.size:
        raise RejectedClip("empty", f"{label} holds an array of shape {shape}")
    return array


def _texts_of_objects(file: IO[bytes], label: str) -> NDArray[Any]:
    """The texts that stand in pickled objects: the pickle is looked through, never run."""
    try:
        found = [
            argument.decode("latin-1") if isinstance(argument, bytes) else argument
            for _, argument, _ in pickletools.genops(file.read(LONGEST_TEXT))
            if isinstance(argument, str | bytes)
        ]
    except (ValueError, IndexError) as error:
        raise RejectedClip("unreadable", f"{label} holds objects that are no text: {error}") from error
    return np.array(found or [""])


def _read_all(file: IO[bytes], count: int) -> bytes:
    """As many bytes as there are, up to `count`; memory grows with what really comes."""
    buffer = io.BytesIO()
    while (left := count - buffer.tell()) and (block := file.read(min(left, 2**20))):
        buffer.write(block)
    return buffer.getvalue()
