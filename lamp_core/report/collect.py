"""What the report shows, read from what the stages wrote below a project's data folder.

Shapes: N items, T frames, J joints, D feature numbers a frame, W words.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.rejected_clips import REJECTED_FILE, Tally, read_rejected
from lamp_core.evaluation import word_samples as samples
from lamp_core.evaluation.samples import CAPTIONED, GENERATED
from lamp_core.evaluation.store import systems_of_data
from lamp_core.features.decode import decode
from lamp_core.io.parquet import read_table
from lamp_core.metrics.recall import ranks
from lamp_core.report.report_data import (
    CaptionedMotion,
    Comparison,
    DataSummary,
    HeatMap,
    KeywordHit,
    MotionWords,
    RejectedSummary,
    RetrievalExample,
    RetrievedClip,
    SplitSummary,
    StageCurves,
    WordedMotion,
)
from lamp_core.retrieval.gallery import SCORES, Gallery
from lamp_core.viz.charts import Curve
from lamp_core.viz.player import PlayerMotion

RETRIEVED = 5


@dataclass(frozen=True)
class Written:
    """What the stages wrote.

    Args:
        features: of the data set.
        ingest: folder of its clips.
        evaluations: folder of the results of all systems.
        shown: folders of further stages, in their order; one of a stage that has not run is missing or empty.
    """

    features: FeatureSet
    ingest: Path
    evaluations: Path
    shown: Sequence[Path]

    def with_file(self, name: str) -> list[Path]:
        """The folders that hold a file of this name."""
        return [folder for folder in self.shown if (folder / name).is_file()]


def gallery_of(written: Written) -> tuple[Gallery, np.ndarray] | None:
    """The gallery and its similarities (N texts, N motions), where there are some of these clips."""
    known = set(written.features.clips)
    for folder in written.with_file(SCORES):
        gallery = Gallery.load(folder)
        if known.issuperset(gallery.clips):
            return gallery, np.load(folder / SCORES)
    return None


def heat_map(gallery: Gallery, scores_NN: np.ndarray, count: int) -> HeatMap:
    """Similarities of items of the gallery, spread over it."""
    shown = np.linspace(0, len(gallery.clips) - 1, min(count, len(gallery.clips))).astype(int)
    return HeatMap(scores_NN[np.ix_(shown, shown)], [gallery.captions[i] for i in shown])


def _samples(written: Written, file: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """The rows that every system measured on this data keeps in a file of its results, one after another."""
    folders = systems_of_data(written.evaluations, written.features.version).values()
    paths = [folder / file for folder in folders if (folder / file).is_file()]
    return [row for path in paths for row in read_table(path, schema).to_pylist()]


def data_summary(written: Written) -> DataSummary:
    """Its splits, what was rejected and why, and the lengths of the clips."""
    features = written.features
    rate = features.skeleton.frames_per_second
    splits = []
    for split in ("train", "val", "test"):
        places = features.of_split(split)
        frames = sum(len(features.features[i]) for i in places)
        captions = sum(len(features.captions[i]) for i in places)
        splits.append(SplitSummary(split, len(places), captions, frames, frames / rate))
    rejected = Tally.of(read_rejected(written.ingest / REJECTED_FILE))
    return DataSummary(
        splits,
        [
            RejectedSummary(reason, clips, f"{first.clip}: {first.detail}")
            for reason, clips in rejected.reasons.items()
            for first in rejected.examples_of[reason][:1]
        ],
        [len(motion) / rate for motion in features.features],
    )


def training_curves(written: Written, name: str) -> list[StageCurves]:
    """The curves of every model that trained, in files of this name; a published evaluator has none."""
    return [_curves(folder / name) for folder in written.with_file(name)]


def _curves(path: Path) -> StageCurves:
    with path.open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["name"])
    found = {}
    for name, points in groupby(rows, key=lambda row: row["name"]):
        if name != "learning_rate":
            pairs = sorted((int(point["step"]), float(point["value"])) for point in points)
            found[name] = Curve([step for step, _ in pairs], [value for _, value in pairs])
    return StageCurves(path.parent.name, found)


def comparisons(written: Written) -> list[Comparison]:
    """Motions that the measured systems generated, beside the true ones."""
    features = written.features
    places = {name: place for place, name in enumerate(features.clips)}
    found: dict[tuple[str, int], Comparison] = {}
    for row in _samples(written, "generated.parquet", GENERATED):
        true_TD = features.features[places[row["clip"]]][row["start"] :]
        made_TD = np.array(row["features"], dtype=np.float32).reshape(row["frames"], -1)
        true = Comparison(row["clip"], [_motion(features, true_TD, "true", row["caption"])])
        shown = found.get((row["clip"], row["start"]), true)
        motion = _motion(features, made_TD, row["system"], row["caption"])
        found[row["clip"], row["start"]] = replace(shown, motions=[*shown.motions, motion])
    return list(found.values())


def captioned(written: Written) -> list[CaptionedMotion]:
    """Captions that the measured systems gave to true motions."""
    features = written.features
    places = {name: place for place, name in enumerate(features.clips)}
    found = []
    for row in _samples(written, "captions.parquet", CAPTIONED):
        example = CaptionedMotion(
            row["clip"], row["system"], row["caption"], row["nearest"], row["references"]
        )
        if row["words"]:
            attention_WT = np.array(row["attention"], dtype=np.float32).reshape(len(row["words"]), -1)
            raw_TD = features.features[places[row["clip"]]][row["start"] :][: attention_WT.shape[1]]
            example = replace(
                example, words=row["words"], attention_WT=attention_WT, motion=_motion(features, raw_TD)
            )
        found.append(example)
    return found


def _motion(features: FeatureSet, raw_TD: np.ndarray, title: str = "", caption: str = "") -> PlayerMotion:
    joints_TJ3 = decode(torch.as_tensor(np.array(raw_TD)), features.skeleton).numpy()
    return PlayerMotion(joints_TJ3, features.skeleton, features.skeleton.frames_per_second, title, caption)


def retrievals(
    features: FeatureSet, gallery: Gallery, scores_NN: np.ndarray, count: int
) -> list[RetrievalExample]:
    """The best clips of a few captions of the gallery."""
    places = {name: place for place, name in enumerate(features.clips)}
    true_ranks_N = ranks(scores_NN)
    queries: Iterable[int] = np.linspace(0, len(gallery.clips) - 1, min(count, len(gallery.clips))).astype(
        int
    )
    examples = []
    for query in queries:
        best = np.argsort(-scores_NN[query], kind="stable")[:RETRIEVED]
        retrieved = [
            RetrievedClip(
                gallery.clips[place],
                gallery.captions[place],
                float(scores_NN[query, place]),
                bool(place == query),
                _motion(features, features.features[places[gallery.clips[place]]]),
            )
            for place in best
        ]
        examples.append(
            RetrievalExample(
                gallery.captions[query],
                gallery.clips[query],
                float(true_ranks_N[query]),
                len(gallery.clips),
                retrieved,
            )
        )
    return examples


def words(written: Written) -> MotionWords | None:
    """What the first index of motions as words shows of itself, where there is one."""
    features = written.features
    places = {name: place for place, name in enumerate(features.clips)}

    def motion(name: str) -> PlayerMotion | None:
        place = places.get(name)
        return None if place is None else _motion(features, features.features[place])

    for folder in written.with_file(samples.WORDS_FILE):
        keywords: dict[str, list[KeywordHit]] = {}
        for row in read_table(folder / samples.KEYWORDS_FILE, samples.KEYWORDS).to_pylist():
            shares = list(zip(row["words"], row["shares"], strict=True))
            hit = KeywordHit(row["name"], row["caption"], row["score"], shares, motion(row["name"]))
            keywords.setdefault(row["keywords"], []).append(hit)
        sparsity = read_table(folder / samples.SPARSITY_FILE, samples.SPARSITY).to_pydict()
        return MotionWords(
            [
                WordedMotion(
                    row["name"],
                    row["captions"],
                    list(zip(row["words"], row["weights"], strict=True)),
                    motion(row["name"]),
                )
                for row in read_table(folder / samples.WORDS_FILE, samples.WORDS).to_pylist()
            ],
            keywords,
            {
                label: Curve(sparsity["terms"], sparsity[name])
                for name, label in samples.RECALLS.items()
                if name in sparsity
            },
            Curve(sparsity["terms"], sparsity["query_ms"]),
        )
    return None
