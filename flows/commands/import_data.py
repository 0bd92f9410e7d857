"""``lamp import``: register motion data of a kind of source."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lamp_core.errors import LampError
from tasks.project import find_project

app = typer.Typer(help="Register motion data; `lamp run --data NAME` then uses it.", no_args_is_help=True)

Name = Annotated[str, typer.Option(help="Name of the data set: lower-case letters, digits and hyphens.")]
SkeletonName = Annotated[
    str, typer.Option(help="smpl22 (263 features), kit21 (251) or smplx52 (623, with fingers).")
]
CaptionFolder = Annotated[
    Path | None, typer.Option("--captions", help="Folder of caption files, NAME.txt a clip.")
]
SplitFolder = Annotated[
    Path | None,
    typer.Option("--splits", help="Folder of train.txt, val.txt and test.txt; else by the clips' names."),
]
BodyModel = Annotated[
    Path | None,
    typer.Option(help="Body model of SMPL parameters (.npz), or a folder with one a gender."),
]
UnitName = Annotated[
    str | None, typer.Option(help="Unit of lengths: m, cm, mm, inch or foot; else the skeleton's.")
]
Up = Annotated[str | None, typer.Option(help="Axis that points up: x, y or z; else y.")]
Rate = Annotated[
    float | None, typer.Option("--fps", help="Frames a second of the joints; else the skeleton's.")
]
Reference = Annotated[str | None, typer.Option(help="Clip whose first frame gives the bone lengths of all.")]


@app.command("bvh")
def import_bvh(
    folder: Annotated[Path, typer.Argument(help="Folder of BVH files.")],
    captions: Annotated[Path, typer.Option(help="Folder of caption files, NAME.txt a clip.")],
    splits: Annotated[Path, typer.Option(help="Folder of train.txt, val.txt and test.txt.")],
    name: Name,
    joint_map: Annotated[
        str | None, typer.Option("--map", help="Joint map: a built-in name or a YAML file; else detected.")
    ] = None,
    reference: Reference = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of lengths: m, cm, mm, inch or foot; else the map's.")
    ] = None,
    up: Annotated[str | None, typer.Option(help="Axis that points up: x, y or z; else the map's.")] = None,
) -> None:
    """Register a folder of BVH files with captions and splits."""
    options = {
        "motions": _folder(folder),
        "captions": _folder(captions),
        "splits": _folder(splits),
        "map": joint_map,
        "reference_clip": reference,
        "unit": unit,
        "up": up,
    }
    _register(name, "bvh", options)


@app.command("humanml3d")
def import_humanml3d(
    folder: Annotated[
        Path, typer.Argument(help="Folder with new_joint_vecs, new_joints or joints, texts and splits.")
    ],
    name: Name,
) -> None:
    """Register a data set in the published layout of HumanML3D."""
    _register(name, "humanml3d", {"motions": _folder(folder)})


@app.command("kit")
def import_kit(
    folder: Annotated[
        Path, typer.Argument(help="Folder with new_joint_vecs or new_joints, texts and splits.")
    ],
    name: Name,
) -> None:
    """Register a data set in the published layout of KIT-ML (kit21, 251 features)."""
    _register(name, "kit", {"motions": _folder(folder)})


@app.command("amass")
def import_amass(
    folder: Annotated[Path, typer.Argument(help="Folder of AMASS parameter files (.npz), as unpacked.")],
    name: Name,
    body_model: BodyModel = None,
    captions: CaptionFolder = None,
    splits: SplitFolder = None,
    index: Annotated[
        Path | None, typer.Option(help="The index.csv of HumanML3D, which cuts the clips.")
    ] = None,
    reference: Reference = None,
) -> None:
    """Register AMASS: SMPL+H or SMPL-X parameters, posed by your body model."""
    options = {
        "motions": _folder(folder),
        "body_model": body_model,
        "captions": captions,
        "splits": splits,
        "index": index,
        "reference_clip": reference,
    }
    _register(name, "amass", options)


@app.command("motionx")
def import_motionx(
    folder: Annotated[
        Path, typer.Argument(help="Folder with motion_data/smplx_322 (or ready joints), texts and splits.")
    ],
    name: Name,
    body_model: BodyModel = None,
    captions: CaptionFolder = None,
    splits: SplitFolder = None,
    skeleton: Annotated[
        str | None, typer.Option(help="smplx52 (623 features), or smpl22 for the body alone; else smplx52.")
    ] = None,
) -> None:
    """Register Motion-X: whole-body motion, by parameters, joints or ready features (623)."""
    options = {
        "motions": _folder(folder),
        "body_model": body_model,
        "captions": captions,
        "splits": splits,
        "skeleton": skeleton,
    }
    _register(name, "motionx", options)


@app.command("npy")
def import_npy(
    folder: Annotated[Path, typer.Argument(help="Folder of .npy files of joints (T, J, 3).")],
    skeleton: SkeletonName,
    name: Name,
    captions: CaptionFolder = None,
    splits: SplitFolder = None,
    unit: UnitName = None,
    up: Up = None,
    fps: Rate = None,
    reference: Reference = None,
) -> None:
    """Register a folder of joints in .npy files."""
    options = {
        "motions": _folder(folder),
        "skeleton": skeleton,
        "captions": captions,
        "splits": splits,
        "unit": unit,
        "up": up,
        "frames_per_second": fps,
        "reference_clip": reference,
    }
    _register(name, "npy", options)


@app.command("manifest")
def import_manifest(
    table: Annotated[Path, typer.Argument(help="Table of clips, .csv or .parquet: file, captions, split.")],
    skeleton: SkeletonName,
    name: Name,
    folder: Annotated[
        Path | None, typer.Option(help="Folder that the table's files are in; else the table's own.")
    ] = None,
    joint_map: Annotated[
        str | None, typer.Option("--map", help="Joint map of BVH files: a built-in name or a YAML file.")
    ] = None,
    body_model: BodyModel = None,
    unit: UnitName = None,
    up: Up = None,
    fps: Rate = None,
    reference: Reference = None,
) -> None:
    """Register a table of clips, a row a clip: read row by row, for sets of any size."""
    options = {
        "manifest": table,
        "motions": None if folder is None else _folder(folder),
        "skeleton": skeleton,
        "map": joint_map,
        "body_model": body_model,
        "unit": unit,
        "up": up,
        "frames_per_second": fps,
        "reference_clip": reference,
    }
    _register(name, "manifest", options)


def _register(name: str, kind: str, options: dict[str, Any]) -> None:
    from rich.console import Console

    from lamp_core.datasets.registry import register_source

    project = find_project()
    summary = register_source(project.data, name, kind, options)
    splits = ", ".join(f"{split} {count}" for split, count in summary.clips_of_split.items())
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{name}: {summary.clips} clips ({splits}), {summary.captions} captions, in {summary.path}")
    for reason, count in summary.faults.items():
        console.print(f"  will be rejected as {reason}: {count}")
    console.print(f"now: lamp run --data {name}")


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise LampError(f"there is no folder {path}")
    return path
