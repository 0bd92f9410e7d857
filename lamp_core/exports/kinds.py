"""A motion to a file, whose ending says in which form.

Shapes: T frames, J joints, 3 coordinates (Y up).
"""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lamp_core.errors import LampError
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.gif import save_gif
from lamp_core.viz.mp4 import require_video, save_mp4
from lamp_core.viz.player import PlayerMotion, player_page

Writer = Callable[[Path, np.ndarray, Skeleton, float, str], None]


def save_motion(
    path: Path | str, joints_TJ3: np.ndarray, skeleton: Skeleton, frames_per_second: float, caption: str = ""
) -> None:
    """Write a motion as joints (``.npy``), ``.bvh``, ``.gif``, ``.mp4`` or an animated page (``.html``).

    The file appears when it is whole: it is written beside its place and renamed.

    Args:
        path: file to write; the folder is made when it is missing.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion.
        caption: shown in a GIF, film or page.

    Raises:
        LampError: when the ending is not one of these, the library for it is missing, or the motion cannot be
            drawn.
        RejectedClip: a motion that BVH cannot hold, as `write_bvh`.
    """
    path = Path(path)
    check_ending(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".lamp-") as folder:
        unfinished = Path(folder) / path.name
        WRITERS[path.suffix.lower()](unfinished, joints_TJ3, skeleton, frames_per_second, caption)
        os.replace(unfinished, path)


def check_ending(path: Path | str) -> None:
    """Raise the LampError of `save_motion` for an unknown ending, before any work is done."""
    ending = Path(path).suffix.lower()
    if ending not in WRITERS:
        raise LampError(f"{path}: unknown ending {ending or '(none)'!r}, known are {', '.join(WRITERS)}")
    if ending == ".mp4":
        require_video()


def _save_npy(path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, rate: float, caption: str) -> None:
    with path.open("wb") as file:  # NumPy would put an ending of its own behind .NPY
        np.save(file, np.asarray(joints_TJ3, dtype=np.float32))


def _save_bvh(path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, rate: float, caption: str) -> None:
    write_bvh(path, joints_TJ3, skeleton, rate)


def _save_html(path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, rate: float, caption: str) -> None:
    page = player_page([PlayerMotion(joints_TJ3, skeleton, rate)], title=caption or path.stem)
    path.write_text(page, encoding="utf-8")


WRITERS: dict[str, Writer] = {
    ".npy": _save_npy,
    ".bvh": _save_bvh,
    ".gif": save_gif,
    ".mp4": save_mp4,
    ".html": _save_html,
}
