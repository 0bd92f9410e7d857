"""``lamp caption``: what happens in a motion, by the trained models of the workspace."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.model_options import MOST_RESULTS, ModelOption
from flows.commands.motion_options import AS_FILES_SAY, HowRead, SeedOption, reads_motions
from tasks.project import find_project
from tasks.system.exit_status import BAD_REQUEST

if TYPE_CHECKING:
    from lamp_core.inference.caption import CaptionedFile
    from lamp_core.m2t.decoding import Search

TOP_P = 0.9


@reads_motions
def caption(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE ...", help="Motions: joints or features (.npy), or .bvh.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    windows: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Caption the motion in parts of at most so many seconds, with times. A motion longer than "
            "the models' longest is captioned in parts in any case.",
        ),
    ] = None,
    nucleus: Annotated[
        bool, typer.Option("--nucleus", help="Draw the words by nucleus sampling instead of beam search.")
    ] = False,
    top_p: Annotated[
        float | None,
        typer.Option(
            metavar="P", help=f"Nucleus sampling from the likeliest share P of words; else {TOP_P}."
        ),
    ] = None,
    seed: SeedOption = 0,
    count: Annotated[
        int,
        typer.Option(
            "-n", min=1, max=MOST_RESULTS, help="Captions a motion; several are drawn by nucleus sampling."
        ),
    ] = 1,
    model: ModelOption = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Say what happens in motions, a line each; one that cannot be read does not hold up the others."""
    from lamp_core.inference.caption import caption_files

    search = _search(nucleus or count > 1 or top_p is not None, top_p, seed)
    opened = how.gate()
    found = caption_files(find_project().data, files, search, count, windows, model, opened)
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in found], indent=2, ensure_ascii=False))
    else:
        for each in found:
            for line in _lines(each, named=len(found) > 1):
                typer.echo(line)
    faults = [each.fault for each in found if each.fault]
    for fault in faults:
        typer.echo(f"error: {fault}", err=True)
    if faults:
        if len(found) > 1:
            typer.echo(f"{len(faults)} of {len(found)} files have no caption", err=True)
        raise typer.Exit(BAD_REQUEST)


def _search(draws: bool, top_p: float | None, seed: int) -> "Search | None":
    """Nucleus sampling when it is asked for; None leaves it to the models' parameters."""
    from lamp_core.m2t.decoding import Search

    return Search("nucleus", top_p=TOP_P if top_p is None else top_p, seed=seed) if draws else None


def _lines(found: "CaptionedFile", named: bool) -> list[str]:
    """Lines of a file: its name where there are several, times where there are several windows."""
    timed = len(found.windows) > 1
    return [
        (f"{found.path}: " if named else "")
        + (f"{window.start:.1f} to {window.end:.1f} s: " if timed else "")
        + text
        for window in found.windows
        for text in window.captions
    ]


def _as_json(found: "CaptionedFile") -> dict[str, Any]:
    """Each file in the same form, whether it is one window or many, or cannot be captioned."""
    return {
        "file": str(found.path),
        "windows": [
            {"start": round(each.start, 3), "end": round(each.end, 3), "captions": list(each.captions)}
            for each in found.windows
        ],
        "error": found.fault or None,
    }
