"""The options of every command that asks trained models."""

from typing import Annotated, Literal

import typer

from lamp_core.inference.sampling import MOST_STEPS, STRONGEST

MOST_RESULTS = 1000
"""Motions or captions of one call: they are held in memory together."""
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Model, where several can do it.", metavar="NAME")
]
DecodeOption = Annotated[
    Literal["positions", "bones", "rotations"],
    typer.Option(
        help="Joints from positions as they are, from their directions on bones of constant length, or from "
        "rotations."
    ),
]
GuidanceOption = Annotated[
    float | None,
    typer.Option(
        min=0, max=STRONGEST, help="How closely the text is followed, 1 as it is; else the model's own."
    ),
]
StepsOption = Annotated[
    int | None,
    typer.Option(min=1, max=MOST_STEPS, help="Decoding iterations of a masked model; else its own."),
]
