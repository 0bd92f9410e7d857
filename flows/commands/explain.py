"""``lamp explain``: the words of a motion."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.motion_options import (
    ForceOption,
    LeftHandedOption,
    MapOption,
    RateOption,
    UnitOption,
    UpOption,
    gate,
)
from lamp_core.errors import LampError
from tasks.project import find_project

WIDTH = 30


def explain(
    file: Annotated[Path, typer.Argument(help="A motion: joints or features (.npy), or .bvh.")],
    top: Annotated[int, typer.Option(min=1, help="Words to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    joint_map: MapOption = None,
    unit: UnitOption = None,
    up: UpOption = None,
    fps: RateOption = None,
    left_handed: LeftHandedOption = False,
    force: ForceOption = False,
) -> None:
    """Say a motion in words with their weights."""
    if not file.is_file():
        raise LampError(f"there is no file {file}")
    opened = gate(joint_map, unit, up, fps, left_handed, force)
    from lamp_core.inference import lexical

    words = lexical.explain(find_project().data, file, top, opened)
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
