"""``lamp import``: register motion data of a kind of source."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.motion_options import (
    FORM_AS_FILES_SAY,
    ForceOption,
    Form,
    MapOption,
    RateOption,
    SkeletonName,
    UpOption,
    reads_motions,
)
from lamp_core.errors import LampError
from tasks.project import find_project

app = typer.Typer(no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Option(help="Name of the data set: lower-case letters, digits and hyphens.")]
CaptionFolder = Annotated[
    Path | None,
    typer.Option("--captions", help="Folder of NAME.txt, a file a clip, or one .tsv, .csv or .jsonl of all."),
]
SplitFolder = Annotated[
    Path | None,
    typer.Option("--splits", help="Folder of train.txt, val.txt and test.txt; else by the clips' names."),
]
LabelPattern = Annotated[
    str | None,
    typer.Option(
        help="Regular expression of clips' names, a group a label: '(?P<content>[^_]+)_(?P<style>.+)'."
    ),
]
BodyModel = Annotated[
    Path | None,
    typer.Option(help="Body model of SMPL parameters (.npz), or a folder with one a gender."),
]
Reference = Annotated[str | None, typer.Option(help="Clip whose first frame gives the bone lengths of all.")]


@app.command("bvh")
@reads_motions
def import_bvh(
    folder: Annotated[Path, typer.Argument(help="Folder of BVH files; with --suggest-map also one file.")],
    captions: CaptionFolder = None,
    splits: SplitFolder = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set.")] = None,
    joint_map: MapOption = None,
    reference: Reference = None,
    form: Form = FORM_AS_FILES_SAY,
    labels: LabelPattern = None,
    suggest_map: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a joint map to start from, and a picture of it, and stop."),
    ] = None,
) -> None:
    """Register a folder of BVH files with captions and splits, or suggest a joint map for it."""
    if suggest_map is not None:
        _suggest_map(folder, suggest_map)
        return
    missing = [
        option
        for option, value in (("--captions", captions), ("--splits", splits), ("--name", name))
        if value is None
    ]
    if missing or captions is None or splits is None or name is None:
        raise LampError(f"{', '.join(missing)} missing: BVH files need captions, splits and a name")
    options = {
        "motions": _folder(folder),
        "captions": _captions(captions),
        "splits": _folder(splits),
        "map": joint_map,
        "labels": labels,
        "reference_clip": reference,
        **form.of_source(),
    }
    _register(name, "bvh", options)


def _published(kind: str, summary: str, folders: str) -> None:
    """Add the command for a published layout."""

    @app.command(kind, help=summary)
    @reads_motions
    def register(
        folder: Annotated[Path, typer.Argument(help=f"Folder with {folders}, texts and splits.")],
        name: Name,
        form: Form = FORM_AS_FILES_SAY,
    ) -> None:
        _register(name, kind, {"motions": _folder(folder), **form.of_source()})


_published(
    "humanml3d",
    "Register a data set in the published layout of HumanML3D.",
    "new_joint_vecs, new_joints or joints",
)
_published(
    "kit",
    "Register a data set in the published layout of KIT-ML (kit21, 251 features).",
    "new_joint_vecs or new_joints",
)


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
    up: UpOption = None,
    fps: RateOption = None,
    force: ForceOption = False,
) -> None:
    """Register AMASS: SMPL+H or SMPL-X parameters, posed by your body model."""
    options = {
        "motions": _folder(folder),
        "body_model": body_model,
        "captions": captions,
        "splits": splits,
        "index": index,
        "reference_clip": reference,
        **Form(up=up, fps=fps, force=force).of_source(),
    }
    _register(name, "amass", options)


@app.command("motionx")
@reads_motions
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
    form: Form = FORM_AS_FILES_SAY,
) -> None:
    """Register Motion-X: whole-body motion, by parameters, joints or ready features (623)."""
    options = {
        "motions": _folder(folder),
        "body_model": body_model,
        "captions": captions,
        "splits": splits,
        "skeleton": skeleton,
        **form.of_source(),
    }
    _register(name, "motionx", options)


@app.command("npy")
@reads_motions
def import_npy(
    folder: Annotated[Path, typer.Argument(help="Folder of .npy files of joints (T, J, 3).")],
    skeleton: SkeletonName,
    name: Name,
    captions: CaptionFolder = None,
    splits: SplitFolder = None,
    form: Form = FORM_AS_FILES_SAY,
    reference: Reference = None,
    labels: LabelPattern = None,
) -> None:
    """Register a folder of joints in .npy files."""
    options = {
        "motions": _folder(folder),
        "labels": labels,
        "skeleton": skeleton,
        "captions": captions,
        "splits": splits,
        **form.of_source(),
        "reference_clip": reference,
    }
    _register(name, "npy", options)


@app.command("manifest")
@reads_motions
def import_manifest(
    table: Annotated[Path, typer.Argument(help="Table of clips, .csv or .parquet: file, captions, split.")],
    skeleton: SkeletonName,
    name: Name,
    folder: Annotated[
        Path | None, typer.Option(help="Folder that the table's files are in; else the table's own.")
    ] = None,
    joint_map: MapOption = None,
    body_model: BodyModel = None,
    form: Form = FORM_AS_FILES_SAY,
    reference: Reference = None,
) -> None:
    """Register a table of clips, a row a clip: read row by row, for sets of any size."""
    options = {
        "manifest": table,
        "motions": None if folder is None else _folder(folder),
        "skeleton": skeleton,
        "map": joint_map,
        "body_model": body_model,
        **form.of_source(),
        "reference_clip": reference,
    }
    _register(name, "manifest", options)


def _register(name: str, kind: str, options: dict[str, Any]) -> None:
    from lamp_core.datasets.registry import register_source

    project = find_project()
    summary = register_source(project.data, name, kind, options)
    splits = ", ".join(f"{split} {count}" for split, count in summary.clips_of_split.items())
    typer.echo(f"{name}: {summary.clips} clips ({splits}), {summary.captions} captions, in {summary.path}")
    for remark in summary.source.remarks:
        typer.echo(f"  note: {remark}")
    if summary.skipped_captions:
        typer.echo(f"  dropped: {summary.skipped_captions} lines of the captions, which are none")
    for reason, count in summary.faults.items():
        typer.echo(f"  will be rejected as {reason}: {count} ({summary.first_faults[reason]})")
    typer.echo(f"now: lamp run --data {name}")


def _suggest_map(motions: Path, target: Path) -> None:
    """Write a joint map by the names and the shape of a BVH file, and a picture of what it says."""
    from lamp_core.skeleton.map_suggestion import first_motion, suggest_map
    from lamp_core.viz.map_picture import draw_map

    if target.suffix.lower() == ".bvh":  # the file of the motion, not of the map
        motions, target = target, Path(f"{target.stem}-map.yaml")
    motion = first_motion(motions)
    suggested = suggest_map(motion)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(suggested.text, encoding="utf-8")
    picture = target.with_suffix(".png")
    draw_map(picture, motion, suggested)
    typer.echo(f"{target}: {suggested.found} of {len(suggested.joints)} joints by name, the others by shape")
    for joint in suggested.missing:
        typer.echo(f"  {joint}: no joint of the file was found; name one")
    typer.echo(f"{picture}: look at it, mend the map, then give --map {target}")


def _captions(place: Path) -> Path:
    if not place.exists():
        raise LampError(f"there is no folder or file {place}")
    return place


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise LampError(f"there is no folder {path}")
    return path
