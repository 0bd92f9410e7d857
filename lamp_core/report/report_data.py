"""What the report page shows, section by section, as frozen dataclasses.

Legend of shapes: N items, W words, T frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lamp_core.report.metric_tables import MetricTable
from lamp_core.viz.charts import Curve
from lamp_core.viz.player import PlayerMotion

if TYPE_CHECKING:
    from lamp_core.report.experiment_results import ExperimentResults


@dataclass(frozen=True)
class Highlight:
    """One headline figure under the title, already formatted.

    Args:
        label: ``R-Precision top 3``.
        value: ``61.4``.
        unit: ``%``.
        note: what it stands beside (``chance 9.4, ground truth 78.2``).
    """

    label: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class SplitSummary:
    """Size of a split.

    Args:
        split: ``train``, ``val`` or ``test``.
        clips: number of clips.
        captions: number of captions of all clips.
        frames: number of frames of all clips.
        seconds: duration of all clips.
    """

    split: str
    clips: int
    captions: int
    frames: int
    seconds: float


@dataclass(frozen=True)
class RejectedSummary:
    """Clips rejected for one reason, with the detail of one of them as an example."""

    reason: str
    clips: int
    example: str = ""


@dataclass(frozen=True, eq=False)
class DataSummary:
    """The data section.

    Args:
        splits: in the order of the rows.
        rejected: empty when no clip was rejected.
        clip_seconds: duration of every clip, for the histogram; empty for none.
        note: a sentence under the heading.
    """

    splits: Sequence[SplitSummary]
    rejected: Sequence[RejectedSummary] = ()
    clip_seconds: Sequence[float] | np.ndarray = ()
    note: str = ""


@dataclass(frozen=True, eq=False)
class StageCurves:
    """Curves of the training of a stage, a panel a name."""

    stage: str
    curves: Mapping[str, Curve]
    note: str = ""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Similarity of N captions and their N motions, and the captions."""

    similarity_NN: np.ndarray
    captions: Sequence[str]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Motions of one test caption side by side, the true one first; `clip` is the true clip's name."""

    clip: str
    motions: Sequence[PlayerMotion]
    note: str = ""


@dataclass(frozen=True, eq=False)
class RetrievedClip:
    """One place of a ranking.

    Args:
        clip: name.
        caption: of the retrieved clip.
        score: similarity to the query.
        correct: whether it counts as right.
        motion: shown in a small player when given; its own title and caption should be empty.
    """

    clip: str
    caption: str
    score: float
    correct: bool = False
    motion: PlayerMotion | None = None


@dataclass(frozen=True, eq=False)
class RetrievalExample:
    """A query caption with the clips retrieved for it.

    Args:
        query: the caption.
        clip: name of the clip it belongs to.
        rank: of that clip, from 1; ties have their mean rank.
        gallery: number of clips searched.
        retrieved: best first.
    """

    query: str
    clip: str
    rank: float
    gallery: int
    retrieved: Sequence[RetrievedClip]


@dataclass(frozen=True, eq=False)
class CaptionedMotion:
    """A test motion with its captions.

    Args:
        clip: name.
        system: what captioned it.
        caption: its caption.
        nearest: the training caption that retrieval finds nearest.
        references: the true captions.
        words: of the caption, where it is explained.
        attention_WT: what each word looks at, words by frames.
        motion: shown in a small player beside the explanation; its own title and caption should be empty.
    """

    clip: str
    system: str
    caption: str
    nearest: str
    references: Sequence[str]
    words: Sequence[str] = ()
    attention_WT: np.ndarray | None = None
    motion: PlayerMotion | None = None


@dataclass(frozen=True, eq=False)
class WordedMotion:
    """A test motion as weighted words.

    Args:
        clip: name.
        captions: what people said of it.
        words: words and weights, the heaviest first.
        motion: shown in a small player; its own title and caption should be empty.
    """

    clip: str
    captions: Sequence[str]
    words: Sequence[tuple[str, float]]
    motion: PlayerMotion | None = None


@dataclass(frozen=True, eq=False)
class KeywordHit:
    """One hit of keywords, with the words that matched and their shares of the score."""

    clip: str
    caption: str
    score: float
    words: Sequence[tuple[str, float]]
    motion: PlayerMotion | None = None


@dataclass(frozen=True, eq=False)
class MotionWords:
    """The section of motions as words.

    Args:
        motions: as words.
        keywords: the first hits of each query.
        recall: by its name, in per cent, by the words that are kept.
        milliseconds: of a query, by the words that are kept.
    """

    motions: Sequence[WordedMotion]
    keywords: Mapping[str, Sequence[KeywordHit]]
    recall: Mapping[str, Curve]
    milliseconds: Curve


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything on the page; a section without content is left out.

    Args:
        title: of the page.
        data_set: name of the data set.
        data_version: its version (a hash).
        profile: profile of the parameters.
        commit: git commit, with ``(modified)`` when the tree was dirty.
        machine: processor, cores, device, library versions, in a line.
        created: when, as text.
        skeleton: name of the skeleton.
        highlights: headline figures.
        data: the data section.
        curves: the training section, a stage an entry.
        tables: the metrics section.
        experiments: the section of experiments.
        heat_map: the similarity section.
        comparisons: the section of generated motions.
        captioned: the section of captions.
        retrievals: the retrieval section.
        words: the section of motions as words.
        parameters: nested mapping as in params.yaml.
    """

    title: str
    data_set: str
    data_version: str
    profile: str
    commit: str
    machine: str
    created: str
    skeleton: str = ""
    highlights: Sequence[Highlight] = ()
    data: DataSummary | None = None
    curves: Sequence[StageCurves] = ()
    tables: Sequence[MetricTable] = ()
    experiments: Sequence["ExperimentResults"] = ()
    heat_map: HeatMap | None = None
    comparisons: Sequence[Comparison] = ()
    captioned: Sequence[CaptionedMotion] = ()
    retrievals: Sequence[RetrievalExample] = ()
    words: MotionWords | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
