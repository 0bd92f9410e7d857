"""The options of every command that reads motions: how they stand in their files."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamp_core.errors import LampError
from lamp_core.skeleton.units import METRES, TURNS

if TYPE_CHECKING:
    from lamp_core.datasets.motion_file import Gate

LARGEST_SEED = 2**63 - 1

SkeletonName = Annotated[
    str, typer.Option(help="smpl22 (263 features), kit21 (251) or smplx52 (623, with fingers).")
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="File to write: .npy (joints), .bvh, .glb, .usd, .npz (AMASS), .csv (robot), .gif, .mp4, .html.",
    ),
]
MapOption = Annotated[
    str | None,
    typer.Option("--map", help="Joint map of BVH: a built-in name or a YAML file; else told by the names."),
]
UnitOption = Annotated[
    str | None,
    typer.Option("--unit", help=f"Unit of lengths: {', '.join(METRES)}; else the map's or the skeleton's."),
]
UpOption = Annotated[
    str | None, typer.Option("--up", help=f"Axis that points up: {', '.join(TURNS)}; else the map's, or y.")
]
RateOption = Annotated[
    float | None,
    typer.Option("--fps", help="Frames a second; also where a BVH file states a wrong Frame Time."),
]
LeftHandedOption = Annotated[
    bool, typer.Option("--left-handed", help="The axes are left-handed: left and right are exchanged.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Take motions that look like no people as they are.")
]
PlantOption = Annotated[
    bool, typer.Option("--plant", help="Hold feet in place while they are in contact with the floor.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="The same seed gives the same result.")
]


@dataclass(frozen=True, kw_only=True)
class Form:
    """How motions stand in their files, as the options of a command say it."""

    unit: UnitOption = None
    up: UpOption = None
    fps: RateOption = None
    left_handed: LeftHandedOption = False
    force: ForceOption = False

    def of_source(self) -> dict[str, Any]:
        """The same as options of a data source; LampError as `stated_form`."""
        from lamp_core.datasets.motion_file import stated_form

        stated_form(None, self.unit, self.up, self.fps)
        stated = {"unit": self.unit, "up": self.up, "frames_per_second": self.fps}
        return stated | {"left_handed": self.left_handed or None, "force": self.force or None}


@dataclass(frozen=True)
class HowRead(Form):
    """How motion files are read, as the options of a command say it."""

    joint_map: MapOption = None

    def gate(self, *, reads: object = True) -> "Gate":
        """The gate for the files; LampError as `stated_form`, or where the command ``reads`` no motion."""
        from lamp_core.datasets.motion_file import Gate, stated_form

        form = stated_form(self.joint_map, self.unit, self.up, self.fps, self.left_handed)
        stated = Gate(form, self.force)
        if not reads and stated != Gate():
            raise LampError(
                "--map, --unit, --up, --fps, --left-handed and --force say how a motion file is read; none"
                " is given"
            )
        return stated


SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)?:(\d+(?:\.\d*)?|\.\d+)?")


def span_of(option: str, span: str) -> tuple[float | None, float | None]:
    """Return the seconds of ``FROM:TO``, None where an end of the motion is meant.

    Raises:
        LampError: it is none; ``option`` names what it was given with.
    """
    found = SPAN.fullmatch(span.strip())
    if found is None:
        raise LampError(f"{option} {span}: give it as FROM:TO in seconds, such as 1:2.5, :1 or 3:")
    start, end = found.groups()
    return (None if start is None else float(start), None if end is None else float(end))


FORM_AS_FILES_SAY, AS_FILES_SAY = Form(), HowRead()
"""Nothing is stated: what files say of themselves holds."""


def reads_motions(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command with a parameter that is a `Form` the options of that in its place."""
    own = signature(command).parameters.values()
    how = next(each for each in own if isinstance(each.default, Form))
    options = signature(type(how.default)).parameters

    @wraps(command)
    def called(*arguments: Any, **values: Any) -> None:
        stated = {name: values.pop(name) for name in options if name in values}
        command(*arguments, **values, **{how.name: type(how.default)(**stated)})

    shown = [other for each in own for other in (options.values() if each is how else [each])]
    parameters = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in shown]
    vars(called)["__signature__"] = Signature(parameters)
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called
