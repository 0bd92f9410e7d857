"""``lamp edit``: a stretch of a motion anew, by the trained models of the workspace."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.generate import look_up_words
from flows.commands.model_options import (
    MOST_RESULTS,
    DecodeOption,
    GuidanceOption,
    ModelOption,
    StepsOption,
)
from flows.commands.motion_options import (
    AS_FILES_SAY,
    HowRead,
    OutputOption,
    PlantOption,
    SeedOption,
    reads_motions,
    span_of,
)
from lamp_core.errors import LampError
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.inference.generate import EditedMotions
    from lamp_core.viz.player import PlayerMotion

SpanOption = Annotated[
    str | None,
    typer.Option(metavar="FROM:TO", help="Make these seconds anew, such as 1:2.5, :1 (start) or 3: (end)."),
]
ClipOption = Annotated[str | None, typer.Option(help="A clip of the data set, by name, in place of a file.")]
PartOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Make this part of the whole motion anew (system large-motion)."),
]
TextOption = Annotated[
    str | None,
    typer.Option(help="What the person does, or the part; without it the given motion alone decides."),
]


@reads_motions
def edit(
    output: OutputOption,
    motion: Annotated[
        Path | None, typer.Argument(help="The motion: joints or features (.npy), or .bvh.")
    ] = None,
    clip: ClipOption = None,
    span: SpanOption = None,
    after: Annotated[bool, typer.Option("--after", help="Make what comes next.")] = False,
    before: Annotated[bool, typer.Option("--before", help="Make what came before.")] = False,
    to: Annotated[Path | None, typer.Option(help="Make the way to this second motion (file).")] = None,
    part: PartOption = None,
    text: TextOption = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Length of the new part; else that of the span, or estimated from the text."),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=MOST_RESULTS, help="Motions to make.")] = 1,
    seed: SeedOption = 0,
    model: ModelOption = None,
    decode: DecodeOption = "bones",
    guidance: GuidanceOption = None,
    steps: StepsOption = None,
    plant: PlantOption = False,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Make a part of a motion anew: a span, what comes after or came before, the way to another motion, or a
    part of the body.

    The rest stays as it is, frame by frame; of a part of the body, code by code. A page (.html) shows it
    beside what was given.
    """
    _require_one((motion, clip), "give a motion file, or a clip of the data set with --clip NAME")
    _require_one(
        (span, after or None, before or None, to, part),
        "say what to make: one of --span FROM:TO, --after, --before, --to FILE and --part NAME",
    )
    from lamp_core.exports.kinds import check_ending
    from lamp_core.inference import generate as api
    from lamp_core.inference.sampling import SamplingChange

    check_ending(output)
    data = find_project().data
    opened = how.gate(reads=bool(motion or to))
    given_TD = (
        api.read_given(data, motion, opened) if motion is not None else api.clip_features(data, clip or "")
    )
    to_TD = None if to is None else api.read_given(data, to, opened)
    if text:
        look_up_words(data, text)
    if part is not None:
        from lamp_core.inference.parts import edit_part

        _refuse_with_part(seconds=seconds, steps=steps)
        edited = edit_part(data, given_TD, part, text, count, seed, model, decode, guidance)
        _save(output, edited, f"{text} ({part})", plant)
        return
    place = api.Place(None if span is None else span_of("--span", span), after, before, to_TD)
    sampling = SamplingChange(guidance, steps)
    edited = api.edit(data, given_TD, place, text, count, seconds, seed, model, decode, sampling)
    _save(output, edited, text or f"{clip or motion}, edited", plant)


def _save(output: Path, edited: "EditedMotions", title: str, plant: bool) -> None:
    """Write what was made, and say where and which seconds are new."""
    from lamp_core.exports.several import save_motions

    if plant:
        from lamp_core.inference.planted import planted

        rate = edited.skeleton.frames_per_second
        joints, said = planted(edited.joints, edited.features, edited.skeleton, rate)
        edited = replace(edited, joints=joints)
        typer.echo(said)
    made = save_motions(output, edited.joints, edited.skeleton, title, _shown(edited))
    typer.echo("\n".join(map(str, made)))
    typer.echo(f"made by the models: {edited.start:.2f} to {edited.end:.2f} s")


def _refuse_with_part(**options: float | None) -> None:
    for name, value in options.items():
        if value is not None:
            raise LampError(f"--{name} says nothing of a part; leave it out with --part")


def _require_one(given: tuple[object, ...], what: str) -> None:
    if sum(value is not None for value in given) != 1:
        raise LampError(what)


def _shown(edited: "EditedMotions") -> "list[PlayerMotion]":
    """What was given, in time with the edited motions, and those."""
    from lamp_core.viz.player import PlayerMotion

    rate = edited.skeleton.frames_per_second
    titles = ["first", "second"] if len(edited.given) > 1 else ["given"]
    shown = [
        PlayerMotion(joints_TJ3, edited.skeleton, rate, title)
        for joints_TJ3, title in zip(edited.given_in_time, titles, strict=True)
    ]
    for index, joints_TJ3 in enumerate(edited.joints, start=1):
        title = f"edited {index}" if len(edited.joints) > 1 else "edited"
        shown.append(PlayerMotion(joints_TJ3, edited.skeleton, rate, title, made=(edited.start, edited.end)))
    return shown
