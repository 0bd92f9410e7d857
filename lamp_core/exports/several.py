"""Several motions in files of one name, or side by side on a page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lamp_core.exports.kinds import save_motion
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.player import PlayerMotion, player_page


def save_motions(
    path: Path, motions: Sequence[np.ndarray], skeleton: Skeleton, text: str, shown: list[PlayerMotion]
) -> list[Path]:
    """Write motions, several as NAME-1, NAME-2, ..., or one page (.html); return the files.

    Args:
        path: of the file; of several, the names without their numbers.
        motions: joints (T, J, 3) each, at the skeleton's rate and in its unit.
        skeleton: whose joints they are.
        text: what they show.
        shown: what the page plays.
    """
    if path.suffix.lower() == ".html":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(player_page(shown, title=text), encoding="utf-8")
        return [path]
    numbered = [path.with_stem(f"{path.stem}-{index}") for index in range(1, len(motions) + 1)]
    paths = numbered if len(motions) > 1 else [path]
    for target, joints_TJ3 in zip(paths, motions, strict=True):
        save_motion(target, joints_TJ3, skeleton, skeleton.frames_per_second, text)
    return paths
