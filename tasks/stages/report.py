"""Stage ``report``: one self-contained HTML page of everything the run made.

By hand: ``python -m tasks.stages.report``.
"""

import csv
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from lamp_core.config import Report
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.preprocessing.rejected_clips import REJECTED_FILE, Tally, read_rejected
from lamp_core.evaluation import word_samples as samples
from lamp_core.evaluation.samples import CAPTIONED, GENERATED
from lamp_core.evaluation.store import read_store, systems_of_data
from lamp_core.features.decode import decode
from lamp_core.io.parquet import read_table
from lamp_core.metrics.recall import ranks
from lamp_core.report.experiment_results import read_experiments
from lamp_core.report.figures import verb_confusion, write_figures
from lamp_core.report.highlights import highlights
from lamp_core.report.report import render_report
from lamp_core.report.report_data import (
    CaptionedMotion,
    Comparison,
    DataSummary,
    HeatMap,
    KeywordHit,
    MotionWords,
    RejectedSummary,
    ReportData,
    RetrievalExample,
    RetrievedClip,
    SplitSummary,
    StageCurves,
    WordedMotion,
)
from lamp_core.report.result_tables import result_tables
from lamp_core.retrieval.gallery import SCORES, Gallery
from lamp_core.viz.charts import Curve
from lamp_core.viz.player import PlayerMotion
from tasks.stage.process import CURVES, StageContext, main
from tasks.system.machine import commit_label, machine_label

RETRIEVED = 5
EVALUATIONS = "evaluate"
"""Below the data folder: the results of all systems."""


