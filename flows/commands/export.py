"""``lamp export``: a motion file to another form."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.motion_options import AS_FILES_SAY, HowRead, OutputOption, reads_motions
from lamp_core.errors import LampError, RejectedClip

if TYPE_CHECKING:
    import numpy as np

    from lamp_core.skeleton.skeleton import Skeleton


@reads_motions
def export(
    motion: Annotated[
        Path, typer.Argument(help="Features or joints (.npy), or .bvh of any mapped rig.", metavar="IN")
    ],
    output: OutputOption,
    plant: Annotated[
        bool, typer.Option("--plant", help="Hold feet in place while they are in contact with the floor.")
    ] = False,
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
        joints_TJ3 = _planted(joints_TJ3, read.skeleton, read.frames_per_second)
    try:
        save_motion(output, joints_TJ3, read.skeleton, read.frames_per_second, caption, options)
    except RejectedClip as rejected:
        raise LampError(f"{motion} cannot be written: {rejected}") from rejected
    seconds = len(joints_TJ3) / read.frames_per_second
    typer.echo(f"{output}: {len(joints_TJ3)} frames, {seconds:.1f} s, {read.skeleton.name}")


def _planted(joints_TJ3: "np.ndarray", skeleton: "Skeleton", rate: float) -> "np.ndarray":
    """Plant the feet, and say how much they slid before and slide now."""
    from lamp_core.skeleton.planting import foot_sliding, plant_feet, toe_contacts

    contacts_T2 = toe_contacts(joints_TJ3, skeleton, rate)
    planted_TJ3 = plant_feet(joints_TJ3, contacts_T2, skeleton, rate)
    before, after = (
        100 * foot_sliding(motion, contacts_T2, skeleton, rate) for motion in (joints_TJ3, planted_TJ3)
    )
    share = float(contacts_T2.any(1).mean())
    typer.echo(f"feet in contact slid at {before:.1f} cm/s, now {after:.1f} ({share:.0%} of the frames)")
    return planted_TJ3
