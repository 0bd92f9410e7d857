"""``lamp index``: motions by their words or by dense vectors, in an index of your own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.motion_options import AS_FILES_SAY, HowRead, reads_motions
from flows.progress_lines import said_progress
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.indexes.named_motions import NamedMotions

app = typer.Typer(no_args_is_help=True, add_completion=False)
Folder = Annotated[
    Path | None,
    typer.Option("--index", help="Folder of the index; that of the test split without it.", metavar="INDEX"),
]
OwnFolder = Annotated[
    Path | None,
    typer.Option(
        "--index",
        help="Folder of an index of your own; that of the test split is its stage's.",
        metavar="INDEX",
    ),
]


@app.command()
@reads_motions
def build(
    motions: Annotated[Path, typer.Argument(help="Folder of motions: .npy or .bvh.")],
    index: Annotated[Path, typer.Option("--index", "-o", help="Folder to write.", metavar="INDEX")],
    terms: Annotated[int, typer.Option(min=1, help="Words that are kept of a motion.")] = 64,
    dense: Annotated[
        bool, typer.Option("--dense", help="By vectors of a model that compares texts and motions.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="That model, where several can do it; means --dense.", metavar="NAME")
    ] = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Index every motion below a folder, by words or by vectors."""
    opened = how.gate()
    from lamp_core.inference.indexed_files import build_index

    data, by_vectors = find_project().data, dense or model is not None
    told = said_progress("motions")
    _say(build_index(data, motions, index, terms, opened, told, dense=by_vectors, model=model), index)


@app.command()
@reads_motions
def add(
    files: Annotated[list[Path], typer.Argument(help="Motions: .npy or .bvh.")],
    index: OwnFolder = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Add motions to an index."""
    opened = how.gate()
    from lamp_core.inference.indexed_files import add_to_index, own_index

    data = find_project().data
    folder = own_index(data, index)
    _say(add_to_index(data, folder, files, opened, said_progress("motions")), folder)


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Motions, as the index names them.")],
    index: OwnFolder = None,
) -> None:
    """Take motions out of an index."""
    from lamp_core.inference.indexed_files import own_index, remove_from_index

    data = find_project().data
    folder = own_index(data, index)
    _say(remove_from_index(data, folder, names), folder)


@app.command()
def info(
    index: Folder = None,
    names: Annotated[bool, typer.Option("--names", help="Also list its motions, a line each.")] = False,
) -> None:
    """Say what an index holds."""
    from lamp_core.inference.indexed_files import kind_of
    from lamp_core.lexical.word_search import index_folder

    folder = index_folder(find_project().data, index)
    held = kind_of(folder).load(folder)
    _say(held, folder)
    for name in held.places if names else ():
        typer.echo(name)


def _say(index: "NamedMotions", folder: Path) -> None:
    typer.echo(f"{folder}: {len(index):,} motions, {index.described()}")
