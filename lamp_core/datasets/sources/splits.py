"""Which split a clip belongs to: split files, or the clip's name where a source has none."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from lamp_core.datasets.clips import SPLITS, Split
from lamp_core.errors import LampError
from lamp_core.io.folders import OnPassedOver, find_named, has_ending, ignore, leads_out, without_ending
from lamp_core.io.text import composed, text_lines

VALIDATION_PERCENT, TEST_PERCENT = 5, 15  # as HumanML3D, where a source has no splits
ENDINGS = (".bvh", ".npy", ".npz", ".txt")
NOT_OF_THE_SET = "motions that a set without a train split does not name, which are not of it"
NOT_BARE = "names in the splits with an ending or a folder, which were left out"


def read_splits(
    folder: Path, names: Collection[str] = (), on_passed_over: OnPassedOver = ignore
) -> dict[str, Split]:
    """Split by clip name, from train.txt, val.txt and test.txt, a name a line; a missing file names no clip.

    Args:
        folder: of the three files.
        names: of the clips: a line that is none of them is tried without the ending of a motion file and
            without folders.
        on_passed_over: is told which lines were read so.

    Raises:
        LampError: a name stands in two splits, or a file is no text.
    """
    split_of: dict[str, Split] = {}
    lasts = _by_last_part(names)
    for split in SPLITS:
        path = find_named(folder, f"{split}.txt")
        for line in () if path is None else text_lines(path):
            name = _name_of(composed(line), names, lasts)
            if name != composed(line):
                on_passed_over(NOT_BARE, line)
            if split_of.setdefault(name, split) != split:
                raise LampError(
                    f"clip {name!r} stands in both {split_of[name]} and {split} of {folder}; remove one"
                )
    return split_of


def _by_last_part(names: Collection[str]) -> dict[str, str]:
    """Names by their last part, where only one has it."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name in names:
        last = PurePosixPath(name).name
        if found.setdefault(last, name) != name:
            twice.add(last)
    return {last: name for last, name in found.items() if last not in twice}


def _name_of(line: str, names: Collection[str], lasts: dict[str, str]) -> str:
    """The clip that a line means; the line itself where it means none."""
    if line in names or leads_out(line):
        return line
    path = line.replace("\\", "/")
    bare = without_ending(path) if has_ending(path, *ENDINGS) else path
    parts = PurePosixPath(bare).parts
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    found = next((tail for tail in tails if tail in names), None)
    return found or (lasts.get(parts[-1]) if parts else None) or bare


def split_files(
    folder: Path | None, names: Collection[str] = (), on_passed_over: OnPassedOver = ignore
) -> dict[str, Split] | None:
    """Split by clip name of a folder that was given, as `read_splits`; None without a folder.

    Raises:
        LampError: the folder does not exist, has none of the files, or names a clip twice.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise LampError(f"the folder of the splits does not exist: {folder}")
    if not any(find_named(folder, f"{split}.txt") for split in SPLITS):
        files = ", ".join(f"{split}.txt" for split in SPLITS)
        raise LampError(
            f"none of {files} in {folder}; train.txt names the clips to train on, test.txt alone "
            "makes a set that is only measured on"
        )
    return read_splits(folder, names, on_passed_over)


def clip_names(
    files: Collection[str], split_of: Mapping[str, Split] | None, on_passed_over: OnPassedOver = ignore
) -> list[str]:
    """Names of all clips of a source, sorted: its files, and those that only the splits name.

    A set without a train split is somebody's test set: only what it names is of it, and other files that lie
    beside are passed over.
    """
    if not split_of or "train" in split_of.values():
        return sorted({*files, *(split_of or {})})
    for name in sorted(set(files) - set(split_of)):
        on_passed_over(NOT_OF_THE_SET, name)
    return sorted(split_of)


def split_by_name(name: str) -> Split:
    """The split of a clip of a source without split files: 80 % train, 5 % val, 15 % test, by its name alone.

    More clips change no clip's split.
    """
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % 100
    if place < TEST_PERCENT:
        return "test"
    return "val" if place < TEST_PERCENT + VALIDATION_PERCENT else "train"
