"""Stage ``report``: one self-contained HTML page of everything the run made.

By hand: ``python -m tasks.report``.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.features.decode import decode
from lamp_core.metrics.evaluation import CHANCE, GROUND_TRUTH
from lamp_core.metrics.recall import ranks
from lamp_core.metrics.results import Result, read_results
from lamp_core.render.charts import Curve
from lamp_core.render.player import PlayerMotion
from lamp_core.render.report import render_report
from lamp_core.render.report_data import (
    Column,
    Comparison,
    DataSummary,
    HeatMap,
    Highlight,
    MetricTable,
    RejectedSummary,
    ReportData,
    RetrievalExample,
    RetrievedClip,
    SplitSummary,
    StageCurves,
    metric_table,
)
from lamp_core.retrieval import Gallery
from tasks.body import StageContext, main
from tasks.machine import commit_label, machine_label

TRAINED_STAGES = ("tokenizer", "evaluator", "pretrain", "length", "t2m")
R_PRECISION = [
    Column(f"R-Precision top {k}", "higher", "%", 1, 100.0, label=f"R-Prec. {k}") for k in (1, 2, 3)
]
TOKENIZER_COLUMNS = [Column("MPJPE", "lower", "mm", 1), Column("FID", "lower"), *R_PRECISION]
GENERATION_COLUMNS = [
    *R_PRECISION,
    Column("FID", "lower"),
    Column("MM-Dist", "lower"),
    Column("Diversity", "closer"),
    Column("MultiModality", "higher"),
]
RECALL_LEVELS = (1, 2, 3, 5, 10)
RETRIEVED = 5


def run(stage: StageContext) -> dict[str, float]:
    """Collect what the other stages wrote and render the page."""
    features = FeatureSet.load(stage.input("features"))
    results = read_results(stage.input("evaluate") / "results.parquet")
    settings = stage.config.report
    gallery = Gallery.load(stage.input("retrieval"))
    scores_NN = np.load(stage.input("retrieval") / "similarity.npy")
    shown = np.linspace(0, len(gallery.clips) - 1, min(settings.heat_map, len(gallery.clips))).astype(int)
    data = ReportData(
        title=f"LaMP on {features.dataset}",
        data_set=features.dataset,
        data_version=features.version[:12],
        profile=stage.config.profile,
        commit=commit_label(),
        machine=machine_label(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        skeleton=features.skeleton.name,
        highlights=_highlights(results),
        data=_data_summary(stage, features),
        curves=[_curves(stage.input(name)) for name in TRAINED_STAGES],
        tables=_tables(results),
        heat_map=HeatMap(scores_NN[np.ix_(shown, shown)], [gallery.captions[i] for i in shown]),
        comparisons=_comparisons(stage, features),
        retrievals=_retrievals(features, gallery, scores_NN, settings.retrievals),
        parameters=stage.config.model_dump(exclude={"profile"}),
    )
    page = render_report(data)
    (stage.output / "report.html").write_text(page, encoding="utf-8")
    return {"kilobytes": len(page.encode()) / 1024}


def _find(results: Sequence[Result], system: str, metric: str, protocol: str = "") -> Result:
    for result in results:
        if (result.system, result.metric) == (system, metric) and result.protocol.startswith(protocol):
            return result
    raise LookupError(f"no result {system}, {metric}, {protocol}")


def _highlights(results: Sequence[Result]) -> list[Highlight]:
    def beside(
        metric: str, protocol: str, system: str, others: Sequence[str], factor: float
    ) -> tuple[str, str]:
        notes = [f"{other} {factor * _find(results, other, metric, protocol).value:.1f}" for other in others]
        return f"{factor * _find(results, system, metric, protocol).value:.1f}", ", ".join(notes)

    top3, top3_note = beside(
        "R-Precision top 3", "text to motion", "LaMP-T2M", (GROUND_TRUTH, CHANCE, "untrained"), 100
    )
    fid, fid_note = beside("FID", "text to motion", "LaMP-T2M", ("untrained",), 1)
    recall, recall_note = beside("text to motion R@10", "full", "LaMP-Feat", (CHANCE, "untrained"), 1)
    error, error_note = beside("MPJPE", "reconstruction", "VQ-VAE", ("mean pose", "untrained"), 1)
    return [
        Highlight("Text to motion, R-Precision top 3", top3, "%", top3_note),
        Highlight("Text to motion, FID", fid, "", fid_note),
        Highlight("Retrieval, full gallery, R@10", recall, "%", recall_note),
        Highlight("Tokenizer, MPJPE", error, "mm", error_note),
    ]


def _data_summary(stage: StageContext, features: FeatureSet) -> DataSummary:
    rate = features.skeleton.frames_per_second
    splits = []
    for split in ("train", "val", "test"):
        places = features.of_split(split)
        frames = sum(len(features.features[i]) for i in places)
        captions = sum(len(features.captions[i]) for i in places)
        splits.append(SplitSummary(split, len(places), captions, frames, frames / rate))
    rejected = pq.read_table(stage.input("ingest") / "rejected.parquet").sort_by("reason").to_pylist()
    return DataSummary(
        splits,
        [_rejected(reason, list(rows)) for reason, rows in groupby(rejected, key=lambda row: row["reason"])],
        [len(motion) / rate for motion in features.features],
    )


def _rejected(reason: str, rows: list[dict[str, str]]) -> RejectedSummary:
    return RejectedSummary(reason, len(rows), f"{rows[0]['clip']}: {rows[0]['detail']}")


def _curves(folder: Path) -> StageCurves:
    with (folder / "curves.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["name"])
    curves = {}
    for name, points in groupby(rows, key=lambda row: row["name"]):
        if name != "learning_rate":
            pairs = sorted((int(point["step"]), float(point["value"])) for point in points)
            curves[name] = Curve([step for step, _ in pairs], [value for _, value in pairs])
    return StageCurves(folder.name, curves)


def _tables(results: Sequence[Result]) -> list[MetricTable]:
    def of(protocol: str) -> list[Result]:
        return [result for result in results if result.protocol.split(",")[0] == protocol]

    tables = [
        metric_table("Text to motion", of("text to motion"), GENERATION_COLUMNS, chart="R-Precision top 3"),
        metric_table("Tokenizer", of("reconstruction"), TOKENIZER_COLUMNS, chart="MPJPE"),
    ]
    protocols = dict.fromkeys(
        result.protocol for result in results if result.metric.startswith("text to motion R@")
    )
    for protocol in protocols:
        rows = [result for result in results if result.protocol == protocol]
        for direction in ("text to motion", "motion to text"):
            columns = [
                Column(f"{direction} R@{k}", "higher", "%", 1, label=f"R@{k}") for k in RECALL_LEVELS
            ] + [Column(f"{direction} MedR", "lower", "", 1, label="MedR")]
            tables.append(
                metric_table(f"Retrieval, {direction}, {protocol}", rows, columns, chart=f"{direction} R@10")
            )
    return tables


def _comparisons(stage: StageContext, features: FeatureSet) -> list[Comparison]:
    places = {name: place for place, name in enumerate(features.clips)}
    comparisons = []
    for row in pq.read_table(stage.input("evaluate") / "generated.parquet").to_pylist():
        true_TD = features.features[places[row["clip"]]][row["start"] :]
        made_TD = np.array(row["features"], dtype=np.float32).reshape(row["frames"], -1)
        motions = [
            _motion(features, true_TD, "true", row["caption"]),
            _motion(features, made_TD, "generated", row["caption"]),
        ]
        comparisons.append(Comparison(row["clip"], motions))
    return comparisons


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


if __name__ == "__main__":
    main("report", run)
