"""A clip: one motion with its captions, whatever data set it came from.

Shapes: T frames, J joints, D feature numbers a frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from lamp_core.datasets.captions import Caption

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass
class Clip:
    """One motion, its captions and where it came from.

    Args:
        name: unique within the data set.
        joints_TJ3: float32 positions in the skeleton's unit, Y up.
        frames_per_second: rate of `joints_TJ3`, the skeleton's own after ingest.
        captions: of the whole body; none when the source has no captions.
        split: the split the clip belongs to.
        source: file or generator that the clip came from.
        source_sha256: SHA-256 of that file's bytes, or of the generator's parameters.
        features_TD: ready features of the source, used as they are; None when they are to be computed.
        skipped_captions: lines of the caption file that did not parse.
        part_captions: sentences by body part (``hands``), where the source has them.
        labels: what the captions were made from, by name (``content``: ``walk``), the coarsest first.
        warnings: names of the checks that the clip failed and that do not reject it.
        remarks: what of its file was taken otherwise than the file says, as (reason, sentence).
    """

    name: str
    joints_TJ3: np.ndarray
    frames_per_second: float
    captions: list[Caption]
    split: Split
    source: str
    source_sha256: str
    features_TD: np.ndarray | None = None
    skipped_captions: int = 0
    part_captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()
