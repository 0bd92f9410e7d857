"""Search by words in an index of a project: a text, keywords, or a motion's own words."""

from pathlib import Path

from lamp_core.datasets.motion_file import Gate, read_motion
from lamp_core.io.kept import kept
from lamp_core.lexical.gallery import LexicalHit, LexicalIndex
from lamp_core.lexical.lexicon import Lexicon
from lamp_core.lexical.vectors import units

INDEX = "lexical_index"


def index_folder(data: Path, folder: Path | None) -> Path:
    """The index that is asked for, or that of the test split."""
    return folder or data / INDEX


def _read_index(data: Path, folder: Path | None) -> LexicalIndex:
    """An index to search in; it stays in memory until a file of it changes."""
    place = index_folder(data, folder)
    return kept((place.resolve(), LexicalIndex), [place], lambda: LexicalIndex.load(place))


def _lexicon_and_index(data: Path, folder: Path | None) -> tuple[Lexicon, LexicalIndex]:
    """The model and an index of it; LampError as `Lexicon.load`, `LexicalIndex.load`, `Lexicon.require`."""
    lexicon, index = Lexicon.load(data), _read_index(data, folder)
    lexicon.require(index, index_folder(data, folder))
    return lexicon, index


def search_words(data: Path, text: str, top: int, folder: Path | None = None) -> list[LexicalHit]:
    """The motions of an index whose words are those of a text.

    Raises:
        LampError: as `Lexicon.query`, or the index is not there, damaged, or of another model.
    """
    LexicalIndex.require(index_folder(data, folder))  # what it is not decides before the model is read
    query_V = Lexicon.load(data).query(text)
    _, index = _lexicon_and_index(data, folder)
    return index.search(query_V, top)


def search_keywords(data: Path, keywords: str, top: int, folder: Path | None = None) -> list[LexicalHit]:
    """The motions of an index that have keywords (``run:2,-jump``); needs no model.

    Raises:
        LampError: as `Keywords.query`, or the index is not there or damaged.
    """
    index = _read_index(data, folder)
    query = index.keywords.query(keywords)
    return index.search(query.weights_V, top, query.without, query.together)


def search_like(
    data: Path, path: Path, top: int, folder: Path | None = None, gate: Gate | None = None
) -> list[LexicalHit]:
    """The motions of an index whose words are those of a motion in a file; LampError as `search_words`."""
    lexicon, index = _lexicon_and_index(data, folder)
    motion_TD = read_motion(path, data / "features", gate)
    return index.search(units(lexicon.embed([motion_TD]))[0], top)
