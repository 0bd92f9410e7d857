"""``lamp search``: motions by text, or captions by motion, in the test gallery."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.model_options import ModelOption
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


def search(
    text: Annotated[str | None, typer.Argument(help="What the person does.")] = None,
    motion: Annotated[Path | None, typer.Option(help="A motion: joints (.npy) or .bvh.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Hits to show.")] = 10,
    model: ModelOption = None,
    joint_map: MapOption = None,
    unit: UnitOption = None,
    up: UpOption = None,
    fps: RateOption = None,
    left_handed: LeftHandedOption = False,
    force: ForceOption = False,
) -> None:
    """Search the gallery: motions by text, or captions by motion."""
    from rich.console import Console
    from rich.table import Table

    if (text is None) == (motion is None):
        raise LampError("give a text, or a motion with --motion FILE")
    if text is not None and not text.strip():
        raise LampError("the text is empty; say what the person does")
    if motion is not None and not motion.is_file():
        raise LampError(f"there is no file {motion}")
    opened = gate(joint_map, unit, up, fps, left_handed, force, reads=motion is not None)
    from lamp_core.inference import search as api

    data = find_project().data
    if motion is not None:
        hits = api.search_motion(data, motion, top, model, opened)
    else:
        hits = api.search_text(data, text or "", top, model)
    table = Table("rank", "clip", "score", "caption", box=None, header_style="bold")
    for hit in hits:
        table.add_row(str(hit.rank), hit.clip, f"{hit.score:.3f}", hit.caption)
    Console().print(table)