def run(stage: StageContext) -> dict[str, float]:
    """Collect what the other stages wrote and render the page."""
    features = FeatureSet.load(stage.input("features"))
    results = read_store(stage.data / EVALUATIONS, features.version)
    settings = stage.settings(Report)
    found = _search(stage, features)
    data = ReportData(
        title=f"LaMP on {features.dataset}",
        data_set=features.dataset,
        data_version=features.version[:12],
        profile=stage.config.profile,
        commit=commit_label(),
        machine=machine_label(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        skeleton=features.skeleton.name,
        highlights=highlights(results),
        data=_data_summary(stage, features),
        curves=[_curves(folder) for folder in stage.inputs_with(CURVES)],
        tables=result_tables(results),
        experiments=read_experiments(stage.data / "experiments"),
        heat_map=_heat_map(*found, settings.heat_map) if found else None,
        comparisons=_comparisons(stage, features),
        captioned=_captioned(stage, features),
        words=_words(stage, features),
        retrievals=_retrievals(features, *found, settings.retrievals) if found else [],
        parameters=stage.config.model_dump(exclude={"profile"}),
    )
    page = render_report(data)
    (stage.output / "report.html").write_text(page, encoding="utf-8")
    write_figures(stage.output, data, verb_confusion(found[0].captions, found[1]) if found else None)
    return {"kilobytes": len(page.encode()) / 1024}


def _search(stage: StageContext, features: FeatureSet) -> tuple[Gallery, np.ndarray] | None:
    """The gallery and its similarities (N texts, N motions), where there are some of these clips."""
    known = set(features.clips)
    for folder in stage.inputs_with(SCORES):
        gallery = Gallery.load(folder)
        if known.issuperset(gallery.clips):
            return gallery, np.load(folder / SCORES)
    return None


def _heat_map(gallery: Gallery, scores_NN: np.ndarray, count: int) -> HeatMap:
    shown = np.linspace(0, len(gallery.clips) - 1, min(count, len(gallery.clips))).astype(int)
    return HeatMap(scores_NN[np.ix_(shown, shown)], [gallery.captions[i] for i in shown])


def _samples(stage: StageContext, data_version: str, file: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """The rows that every system measured on this data keeps in a file of its results, one after another."""
    folders = systems_of_data(stage.data / EVALUATIONS, data_version).values()
    paths = [folder / file for folder in folders if (folder / file).is_file()]
    return [row for path in paths for row in read_table(path, schema).to_pylist()]


def _data_summary(stage: StageContext, features: FeatureSet) -> DataSummary:
    rate = features.skeleton.frames_per_second
    splits = []
    for split in ("train", "val", "test"):
        places = features.of_split(split)
        frames = sum(len(features.features[i]) for i in places)
        captions = sum(len(features.captions[i]) for i in places)
        splits.append(SplitSummary(split, len(places), captions, frames, frames / rate))
    rejected = Tally.of(read_rejected(stage.input("ingest") / REJECTED_FILE))
    return DataSummary(
        splits,
        [
            RejectedSummary(reason, clips, f"{first.clip}: {first.detail}")
            for reason, clips in rejected.reasons.items()
            for first in rejected.examples_of[reason][:1]
        ],
        [len(motion) / rate for motion in features.features],
    )


def _curves(folder: Path) -> StageCurves:
    """The curves of a model that trained; a published evaluator is loaded and has none."""
    with (folder / CURVES).open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["name"])
    curves = {}
    for name, points in groupby(rows, key=lambda row: row["name"]):
        if name != "learning_rate":
            pairs = sorted((int(point["step"]), float(point["value"])) for point in points)
            curves[name] = Curve([step for step, _ in pairs], [value for _, value in pairs])
    return StageCurves(folder.name, curves)


def _comparisons(stage: StageContext, features: FeatureSet) -> list[Comparison]:
    places = {name: place for place, name in enumerate(features.clips)}
    comparisons: dict[tuple[str, int], Comparison] = {}
    for row in _samples(stage, features.version, "generated.parquet", GENERATED):
        true_TD = features.features[places[row["clip"]]][row["start"] :]
        made_TD = np.array(row["features"], dtype=np.float32).reshape(row["frames"], -1)
        true = Comparison(row["clip"], [_motion(features, true_TD, "true", row["caption"])])
        shown = comparisons.get((row["clip"], row["start"]), true)
        motion = _motion(features, made_TD, row["system"], row["caption"])
        comparisons[row["clip"], row["start"]] = replace(shown, motions=[*shown.motions, motion])
    return list(comparisons.values())


def _captioned(stage: StageContext, features: FeatureSet) -> list[CaptionedMotion]:
    places = {name: place for place, name in enumerate(features.clips)}
    captioned = []
    for row in _samples(stage, features.version, "captions.parquet", CAPTIONED):
        example = CaptionedMotion(
            row["clip"], row["system"], row["caption"], row["nearest"], row["references"]
        )
        if row["words"]:
            attention_WT = np.array(row["attention"], dtype=np.float32).reshape(len(row["words"]), -1)
            raw_TD = features.features[places[row["clip"]]][row["start"] :][: attention_WT.shape[1]]
            example = replace(
                example, words=row["words"], attention_WT=attention_WT, motion=_motion(features, raw_TD)
            )
        captioned.append(example)
    return captioned


def _motion(features: FeatureSet, raw_TD: np.ndarray, title: str = "", caption: str = "") -> PlayerMotion:
    joints_TJ3 = decode(torch.as_tensor(np.array(raw_TD)), features.skeleton).numpy()
    return PlayerMotion(joints_TJ3, features.skeleton, features.skeleton.frames_per_second, title, caption)


def _retrievals(
    features: FeatureSet, gallery: Gallery, scores_NN: np.ndarray, count: int
) -> list[RetrievalExample]:
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


def _words(stage: StageContext, features: FeatureSet) -> MotionWords | None:
    """What the first index of motions as words shows of itself, where there is one."""
    places = {name: place for place, name in enumerate(features.clips)}

    def motion(name: str) -> PlayerMotion | None:
        place = places.get(name)
        return None if place is None else _motion(features, features.features[place])

    for folder in stage.inputs_with(samples.WORDS_FILE):
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


if __name__ == "__main__":
    main("report", run)
