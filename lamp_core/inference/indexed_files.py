"""Indexes of people's own motion files, by words or by dense vectors: made, added to and taken from.

Shapes: T frames, D feature numbers a frame.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lamp_core.datasets.motion_file import ARRAY, BVH, FeatureSpace, Gate, read_features
from lamp_core.errors import LampError
from lamp_core.indexes.dense_gallery import DenseGallery
from lamp_core.indexes.named_motions import DENSE, NamedMotions
from lamp_core.inference.dense import DenseEncoder
from lamp_core.io.file_lock import alone_in
from lamp_core.io.folders import files_below, has_ending
from lamp_core.lexical.gallery import ITEMS, LexicalIndex
from lamp_core.lexical.lexicon import Lexicon
from lamp_core.lexical.word_search import INDEX
from lamp_core.remarks import remark
from lamp_core.training.log import OnProgress

Embedding = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Normalised motions (T, D) each to their vectors."""
BATCH_FILES = 64


def own_index(data: Path, folder: Path | None) -> Path:
    """The folder of an index that may be changed.

    Raises:
        LampError: it is that of the test split, which is the stage's alone: what would be added to it, the
            stage's next run takes away.
    """
    if folder is None or folder.resolve() == (data / INDEX).resolve():
        raise LampError(
            f"the index of the test split ({data / INDEX}) is written by the stage {INDEX}, which would undo "
            f"the change; name one of your own with --index INDEX: a copy of that folder, or what "
            f"`lamp index build` makes"
        )
    return folder


def build_index(
    data: Path,
    motions: Path,
    folder: Path,
    most_terms: int,
    gate: Gate | None = None,
    on_progress: OnProgress | None = None,
    *,
    dense: bool = False,
    model: str | None = None,
) -> NamedMotions:
    """Index all motions (.npy, .bvh) below a folder; what cannot be read is said and left out.

    Args:
        data: the project's data folder.
        motions: folder of motions.
        folder: of the index.
        most_terms: words that are kept of a motion.
        gate: how files are read.
        on_progress: called as motions are done.
        dense: by the vectors of a model that compares texts and motions, in place of words.
        model: name of that model; the first that is trained without it.

    Raises:
        LampError: there is no motion that can be read, the folder has an index of the other kind, or as
            `Lexicon.load`, `DenseEncoder.load` and `own_index`.
    """
    folder = own_index(data, folder)
    if (folder / (ITEMS if dense else DENSE)).exists():
        raise LampError(f"{folder} has an index of the other kind; name another folder with --index INDEX")
    if not motions.is_dir():
        raise LampError(f"there is no folder {motions}")
    names = [name for name, _ in files_below(motions) if has_ending(name, ARRAY, BVH)]
    if not names:
        raise LampError(f"{motions} has no motion; motions are read from .npy and .bvh")
    index: NamedMotions
    index = DenseEncoder.load(data, model).new_index() if dense else Lexicon.load(data).new_index(most_terms)
    files = {name: motions / name for name in names}
    _embed(data, _embedding(data, index, folder), index, files, gate, on_progress)
    with alone_in(folder):
        index.save(folder)
    return index


def add_to_index(
    data: Path,
    folder: Path,
    files: Sequence[Path],
    gate: Gate | None = None,
    on_progress: OnProgress | None = None,
) -> NamedMotions:
    """Add motion files to an index, by their names as they are given; one that is given twice is added once.

    Raises:
        LampError: a file is in the index already, whatever it is called there, or as `build_index`.
    """
    kind = kind_of(own_index(data, folder))
    index = kind.load(folder)
    given = {file.resolve(): file for file in reversed(files)}
    whole = {str(file): str(path) for path, file in reversed(given.items())}
    embedding = _embedding(data, index, folder)
    index.require_new(whole)  # before the work, and again after it
    made = index.empty()
    _embed(data, embedding, made, {name: Path(name) for name in whole}, gate, on_progress)
    with kind.changing(folder) as changed:
        _embedding(data, changed, folder)
        changed.require_new({name: whole[name] for name in made.names})
        changed.take(made)
    return changed


def remove_from_index(data: Path, folder: Path, names: Sequence[str]) -> NamedMotions:
    """Take motions out of an index; LampError where one is not there, or as `own_index`."""
    with kind_of(own_index(data, folder)).changing(folder) as index:
        index.remove(names)
    return index


def kind_of(folder: Path) -> type[NamedMotions]:
    """Of dense vectors where a folder has some, else of words."""
    return DenseGallery if (folder / DENSE).exists() else LexicalIndex


def _embedding(data: Path, index: NamedMotions, folder: Path) -> Embedding:
    """What makes an index's vectors of motions; LampError where the index is of another model."""
    if isinstance(index, DenseGallery):
        encoder = DenseEncoder.load(data, index.model)
        encoder.require(index, folder)
        return encoder.embed
    assert isinstance(index, LexicalIndex)
    lexicon = Lexicon.load(data)
    lexicon.require(index, folder)
    return lexicon.embed


def _embed(
    data: Path,
    embedding: Embedding,
    index: NamedMotions,
    files: dict[str, Path],
    gate: Gate | None,
    on_progress: OnProgress | None,
) -> None:
    """Add motion files to an index in memory, some at a time; what cannot be read is said and left out."""
    space, names = FeatureSpace.load(data / "features"), list(files)
    for start in range(0, len(names), BATCH_FILES):
        part, taken = names[start : start + BATCH_FILES], dict[str, np.ndarray]()
        for name in part:
            try:
                features_TD = read_features(files[name], space, gate)
            except LampError as fault:
                remark(f"left out: {fault}")
                continue
            taken[name] = np.asarray(space.statistics.normalise(features_TD), dtype=np.float32)
        if taken:
            paths = [str(files[name].resolve()) for name in taken]
            index.add(list(taken), [""] * len(taken), embedding(list(taken.values())), paths)
        if on_progress is not None:
            on_progress(start + len(part), len(files), "")
    if not len(index):
        raise LampError(f"none of the {len(files)} motions can be used")
