"""``lamp search``: motions by text, captions by motion, or motions by their words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.model_options import ModelOption
from flows.commands.motion_options import AS_FILES_SAY, HowRead, reads_motions
from flows.terminal import line_console
from lamp_core.errors import LampError
from lamp_core.io.text import has_word, require_words
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.datasets.motion_file import Gate
    from lamp_core.lexical.gallery import LexicalHit
    from lamp_core.retrieval.gallery import Hit


@reads_motions
def search(
    text: Annotated[str | None, typer.Argument(help="What the person does.")] = None,
    motion: Annotated[Path | None, typer.Option(help="A motion: joints (.npy) or .bvh.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Hits to show.")] = 10,
    lexical: Annotated[
        bool, typer.Option("--lexical", help="Search motions by their words, and say which matched.")
    ] = False,
    keywords: Annotated[
        str | None, typer.Option(help="Motions by keywords, with weights and exclusions: run:2,-jump.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="Index of `lamp index build`; that of the test split without it.")
    ] = None,
    model: ModelOption = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Search the gallery: motions by text, or captions by motion; with --lexical or --keywords by words."""
    if sum(asked is not None for asked in (text, motion, keywords)) != 1:
        raise LampError("give a text, or a motion with --motion FILE, or keywords with --keywords run,jump")
    if text is not None:
        require_words(text)
    if keywords is not None and not has_word(keywords):
        raise LampError("the keywords are empty; write words with commas between them: run,jump")
    if motion is not None and not motion.is_file():
        raise LampError(f"there is no file {motion}")
    if model is not None and (lexical or keywords is not None or index is not None):
        raise LampError("an index, and that of words too, has a model of its own; leave --model out")
    opened = how.gate(reads=motion is not None)
    from lamp_core.inference import search as api

    data = find_project().data
    if index is not None and not lexical and keywords is None and _is_dense(index):
        hits = _by_vectors(data, text, top, index)
    elif lexical or keywords is not None or index is not None:
        by_words = _by_words(data, text, motion, keywords, top, index, opened)
        if not by_words:
            typer.echo("no motion of the index has these words")
            return
        rows = [[str(hit.rank), hit.name, f"{hit.score:.3f}", _words(hit), hit.caption] for hit in by_words]
        _print_hits(["rank", "motion", "score", "words", "caption"], rows)
        return
    elif motion is not None:
        hits = api.search_motion(data, motion, top, model, opened)
    else:
        hits = api.search_text(data, text or "", top, model)
    rows = [[str(hit.rank), hit.clip, f"{hit.score:.3f}", hit.caption] for hit in hits]
    _print_hits(["rank", "clip", "score", "caption"], rows)


def _is_dense(index: Path) -> bool:
    """Whether an index is one of dense vectors; LampError where there is none."""
    from lamp_core.indexes.dense_gallery import DenseGallery
    from lamp_core.inference.indexed_files import kind_of

    kind = kind_of(index)
    kind.require(index)
    return kind is DenseGallery


def _by_vectors(data: Path, text: str | None, top: int, index: Path) -> "list[Hit]":
    from lamp_core.inference.dense import search_dense

    if text is None:
        raise LampError(
            f"the index in {index} is dense, and is searched by a text; one of words by a motion too"
        )
    return search_dense(data, text, top, index)


def _words(hit: "LexicalHit") -> str:
    return ", ".join(f"{word.word} {word.weight:.0%}" for word in hit.words)


def _print_hits(header: list[str], rows: list[list[str]]) -> None:
    from flows.tables import print_table
    from lamp_core.report.tables import TextTable

    # A hit is a line, so that other programs read it: captions are long.
    print_table(line_console(), TextTable("", header, rows, numbers=False), longest_cell=None)


def _by_words(
    data: Path,
    text: str | None,
    motion: Path | None,
    keywords: str | None,
    top: int,
    index: Path | None,
    gate: "Gate",
) -> "list[LexicalHit]":
    from lamp_core.lexical import word_search as api

    if keywords is not None:
        return api.search_keywords(data, keywords, top, index)
    if motion is not None:
        return api.search_like(data, motion, top, index, gate)
    return api.search_words(data, text or "", top, index)
