"""Which tables the results of an evaluation make: columns in the order and with the arrows of the papers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lamp_core.evaluation.protocols.lamp_bert_score import LAMP_BERT_SCORE, REFERENCES, TRUE_MOTION
from lamp_core.evaluation.protocols.retrieval import DIRECTIONS
from lamp_core.evaluation.results import Result
from lamp_core.report.metric_tables import Column, MetricTable, metric_table
from lamp_core.report.published import published_under


def _per_cent(metric: str, label: str = "", decimals: int = 1) -> Column:
    return Column(metric, "higher", "%", decimals, 100.0, label=label)


def _both(metric: str, unit: str) -> list[Column]:
    return [
        Column(metric, "lower", unit, 2),
        Column(f"{metric} summed", "lower", unit, 1, label=f"{metric} Σ"),
    ]


READINGS = [
    _per_cent(REFERENCES, decimals=2),
    _per_cent(TRUE_MOTION, decimals=2),
]
R_PRECISION = [_per_cent(f"R-Precision top {k}", f"R-Prec. {k}") for k in (1, 2, 3)]
TEXT_TO_MOTION = [
    *R_PRECISION,
    Column("FID", "lower"),
    *READINGS,
    Column("MM-Dist", "lower"),
    Column("Diversity", "closer"),
    Column("MultiModality", "higher", label="MModality"),
]
LAMP_EVALUATOR = [
    *(_per_cent(f"LaMP-R-Precision top {k}", f"LaMP-R-Prec. {k}") for k in (1, 2, 3)),
    Column("LaMP-MM-Dist", "lower"),
]
TOKENIZER = [
    Column("MPJPE", "lower", "mm", 1),
    Column("PA-MPJPE", "lower", "mm", 1),
    Column("acceleration error", "lower", "mm/frame²", 2, label="Accel."),
    Column("FID", "lower"),
    *R_PRECISION,
    Column("MM-Dist", "lower"),
    Column("code utilisation", "higher", "%", 0, 100.0, label="Codes used"),
    Column("code perplexity", "higher", "", 0, label="Perplexity"),
]
RETRIEVAL = [
    *(Column(f"R@{k}", "higher", "%", 2) for k in (1, 2, 3, 5, 10)),
    Column("MedR", "lower", "", 2),
]
CAPTIONING = [
    *R_PRECISION,
    Column("MM-Dist", "lower"),
    *READINGS,
    Column("Length", "neither", "words", 2),
    *(_per_cent(f"BLEU-{n}", decimals=2) for n in (1, 2, 3, 4)),
    _per_cent("ROUGE-L"),
    Column("CIDEr", "higher", "× 100", 1, 100.0),
    _per_cent("BERTScore"),
]
PLAUSIBILITY = [
    Column("foot skating", "lower", "%", 1, 100.0, label="Skating"),
    Column("foot skating in contact", "lower", "%", 1, 100.0, label="Skating in contact"),
    Column("sliding speed", "lower", "cm/s", 1, label="Sliding"),
    Column("floor contact", "closer", "%", 1, 100.0, label="Contact"),
    Column("floor penetration", "lower", "mm", 1, label="Penetration"),
    Column("floating", "lower", "mm", 1, label="Floating"),
    Column("jerk", "closer", "m/s³", 0, label="Jerk"),
]
COMPLETION = [
    Column("FID", "lower"),
    Column("Diversity", "higher"),
    *_both("ADE", "cm"),
    *_both("FDE", "cm"),
    *_both("Recon", "cm"),
    *_both("Vel", "cm/frame"),
    Column("ADE legacy", "lower", "m"),
    Column("FDE legacy", "lower", "m"),
]


@dataclass(frozen=True)
class Kind:
    """A kind of table.

    Args:
        title: heading.
        columns: see `metric_table`.
        chart: see `metric_table`.
        note: a sentence under the heading.
    """

    title: str
    columns: Sequence[Column]
    chart: str = ""
    note: str = ""


LAMP_KIND = "LaMP evaluator"
RETRIEVAL_KINDS = ("full", "distinct", "threshold", "dissimilar", "batches")
KINDS = {
    "text to motion": Kind("Text to motion", TEXT_TO_MOTION, "R-Precision top 3"),
    LAMP_KIND: Kind("Text to motion, LaMP as the evaluator", LAMP_EVALUATOR),
    "reconstruction": Kind("Tokenizer", TOKENIZER, "MPJPE"),
    "full": Kind("Retrieval, full gallery", RETRIEVAL, "R@10", "Every item is searched, one is right."),
    "distinct": Kind(
        "Retrieval, equal captions",
        RETRIEVAL,
        note="Every item is searched; all whose caption is the same text are right.",
    ),
    "threshold": Kind(
        "Retrieval, similar captions",
        RETRIEVAL,
        note="Every item is searched; all whose caption means nearly the same are right.",
    ),
    "dissimilar": Kind(
        "Retrieval, dissimilar captions",
        RETRIEVAL,
        note="Captions far from each other are searched.",
    ),
    "batches": Kind(
        "Retrieval in batches", RETRIEVAL, note="Each caption's motion is searched in its batch alone."
    ),
    "captioning": Kind(
        "Captioning",
        CAPTIONING,
        "BERTScore",
        "Captions of the true motions. A captioner has to beat the most frequent caption of the train split, "
        "and the one that retrieval finds nearest.",
    ),
    LAMP_BERT_SCORE: Kind(
        "LaMP-BertScore",
        READINGS,
        REFERENCES,
        "LaMP-M2T captions the motions of each system. Its captions are compared with all true captions "
        "(references), and with its caption of the true motion. The ground truth's row is the ceiling of "
        "both.",
    ),
    "plausibility": Kind(
        "Physical plausibility",
        PLAUSIBILITY,
        "foot skating",
        "True motion slides and floats too: the ground truth's row is the level to reach.",
    ),
    "prediction": Kind("Motion prediction", COMPLETION, "ADE", "Σ: the sum over the joints."),
    "in-betweening": Kind("Motion in-betweening", COMPLETION, "ADE", "Σ: the sum over the joints."),
}


def result_tables(results: Sequence[Result]) -> list[MetricTable]:
    """Return a table for each protocol and evaluator, in the order of `KINDS`, no result left out.

    A kind that is not known here, or a metric without a column, is shown under its own name without an arrow.
    """
    grouped: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        grouped.setdefault((_kind(result), result.protocol, result.evaluator), []).append(result)
    order = [*KINDS]
    places = {kind: order.index(kind) if kind in KINDS else len(order) for kind, _, _ in grouped}
    return [
        _table(kind, grouped[kind, protocol, evaluator])
        for kind, protocol, evaluator in sorted(grouped, key=lambda key: places[key[0]])
    ]


def _kind(result: Result) -> str:
    if result.metric.startswith("LaMP-R-Precision") or result.metric == "LaMP-MM-Dist":
        return LAMP_KIND
    head = result.protocol.split(",")[0]
    return next((kind for kind in RETRIEVAL_KINDS if head.startswith(kind)), head)


def _table(name: str, results: Sequence[Result]) -> MetricTable:
    kind = KINDS.get(name, Kind(name.capitalize(), ()))
    groups: Mapping[str, Sequence[Result]] = {"": results}
    if name in RETRIEVAL_KINDS:
        groups = _by_direction(results)
    known = {column.metric for column in kind.columns}
    found = dict.fromkeys(result.metric for group in groups.values() for result in group)
    columns = [*kind.columns, *(Column(metric) for metric in found if metric not in known)]
    table = metric_table(kind.title, groups, columns, note=kind.note, chart=kind.chart)
    return replace(table, published=published_under(name, kind.columns))


def _by_direction(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of a retrieval by direction, their metrics without its name; others have no heading."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        direction = next((name for name in DIRECTIONS if result.metric.startswith(name)), "")
        metric = result.metric.removeprefix(direction).strip()
        groups.setdefault(direction, []).append(replace(result, metric=metric))
    return groups
