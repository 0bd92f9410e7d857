"""``lamp features`` and ``lamp joints``: between joint positions and motion features."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.motion_options import AS_FILES_SAY, HowRead, SkeletonName, reads_motions
from lamp_core.errors import LampError

if TYPE_CHECKING:
    import numpy as np

Output = Annotated[Path, typer.Option("--output", "-o", help="File to write (.npy).")]


@reads_motions
def features(
    joints: Annotated[Path, typer.Argument(help="Joint positions (T, J, 3), .npy.", metavar="IN")],
    output: Output,
    skeleton: SkeletonName,
    reference: Annotated[
        Path | None,
        typer.Option(help="Pose (J, 3) whose bone lengths the clip gets; else the canonical body."),
    ] = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Turn the joints of a motion (.npy or .bvh) into motion features (T - 1, D)."""
    import torch

    from lamp_core.datasets.motion_file import read_motion_file
    from lamp_core.errors import RejectedClip
    from lamp_core.features.encode import encode
    from lamp_core.skeleton.kinematics import canonical_reference
    from lamp_core.skeleton.skeleton import load_skeleton

    described = load_skeleton(skeleton)
    read = read_motion_file(joints, how.gate(), skeleton)
    if read.features_TD is not None:
        raise LampError(f"{joints} holds features already; wanted joints (T, {described.joint_count}, 3)")
    reference_J3 = (
        torch.from_numpy(_load_array(reference, (described.joint_count, 3)))
        if reference is not None
        else canonical_reference(described)
    )
    try:
        features_TD = encode(torch.from_numpy(read.resampled_TJ3.astype("float32")), described, reference_J3)
    except RejectedClip as rejected:
        raise LampError(f"{joints}: {rejected}") from rejected
    _save_array(output, features_TD.numpy())


def joints(
    features: Annotated[Path, typer.Argument(help="Motion features (T, D), .npy.", metavar="IN")],
    output: Output,
    skeleton: SkeletonName,
) -> None:
    """Turn motion features back into joint positions (T, J, 3)."""
    import torch

    from lamp_core.features.decode import decode
    from lamp_core.skeleton.skeleton import load_skeleton

    described = load_skeleton(skeleton)
    features_TD = _load_array(features, (None, described.feature_count))
    _save_array(output, decode(torch.from_numpy(features_TD), described).numpy())


def _load_array(path: Path, shape: tuple[int | None, ...]) -> "np.ndarray":
    """Read a float array whose shape fits (None fits any length)."""
    import numpy as np

    from lamp_core.errors import RejectedClip
    from lamp_core.io.arrays import read_npy

    try:
        values = read_npy(path)
    except RejectedClip as rejected:
        raise LampError(f"{path} cannot be used: {rejected}") from rejected
    wanted = "(" + ", ".join("T" if size is None else str(size) for size in shape) + ")"
    fits = values.ndim == len(shape) and all(
        size in {None, found} for size, found in zip(shape, values.shape, strict=True)
    )
    if not fits or not np.isfinite(values).all():
        raise LampError(f"{path} has the shape {values.shape}; wanted finite numbers of shape {wanted}")
    return np.ascontiguousarray(values, dtype=np.float32)


def _save_array(path: Path, values: "np.ndarray") -> None:
    import numpy as np

    if path.suffix.lower() != ".npy":
        raise LampError(f"{path}: unknown ending '{path.suffix}'; known: .npy")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # NumPy would put an ending of its own behind .NPY
        np.save(file, values)
    typer.echo(f"{path}: {' x '.join(map(str, values.shape))}")
