"""``lamp export``: a motion file to another form."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.motion_options import AS_FILES_SAY, HowRead, OutputOption, PlantOption, reads_motions
from lamp_core.errors import LampError, RejectedClip


@reads_motions
def export(
    motion: Annotated[
        Path, typer.Argument(help="Features or joints (.npy), or .bvh of any mapped rig.", metavar="IN")
    ],
    output: OutputOption,
    plant: PlantOption = False,
    caption: Annotated[str, typer.Option(help="Shown in a GIF, film or page.")] = "",
    body_model: Annotated[
        Path | None, typer.Option(help="SMPL body that an .npz is for; else the reference skeleton.")
    ] = None,
    robot: Annotated[
        str, typer.Option(metavar="MAP", help="Robot of a .csv: a built-in map or a YAML file.")
    ] = "unitree-g1",
    clamp: Annotated[
        bool, typer.Option("--clamp", help="Keep a robot's angles within its limits and speeds.")
    ] = False,
    skeleton: Annotated[
        str | None, typer.Option(help="smpl22, kit21 or smplx52; else told by the file.")
    ] = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Write a motion for other programs: BVH, GLB, USD, AMASS, a robot's angles, joints, pictures."""
    from lamp_core.datasets.motion_file import read_motion_file
    from lamp_core.exports.kinds import ExportOptions, check_ending, save_motion

    options = ExportOptions(body_model, robot, clamp)
    check_ending(output, options)
    read = read_motion_file(motion, how.gate(), skeleton)
    joints_TJ3 = read.joints_TJ3
    if plant:
        from lamp_core.inference.planted import planted

        (joints_TJ3,), said = planted([joints_TJ3], [read.features_TD], read.skeleton, read.frames_per_second)
        typer.echo(said)
    try:
        save_motion(output, joints_TJ3, read.skeleton, read.frames_per_second, caption, options)
    except RejectedClip as rejected:
        raise LampError(f"{motion} cannot be written: {rejected}") from rejected
    seconds = len(joints_TJ3) / read.frames_per_second
    typer.echo(f"{output}: {len(joints_TJ3)} frames, {seconds:.1f} s, {read.skeleton.name}")
