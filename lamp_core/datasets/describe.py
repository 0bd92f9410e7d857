"""What a data set consists of, from the outputs of ``ingest`` and ``features``.

Both files are read group by group, so that memory does not grow with the clips; only a few numbers a clip and
a sample of the frames stay.

Shapes: N clips, C captions, T frames, S sampled frames, D feature numbers a frame.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lamp_core.config.models import ClipLimits
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.clips import SPLITS, Clip
from lamp_core.datasets.clips_store import CLIPS_FILE, ClipsFile
from lamp_core.datasets.drift import feature_arrays, number_names
from lamp_core.datasets.features_store import FEATURES_FILE
from lamp_core.datasets.preprocessing.clip_checks import check_clip
from lamp_core.datasets.preprocessing.rejected_clips import REJECTED_FILE, Rejected, Tally, read_rejected
from lamp_core.datasets.schema import CLIPS, FEATURES
from lamp_core.features.layout import GROUPS, FeatureLayout
from lamp_core.io.parquet import open_parquet
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton

SAMPLED_FRAMES = 20_000
COMMON_WORDS = 10
CONTENT_TAGS = ("VERB", "NOUN", "ADV", "ADJ")


@dataclass
class SplitFigures:
    """Counts of one split."""

    split: str
    clips: int = 0
    captions: int = 0
    frames: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class GroupRange:
    """The values of one feature group over the whole set; percentiles are those of a sample of the frames."""

    group: str
    numbers: int
    smallest: float
    percentile_1: float
    mean: float
    deviation: float
    percentile_99: float
    largest: float


@dataclass(frozen=True)
class NumberRange:
    """The values of one feature number; mean and deviation are those of a sample of the frames."""

    name: str
    smallest: float
    mean: float
    deviation: float
    largest: float


@dataclass(frozen=True)
class Lengths:
    """Lengths of the clips, seconds."""

    shortest: float
    median: float
    percentile_95: float
    longest: float


@dataclass(frozen=True)
class Reason:
    """Why clips were rejected or warned of: how many, and the first of them with their figures."""

    reason: str
    clips: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Description:
    """A data set in figures.

    Args:
        name: of the registered data set.
        version: SHA-256 of its content.
        skeleton: name of its skeleton.
        feature_count: numbers a frame, D.
        splits: counts by split.
        seconds_N: length of every clip.
        words_C: words of every caption.
        tags_by: captions by who tagged them.
        remarks: what of the source's files was passed over, or read otherwise than it says.
        spans: captions that describe a part of their clip.
        vocabulary: different words of all captions.
        common_words: the most frequent words by part of speech, with their counts.
        groups: range of every feature group.
        numbers: range of every feature number, D of them.
        samples: a sample of the values of every feature group.
        rejected: clips left out by ``ingest`` or ``features``.
        warnings: clips that are used and failed a check.
        features: clips with features; mirrored copies count.
        feature_frames: their frames.
    """

    name: str
    version: str
    skeleton: str
    feature_count: int
    splits: tuple[SplitFigures, ...]
    seconds_N: np.ndarray
    words_C: np.ndarray
    tags_by: dict[str, int]
    remarks: tuple[str, ...]
    spans: int
    vocabulary: int
    common_words: dict[str, list[tuple[str, int]]]
    groups: tuple[GroupRange, ...]
    numbers: tuple[NumberRange, ...]
    samples: dict[str, np.ndarray]
    rejected: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    features: int
    feature_frames: int

    @property
    def clips(self) -> int:
        """Accepted clips."""
        return sum(split.clips for split in self.splits)

    @property
    def hours(self) -> float:
        """Length of all accepted clips together."""
        return sum(split.seconds for split in self.splits) / 3600

    @property
    def lengths(self) -> Lengths | None:
        """How long the clips are; None without one."""
        if not len(self.seconds_N):
            return None
        return Lengths(*(float(value) for value in np.percentile(self.seconds_N, [0, 50, 95, 100])))


@dataclass
class _ClipFigures:
    """What is gathered while the clips pass by."""

    splits: dict[str, SplitFigures] = field(
        default_factory=lambda: {split: SplitFigures(split) for split in SPLITS}
    )
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    words: "array[int]" = field(default_factory=lambda: array("l"))
    spans: int = 0
    count_of: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    findings: Tally = field(default_factory=Tally)

    def add(self, clip: Clip, skeleton: Skeleton, limits: ClipLimits | None) -> None:
        """Count one clip."""
        seconds = len(clip.joints_TJ3) / clip.frames_per_second
        split = self.splits[clip.split]
        split.clips += 1
        split.captions += len(clip.captions)
        split.frames += len(clip.joints_TJ3)
        split.seconds += seconds
        self.seconds.append(seconds)
        for caption in clip.captions:
            self._add_caption(caption)
        for finding in check_clip(clip, skeleton, limits):
            self.findings.add(Rejected(clip.name, clip.source, finding.reason, finding.detail))

    def _add_caption(self, caption: Caption) -> None:
        self.words.append(len(caption.words))
        self.spans += not caption.is_whole_clip
        for word, tag in zip(caption.words, caption.tags, strict=True):
            self.count_of[tag][word] += 1


def describe(ingest_folder: Path, features_folder: Path, limits: ClipLimits | None = None) -> Description:
    """Read both folders and count.

    Args:
        ingest_folder: output of the stage ``ingest``.
        features_folder: output of the stage ``features``.
        limits: of the checks whose warnings are listed; the defaults when None.

    Raises:
        LampError: a file is missing or does not have its schema.
    """
    clips = ClipsFile(ingest_folder / CLIPS_FILE)
    metadata = clips.metadata
    skeleton = load_skeleton(metadata.skeleton)
    figures = _ClipFigures()
    for clip in clips:
        figures.add(clip, skeleton, limits)
    features_path = features_folder / FEATURES_FILE
    features = _feature_ranges(features_path, skeleton)
    folders = (ingest_folder, features_folder)
    rejected = Tally.of(row for folder in folders for row in read_rejected(folder / REJECTED_FILE))
    words: Counter[str] = sum(figures.count_of.values(), Counter())
    return Description(
        name=metadata.dataset,
        version=metadata.version,
        skeleton=skeleton.name,
        feature_count=skeleton.feature_count,
        splits=tuple(figures.splits.values()),
        seconds_N=np.array(figures.seconds),
        words_C=np.array(figures.words),
        tags_by=metadata.tags_by,
        remarks=tuple(metadata.remarks),
        spans=figures.spans,
        vocabulary=len(words),
        common_words={tag: figures.count_of[tag].most_common(COMMON_WORDS) for tag in CONTENT_TAGS},
        groups=features.groups,
        numbers=features.numbers,
        samples=features.samples,
        rejected=tuple(reasons_of(rejected)),
        warnings=tuple(reasons_of(figures.findings)),
        features=features.clips,
        feature_frames=features.frames,
    )


def size_of(ingest_folder: Path) -> tuple[int, float]:
    """Clips of an output of the stage ``ingest``, and their length together in seconds."""
    file = open_parquet(ingest_folder / CLIPS_FILE, CLIPS)
    table = file.read(columns=["frames", "frames_per_second"])
    seconds = table["frames"].to_numpy() / table["frames_per_second"].to_numpy()
    return len(seconds), float(seconds.sum())


def reasons_of(tally: Tally) -> Iterator[Reason]:
    """Clips by reason, the most frequent first."""
    for reason, clips in tally.reasons.items():
        examples = tuple((row.clip, row.detail) for row in tally.examples_of[reason])
        yield Reason(reason, clips, examples)


@dataclass(frozen=True, eq=False)
class _FeatureRanges:
    """Ranges of groups and numbers, samples of the groups, how many clips and frames there are."""

    groups: tuple[GroupRange, ...]
    numbers: tuple[NumberRange, ...]
    samples: dict[str, np.ndarray]
    clips: int
    frames: int


def _feature_ranges(path: Path, skeleton: Skeleton) -> _FeatureRanges:
    layout = FeatureLayout.of(skeleton)
    frames = _count_frames(path)
    stride = max(1, frames // SAMPLED_FRAMES)
    low_D, high_D = np.full(layout.width, np.inf), np.full(layout.width, -np.inf)
    sampled: list[np.ndarray] = []
    offset = clips = 0
    for features_TD in feature_arrays(path, skeleton):
        clips += 1
        np.minimum(low_D, features_TD.min(0), out=low_D)
        np.maximum(high_D, features_TD.max(0), out=high_D)
        sampled.append(np.array(features_TD[-offset % stride :: stride]))
        offset += len(features_TD)
    sample_SD = np.concatenate(sampled) if sampled else np.zeros((0, layout.width), dtype=np.float32)
    samples = {name: sample_SD[:, layout[name]].ravel() for name in GROUPS}
    if not clips:
        return _FeatureRanges((), (), samples, 0, 0)
    groups = [_range(name, samples[name], low_D[layout[name]], high_D[layout[name]]) for name in GROUPS]
    mean_D, std_D = sample_SD.mean(0, dtype=np.float64), sample_SD.std(0, dtype=np.float64)
    rows = zip(number_names(skeleton), low_D, mean_D, std_D, high_D, strict=True)
    numbers = [NumberRange(name, *map(float, values)) for name, *values in rows]
    return _FeatureRanges(tuple(groups), tuple(numbers), samples, clips, frames)


def _range(name: str, sample: np.ndarray, low: np.ndarray, high: np.ndarray) -> GroupRange:
    first, last = np.percentile(sample, [1, 99])
    return GroupRange(
        group=name,
        numbers=len(low),
        smallest=float(low.min()),
        percentile_1=float(first),
        mean=float(sample.mean(dtype=np.float64)),
        deviation=float(sample.std(dtype=np.float64)),
        percentile_99=float(last),
        largest=float(high.max()),
    )


def _count_frames(path: Path) -> int:
    file = open_parquet(path, FEATURES)
    groups = range(file.num_row_groups)
    return sum(sum(file.read_row_group(group, columns=["frames"])["frames"].to_pylist()) for group in groups)
