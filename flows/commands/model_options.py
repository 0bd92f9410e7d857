"""The options of every command that asks trained models."""

from typing import Annotated, Literal

import typer

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
