"""The kinds of files that a motion is exported to, and the one way to write one: the ending says which.

Shapes: T frames, J joints, 3 coordinates (Y up).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lamp_core.errors import LampError
from lamp_core.exports.amass import save_amass
from lamp_core.exports.glb import require_glb, save_glb
from lamp_core.exports.robot import DEFAULT_ROBOT, save_robot
from lamp_core.exports.robot_map import load_robot
from lamp_core.exports.usd import require_usd, save_usd
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.gif import save_gif
from lamp_core.viz.mp4 import require_video, save_mp4
from lamp_core.viz.player import PlayerMotion, player_page


@dataclass(frozen=True)
class ExportOptions:
    """What some kinds of files take beside the motion.

    Args:
        body_model: file or folder of the SMPL body that an ``.npz`` is for; the reference skeleton without.
        robot: built-in name or path of the robot map of a ``.csv``.
        clamp: keep the angles of a ``.csv`` within the robot's limits and speeds.
    """

    body_model: Path | None = None
    robot: str = DEFAULT_ROBOT
    clamp: bool = False


DEFAULTS = ExportOptions()
Writer = Callable[[Path, np.ndarray, Skeleton, float, str, ExportOptions], None]


@dataclass(frozen=True)
class ExportKind:
    """A kind of file.

    Args:
        endings: that name it.
        what: it is, in words.
        write: the writer; caption and options are left aside by those that have no use for them.
        require: raises LampError where the library for it is missing.
        options: names of the fields of `ExportOptions` that it takes.
    """

    endings: tuple[str, ...]
    what: str
    write: Writer
    require: Callable[[], object] = lambda: None
    options: frozenset[str] = field(default_factory=frozenset)


def save_motion(
    path: Path | str,
    joints_TJ3: np.ndarray,
    skeleton: Skeleton,
    frames_per_second: float,
    caption: str = "",
    options: ExportOptions = DEFAULTS,
) -> None:
    """Write a motion as the kind of file that the ending names.

    The file appears when it is whole: it is written beside its place and renamed.

    Args:
        path: file to write; the folder is made when it is missing.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion.
        caption: shown in a GIF, film or page, kept as a name in GLB and USD.
        options: that kinds take.

    Raises:
        LampError: as `check_ending`; when the motion cannot be drawn; or what the kind says of its options.
        RejectedClip: a motion that a skeleton's rotations cannot hold, as `write_bvh`.
    """
    path = Path(path)
    kind = check_ending(path, options)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".lamp-") as folder:
        unfinished = Path(folder) / f"{path.stem}{path.suffix.lower()}"
        kind.write(unfinished, joints_TJ3, skeleton, frames_per_second, caption, options)
        os.replace(unfinished, path)


def check_ending(path: Path | str, options: ExportOptions = DEFAULTS) -> ExportKind:
    """The kind of file that a path names, before any work is done.

    Raises:
        LampError: an unknown ending, FBX, a missing library, options that the kind does not take, or a robot
            map that cannot be read.
    """
    ending = Path(path).suffix.lower()
    if ending in REFUSED:
        raise LampError(f"{path}: {REFUSED[ending]}")
    kind = next((kind for kind in KINDS if ending in kind.endings), None)
    if kind is None:
        raise LampError(f"{path}: unknown ending {ending or '(none)'!r}, known are {', '.join(endings())}")
    for name in vars(DEFAULTS):
        if name not in kind.options and getattr(options, name) != getattr(DEFAULTS, name):
            takers = ", ".join(other.endings[0] for other in KINDS if name in other.options)
            raise LampError(f"{path}: {OPTION_NAMES[name]} says how {takers} is written, not {ending}")
    kind.require()
    if "robot" in kind.options:
        load_robot(options.robot)
    return kind


def endings() -> list[str]:
    """All endings, in the order of the catalogue."""
    return [ending for kind in KINDS for ending in kind.endings]


def _save_npy(
    path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, rate: float, caption: str, options: ExportOptions
) -> None:
    with path.open("wb") as file:
        np.save(file, np.asarray(joints_TJ3, dtype=np.float32))


def _save_html(
    path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, rate: float, caption: str, options: ExportOptions
) -> None:
    page = player_page([PlayerMotion(joints_TJ3, skeleton, rate)], title=caption or path.stem)
    path.write_text(page, encoding="utf-8")


def _captioned(write: Callable[[Path, np.ndarray, Skeleton, float, str], None]) -> Writer:
    return lambda path, joints, skeleton, rate, caption, options: write(path, joints, skeleton, rate, caption)


KINDS = (
    ExportKind((".npy",), "joints (T, J, 3), float32, in the skeleton's unit", _save_npy),
    ExportKind(
        (".bvh",),
        "hierarchy and rotations",
        lambda path, joints, skeleton, rate, caption, options: write_bvh(path, joints, skeleton, rate),
    ),
    ExportKind((".glb",), "skeleton, skinned body and animation", _captioned(save_glb), require_glb),
    ExportKind(
        (".usd", ".usda", ".usdc", ".usdz"),
        "skeleton, skinned body and animation (UsdSkel)",
        _captioned(save_usd),
        require_usd,
    ),
    ExportKind(
        (".npz",),
        "parameters of an SMPL+H body, as AMASS has them",
        lambda path, joints, skeleton, rate, caption, options: save_amass(
            path, joints, skeleton, rate, options.body_model
        ),
        options=frozenset({"body_model"}),
    ),
    ExportKind(
        (".csv",),
        "angles of a robot's joints",
        lambda path, joints, skeleton, rate, caption, options: save_robot(
            path, joints, skeleton, rate, options.robot, options.clamp
        ),
        options=frozenset({"robot", "clamp"}),
    ),
    ExportKind((".gif",), "an animation", _captioned(save_gif)),
    ExportKind((".mp4",), "a film", _captioned(save_mp4), require_video),
    ExportKind((".html",), "a page with a player", _save_html),
)
OPTION_NAMES = {"body_model": "--body-model", "robot": "--robot", "clamp": "--clamp"}
REFUSED = {
    ".fbx": "no library that is kept up writes FBX; Blender reads .glb, .usd and .bvh, and writes FBX of them"
}
