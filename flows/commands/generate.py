"""``lamp generate``: text to motion by the trained models of the workspace."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.model_options import (
    MOST_RESULTS,
    DecodeOption,
    GuidanceOption,
    ModelOption,
    StepsOption,
)
from flows.commands.motion_options import OutputOption, PlantOption, SeedOption
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.inference.prompts import Prompt


def generate(
    text: Annotated[str, typer.Argument(help="What the person does.")],
    output: OutputOption,
    count: Annotated[int, typer.Option("-n", min=1, max=MOST_RESULTS, help="Motions to generate.")] = 1,
    seconds: Annotated[
        float | None, typer.Option(min=0.2, help="Length; else estimated from the text.")
    ] = None,
    seed: SeedOption = 0,
    model: ModelOption = None,
    decode: DecodeOption = "bones",
    guidance: GuidanceOption = None,
    steps: StepsOption = None,
    part_texts: Annotated[
        list[str] | None,
        typer.Option(
            "--part-text",
            metavar="PART=TEXT",
            help="What a part does, such as left_arm=waves; several times (system large-motion).",
        ),
    ] = None,
    plant: PlantOption = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object: the files, and words hardly seen in training."),
    ] = False,
) -> None:
    """Generate motions from a text; several become NAME-1, NAME-2, ..., or one page side by side (.html)."""
    from lamp_core.exports.kinds import check_ending
    from lamp_core.exports.several import save_motions
    from lamp_core.inference import generate as api
    from lamp_core.inference.part_texts import read_part_texts
    from lamp_core.inference.sampling import SamplingChange
    from lamp_core.viz.player import PlayerMotion

    check_ending(output)
    data, sampling = find_project().data, SamplingChange(guidance, steps)
    of_parts = read_part_texts(part_texts or ())
    prompt = look_up_words(data, text)
    generated = api.generate(data, text, count, seconds, seed, model, decode, sampling, of_parts)
    skeleton, joints = generated.skeleton, generated.joints
    if plant:
        from lamp_core.inference.planted import planted

        joints, said = planted(joints, generated.features, skeleton, skeleton.frames_per_second)
        typer.echo(said, err=as_json)
    shown = [PlayerMotion(joints_TJ3, skeleton, skeleton.frames_per_second) for joints_TJ3 in joints]
    paths = save_motions(output, joints, skeleton, text, shown)
    if as_json:
        typer.echo(
            json.dumps({**asdict(prompt), "files": list(map(str, paths))}, indent=2, ensure_ascii=False)
        )
        return
    for path in paths:
        typer.echo(path)


def look_up_words(data: Path, text: str) -> "Prompt":
    """The text as the train split knows it; what is hardly known of it is said."""
    from lamp_core.inference.prompts import look_up

    prompt = look_up(data, text)
    if prompt.warning:
        typer.echo(f"note: {prompt.warning}", err=True)
    return prompt
