"""Captions of motion files with the trained models below a project's data folder.

Shapes: T frames, D feature numbers a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_file import FeatureSpace, Gate, read_features
from lamp_core.errors import LampError
from lamp_core.inference.models import loaded
from lamp_core.m2t.decoding import Search
from lamp_core.m2t.windows import SECONDS, windows
from lamp_core.systems.capabilities import CAPTION, Captions


@dataclass(frozen=True)
class Window:
    """Captions of a motion from one moment to another, the same motion several times when several are drawn.

    Args:
        start: seconds to its beginning.
        end: seconds to its end.
        captions: of these frames.
    """

    start: float
    end: float
    captions: tuple[str, ...]


@dataclass(frozen=True)
class CaptionedFile:
    """A motion file with its captions, or why it has none.

    Args:
        path: of the file.
        windows: side by side over the whole motion; one for a motion that is captioned at once.
        fault: why the file cannot be captioned; empty where it can.
    """

    path: Path
    windows: tuple[Window, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class _Motion:
    path: Path
    features_TD: np.ndarray
    spans: Sequence[tuple[int, int]]


def caption_files(
    data: Path,
    paths: Sequence[Path],
    search: Search | None = None,
    count: int = 1,
    window_seconds: float | None = None,
    model: str | None = None,
    gate: Gate | None = None,
) -> list[CaptionedFile]:
    """Caption motion files (.npy joints or features, .bvh), all in common batches.

    Args:
        data: the project's data folder.
        paths: the files; one that cannot be read, or is too short, does not hold up the others.
        search: how a caption is searched for; as the models were trained to without it.
        count: captions a motion; several need a search that draws, and each is drawn with the next seed.
        window_seconds: longest part of a motion that is captioned at once; without it only a motion longer
            than the models' longest is captioned in parts.
        model: name of the one that captions, where several can; the first without it.
        gate: how the motions stand in their files.

    Raises:
        LampError: the stages have not run, several captions by a search that draws none, windows that no
            motion fits in, or no file.
    """
    if not paths:
        raise LampError("no motion to caption; give a .npy or .bvh file")
    if count < 1:
        raise LampError(f"{count} captions asked for; at least 1")
    if count > 1 and (search is None or search.kind != "nucleus"):
        raise LampError("beam search gives one caption; several are drawn with --nucleus")
    space = FeatureSpace.load(data / "features")
    rate = space.skeleton.frames_per_second
    if window_seconds is not None:
        windows(DOWNSAMPLING, rate, DOWNSAMPLING, window_seconds)  # before models are loaded for nothing
    captioner: Captions = loaded(data, CAPTION, model)
    found = [_read(path, space, captioner, window_seconds, gate) for path in paths]
    parts = [
        each.features_TD[start:end]
        for each in found
        if isinstance(each, _Motion)
        for start, end in each.spans
    ]
    drawn = [captioner.captions(parts, _search(search, number)) for number in range(count)] if parts else []
    captions = iter(list(zip(*drawn, strict=True)))
    return [
        CaptionedFile(
            each.path,
            tuple(Window(start / rate, end / rate, next(captions)) for start, end in each.spans),
        )
        if isinstance(each, _Motion)
        else each
        for each in found
    ]


def _search(search: Search | None, number: int) -> Search | None:
    return search if search is None else replace(search, seed=search.seed + number)


def _read(
    path: Path, space: FeatureSpace, captioner: Captions, window_seconds: float | None, gate: Gate | None
) -> _Motion | CaptionedFile:
    try:
        features_TD = read_features(path, space, gate)
    except LampError as fault:
        return CaptionedFile(path, fault=str(fault))
    normalised_TD = np.asarray(space.statistics.normalise(features_TD), dtype=np.float32)
    frames, longest = len(normalised_TD), captioner.longest_frames
    if window_seconds is None and frames < longest + DOWNSAMPLING:
        spans = [(0, frames)]
    else:
        rate = space.skeleton.frames_per_second
        spans = windows(frames, rate, longest, SECONDS if window_seconds is None else window_seconds)
    return _Motion(path, normalised_TD, spans)
