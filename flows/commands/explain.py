"""``lamp explain``: the words of a motion."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.motion_options import AS_FILES_SAY, HowRead, reads_motions
from lamp_core.errors import LampError
from tasks.project import find_project

WIDTH = 30
PAGE = ".html"


@reads_motions
def explain(
    file: Annotated[Path, typer.Argument(help="A motion: joints or features (.npy), or .bvh.")],
    top: Annotated[int, typer.Option(min=1, help="Words to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    cloud: Annotated[
        Path | None, typer.Option(help="Write the words as a cloud: .html.", metavar="FILE")
    ] = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Say a motion in words with their weights."""
    if cloud is not None and cloud.suffix.lower() != PAGE:
        raise LampError(f"{cloud}: a cloud is written as {PAGE}")
    if not file.is_file():
        raise LampError(f"there is no file {file}")
    opened = how.gate()
    from lamp_core.inference import words as api
    from lamp_core.io.parquet import atomic_path
    from lamp_core.viz.cloud import cloud_page

    words = api.explain(find_project().data, file, top, opened)
    if cloud is not None and words:
        page = cloud_page([(word.word, word.weight) for word in words], f"{file.name} in words")
        with atomic_path(cloud) as temporary:
            temporary.write_text(page, encoding="utf-8")
    if as_json:
        found = [{"word": word.word, "weight": round(word.weight, 4)} for word in words]
        typer.echo(json.dumps({"file": str(file), "words": found}, indent=2, ensure_ascii=False))
        return
    if not words:
        raise LampError(f"{file} has no word: the model says nothing of it")
    longest = max(len(word.word) for word in words)
    for word in words:
        bar = "█" * max(1, round(WIDTH * word.weight / words[0].weight))
        typer.echo(f"{word.word:>{longest}} {word.weight:5.2f} {bar}")
