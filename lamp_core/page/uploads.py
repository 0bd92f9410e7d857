"""A file that was dropped on the page: read through the same gate as by the commands.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_file import (
    FileMotion,
    Gate,
    check_motions,
    features_of,
    read_motion_file,
    stated_form,
)
from lamp_core.errors import LampError, RejectedClip
from lamp_core.inference.generate import joints_of
from lamp_core.page.amass import ENDING, read_amass
from lamp_core.page.shelf import HeldMotion
from lamp_core.page.workshop import Workshop
from lamp_core.skeleton.skeleton import Skeleton

MOST_BYTES = 64 * 2**20
MOST_NAME_BYTES = 255


class UploadForm(BaseModel):
    """Name of a file and how the motion stands in it: the options of the commands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(max_length=255)]
    map: str | None = None
    unit: str | None = None
    up: str | None = None
    fps: float | None = None
    left_handed: bool = False
    force: bool = False

    @property
    def gate(self) -> Gate:
        """As the commands make it; LampError for an unknown map, unit or axis."""
        form = stated_form(self.map or None, self.unit or None, self.up or None, self.fps, self.left_handed)
        return Gate(form, self.force)


def take_file(workshop: Workshop, form: UploadForm, content: bytes) -> HeldMotion:
    """Read a motion file and put it on the shelf.

    Raises:
        LampError: what `lamp caption` would say of the file; the file is called by its name alone.
    """
    gate, space = form.gate, workshop.space
    folder = workshop.shelf.folder / "dropped"
    folder.mkdir(exist_ok=True)
    name = PurePosixPath(form.name.replace("\\", "/")).name
    if name in {"", ".", ".."} or "\0" in name:
        raise LampError(f"{form.name!r} is no name of a file")
    if len(name.encode()) > MOST_NAME_BYTES:
        raise LampError(f"the name {name[:40]}... has more than {MOST_NAME_BYTES} bytes; shorten it")
    path = folder / name
    try:
        path.write_bytes(content)
        motion = _read(path, gate.of_models(space.joint_map), space.skeleton)
        features_TD = features_of(motion, space, path)
    except LampError as fault:
        raise LampError(str(fault).replace(f"{folder}/", "")) from fault
    finally:
        path.unlink(missing_ok=True)
    if len(features_TD) < DOWNSAMPLING:
        raise LampError(
            f"{name} has {len(features_TD)} feature frames; a motion needs at least {DOWNSAMPLING}"
        )
    return workshop.keep(name, joints_of(np.asarray(features_TD), space), features_TD)


def _read(path: Path, gate: Gate, skeleton: Skeleton) -> FileMotion:
    """A motion file held against people, AMASS files among them."""
    if path.suffix.lower() != ENDING:
        return read_motion_file(path, gate, skeleton.name)
    try:
        motion = read_amass(path, skeleton, gate.form)
    except RejectedClip as rejected:
        raise LampError(f"{path} cannot be used: {rejected}") from rejected
    if not gate.force:
        check_motions(str(path), [motion], None, gate.form)
    return motion
