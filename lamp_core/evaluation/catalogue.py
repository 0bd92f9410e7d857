"""Every metric once: how it is shown, which way is better, what measures it, and where it is a headline.

The terminal, the report, `lamp evaluate`, experiments and `lamp compare` read it here; a metric that an
evaluation produces and that is missing here fails a test.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.results import Result, key_of
from lamp_core.evaluation.stages import direction_of, is_evaluation

Direction = Literal["higher", "lower", "closer", "neither"]
Ruler = Literal["data", "evaluator", "own model"]


@dataclass(frozen=True)
class Metric:
    """A metric.

    Args:
        name: the name that `Result.metric` bears, without the direction of a retrieval.
        direction: whether higher or lower values are better, or closer to the ground truth's.
        unit: as shown (``%``, ``mm``).
        decimals: of values and intervals, as shown.
        factor: from the value that is stored to the value that is shown (100 for a share shown in per cent).
        label: heading of a column, the name when empty.
        ruler: what two runs have to share for the metric to compare: the data alone, the evaluator too, or
            more than two runs ever share, since a run's own model measures.
    """

    name: str
    direction: Direction = "neither"
    unit: str = ""
    decimals: int = 3
    factor: float = 1.0
    label: str = ""
    ruler: Ruler = "data"

    @property
    def heading(self) -> str:
        """The label, or else the name."""
        return self.label or self.name

    @property
    def named(self) -> str:
        """Name and unit: ``MPJPE, mm``."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def shown(self, value: float) -> str:
        """A stored value as it is printed everywhere."""
        return f"{self.factor * value:,.{self.decimals}f}"


@dataclass(frozen=True)
class Kind:
    """The metrics of one kind of protocol, which is one kind of table.

    Args:
        family: the `Family` that it is measured in; the first part of its metrics' keys.
        title: of its tables.
        metrics: in the order and with the arrows of the papers.
        chart: the one that is drawn as bars.
        note: a sentence under the title.
        headlines: those that the terminal shows after a run, as `Result.metric` bears them.
        highlight: of these, the one under the report's title.
    """

    family: str
    title: str
    metrics: Sequence[Metric]
    chart: str = ""
    note: str = ""
    headlines: Sequence[str] = ()
    highlight: str = ""

    def headline(self, metric: Metric) -> str:
        """A headline with the task in front and the unit behind."""
        return metric.named if metric.named.startswith(self.title) else f"{self.title}, {metric.named}"

    def metric(self, name: str) -> Metric | None:
        """The metric of this name, with or without the direction of a retrieval."""
        plain = without_direction(name)
        found = next((metric for metric in self.metrics if metric.name == plain), None)
        return found and replace(found, name=name)


DIRECTIONS = ("text to motion", "motion to text")
LAMP_KIND, MINILM_KIND = "LaMP evaluator", "MiniLM evaluator"


def _share(name: str, label: str = "", decimals: int = 1, ruler: Ruler = "data") -> Metric:
    return Metric(name, "higher", "%", decimals, 100.0, label, ruler)


def _both(name: str, unit: str) -> tuple[Metric, ...]:
    """Mean and sum over the joints; of body, hands and (poses alone) how fingers are shaped the means."""
    parts = PARTS_IN_MM if name == "Recon" else PARTS_IN_MM[:2]
    return (
        Metric(name, "lower", unit, 2),
        Metric(f"{name} summed", "lower", unit, 1, label=f"{name} Σ"),
        *(Metric(f"{name} {part}", "lower", unit, 2) for part in parts),
    )


R_PRECISION = tuple(_share(f"R-Precision top {k}", f"R-Prec. {k}", ruler="evaluator") for k in (1, 2, 3))
FID = Metric("FID", "lower", ruler="evaluator")
FID_OF_PARTS = tuple(Metric(f"FID {part}", "lower", ruler="evaluator") for part in ("body", "hands"))
"""Of motions with hands, the other part held at its mean."""
PARTS_IN_MM = ("body", "hands", "fingers")
"""Body and hands pelvis on pelvis, fingers wrist on wrist."""
FID_INFINITY = Metric("FID-infinity", "lower", label="FID∞", ruler="evaluator")
KID = Metric("KID", "lower", "× 1000", 2, 1000.0, ruler="evaluator")
MM_DIST = Metric("MM-Dist", "lower", ruler="evaluator")
DIVERSITY = Metric("Diversity", "closer", ruler="evaluator")
READINGS = tuple(
    _share(f"LaMP-BertScore ({of})", decimals=2, ruler="own model") for of in ("references", "true motion")
)
TEXT_TO_MOTION = (
    *R_PRECISION,
    FID,
    *FID_OF_PARTS,
    FID_INFINITY,
    KID,
    *READINGS,
    MM_DIST,
    DIVERSITY,
    Metric("MultiModality", "higher", label="MModality", ruler="evaluator"),
)
LAMP_EVALUATOR = (
    *(_share(f"LaMP-R-Precision top {k}", f"LaMP-R-Prec. {k}", ruler="own model") for k in (1, 2, 3)),
    Metric("LaMP-MM-Dist", "lower", ruler="own model"),
)
MINILM_EVALUATOR = tuple(
    replace(metric, name=f"MiniLM-{metric.name}", label=metric.label and f"MiniLM-{metric.label}")
    for metric in (*R_PRECISION, FID, FID_INFINITY, KID, MM_DIST)
)
FURTHER_EVALUATORS = {LAMP_KIND: LAMP_EVALUATOR, MINILM_KIND: MINILM_EVALUATOR}
"""Kinds of which the metrics' names tell, since their protocol is another kind's."""
TOKENIZER = (
    Metric("MPJPE", "lower", "mm", 1),
    Metric("PA-MPJPE", "lower", "mm", 1),
    *(Metric(f"MPJPE {part}", "lower", "mm", 1, label=part.capitalize()) for part in PARTS_IN_MM),
    Metric("heading error", "lower", "°", 1, label="Heading"),
    Metric("path error", "lower", "cm", 1, label="Path"),
    Metric("acceleration error", "lower", "mm/frame²", 2, label="Accel."),
    FID,
    *FID_OF_PARTS,
    FID_INFINITY,
    KID,
    *R_PRECISION,
    MM_DIST,
    _share("code utilisation", "Codes used", decimals=0),
    Metric("code perplexity", "higher", "", 0, label="Perplexity"),
)
RETRIEVAL = (
    *(Metric(f"R@{k}", "higher", "%", 2) for k in (1, 2, 3, 5, 10)),
    Metric("MedR", "lower", "", 2),
    Metric("same labels", "higher", "%", 2, label="First: same labels"),
)
WORDS = (
    Metric("Length", "neither", "words", 2),
    *(_share(f"BLEU-{n}", decimals=2) for n in (1, 2, 3, 4)),
    _share("ROUGE-L"),
    Metric("CIDEr", "higher", "× 100", 1, 100.0),
    _share("BERTScore"),
)
CAPTIONING = (
    *R_PRECISION,
    MM_DIST,
    *READINGS,
    *WORDS,
    Metric("novel", "neither", "%", 1, 100.0, "Novel"),
)
PLAUSIBILITY = (
    Metric("foot skating", "lower", "%", 1, 100.0, "Skating"),
    Metric("foot skating in contact", "lower", "%", 1, 100.0, "Skating in contact"),
    Metric("sliding speed", "lower", "cm/s", 1, label="Sliding"),
    Metric("floor contact", "closer", "%", 1, 100.0, "Contact"),
    Metric("floor penetration", "lower", "mm", 1, label="Penetration"),
    Metric("floating", "lower", "mm", 1, label="Floating"),
    Metric("jerk", "closer", "m/s³", 0, label="Jerk"),
    Metric("gliding", "lower", "%", 1, 100.0, "Gliding"),
    Metric("bone-length error", "lower", "%", 2, 100.0, "Bones"),
    Metric("worst bone", "lower", "%", 0, 100.0, "Worst bone"),
    Metric("joint limits", "lower", "%", 1, 100.0, "Past joint limits"),
    Metric("self-intersection", "lower", "%", 1, 100.0, "Self-intersecting"),
    Metric("contradiction of velocities", "lower", "cm/frame", 2, label="By velocity"),
    Metric("contradiction of rotations", "lower", "cm", 1, label="By rotation"),
)
COMPLETION = (
    FID,
    replace(DIVERSITY, direction="higher"),  # as the papers' tables of completion have it
    *_both("ADE", "cm"),
    *_both("FDE", "cm"),
    *_both("Recon", "cm"),
    *_both("Vel", "cm/frame"),
    Metric("ADE legacy", "lower", "m"),
    Metric("FDE legacy", "lower", "m"),
)
CONTROL = (
    *_both("Recon", "cm"),
    *_both("Vel", "cm/frame"),
    *R_PRECISION,
    FID,
    MM_DIST,
    DIVERSITY,
)

HELD_OUT_ACTIONS, OTHER_ACTIONS = (f"text to motion of {which} actions" for which in ("held-out", "other"))

KINDS: Mapping[str, Kind] = {
    "text to motion": Kind(
        "text_to_motion",
        "Text to motion",
        TEXT_TO_MOTION,
        "R-Precision top 3",
        headlines=(*(metric.name for metric in R_PRECISION), "FID", "MM-Dist"),
        highlight="R-Precision top 3",
    ),
    LAMP_KIND: Kind("text_to_motion", "Text to motion, LaMP as the evaluator", LAMP_EVALUATOR),
    MINILM_KIND: Kind("text_to_motion", "Text to motion, MiniLM as the evaluator", MINILM_EVALUATOR),
    HELD_OUT_ACTIONS: Kind(
        "text_to_motion",
        "Text to motion, held-out actions",
        (*TEXT_TO_MOTION, *MINILM_EVALUATOR, *LAMP_EVALUATOR),
        "R-Precision top 3",
        "Test clips of the actions that evaluate.held_out or large_motion.held_out names, and no others. "
        "FID is larger of fewer clips: FID∞, KID and the truth's other half say by how much.",
    ),
    OTHER_ACTIONS: Kind(
        "text_to_motion",
        "Text to motion, the other actions",
        (*TEXT_TO_MOTION, *MINILM_EVALUATOR, *LAMP_EVALUATOR),
        "R-Precision top 3",
        "The test clips without the held-out actions.",
    ),
    "reconstruction": Kind(
        "tokenizer",
        "Tokenizer",
        (*TOKENIZER, *MINILM_EVALUATOR),
        "MPJPE",
        headlines=("MPJPE", "FID"),
        highlight="MPJPE",
    ),
    "full": Kind(
        "retrieval",
        "Retrieval, full gallery",
        RETRIEVAL,
        "R@10",
        "Every item is searched, one is right. Where captions were made from labels, an oracle that knows "
        "the labels and no more shows what such captions can tell at most.",
        headlines=[f"{way} {metric}" for way in DIRECTIONS for metric in ("R@1", "R@10", "MedR")],
        highlight="text to motion R@10",
    ),
    "distinct": Kind(
        "retrieval",
        "Retrieval, equal captions",
        RETRIEVAL,
        note="Every item is searched; all whose caption is the same text are right.",
    ),
    "threshold": Kind(
        "retrieval",
        "Retrieval, similar captions",
        RETRIEVAL,
        note="Every item is searched; all whose caption means nearly the same are right.",
    ),
    "dissimilar": Kind(
        "retrieval",
        "Retrieval, dissimilar captions",
        RETRIEVAL,
        note="Captions far from each other are searched.",
    ),
    "batches": Kind(
        "retrieval",
        "Retrieval in batches",
        RETRIEVAL,
        note="Each caption's motion is searched in its batch alone.",
    ),
    "captioning": Kind(
        "captioning",
        "Captioning",
        CAPTIONING,
        "BERTScore",
        "Captions of the true motions. A captioner has to beat the most frequent caption of the train split, "
        "and the one that retrieval finds nearest.",
        headlines=("BLEU-4", "CIDEr"),
        highlight="CIDEr",
    ),
    "novel captions": Kind(
        "captioning",
        "Captioning, novel captions alone",
        WORDS,
        "BERTScore",
        "Of each system those captions that stand word for word in no training caption. Each system's are of "
        "other motions, so that rows compare in the large only.",
    ),
    "LaMP-BertScore": Kind(
        "lamp_bert_score",
        "LaMP-BertScore",
        READINGS,
        READINGS[0].name,
        "The captioner captions the motions of each system. Its captions are compared with all true captions "
        "(references), and with its caption of the true motion. The ground truth's row is the ceiling of "
        "both.",
        headlines=(READINGS[1].name,),
    ),
    "plausibility": Kind(
        "plausibility",
        "Physical plausibility",
        PLAUSIBILITY,
        "foot skating",
        "True motion slides and floats too: the ground truth's row is the level to reach. By velocity and by "
        "rotation: how far the features of a motion contradict its positions.",
    ),
    "prediction": Kind("completion", "Motion prediction", COMPLETION, "ADE", "Σ: the sum over the joints."),
    "in-betweening": Kind(
        "completion", "Motion in-betweening", COMPLETION, "ADE", "Σ: the sum over the joints."
    ),
    "control": Kind(
        "control",
        "Pose control",
        CONTROL,
        "Recon",
        "How near the poses of a motion come to those that were given with its text, beside motions of the "
        "text alone, of the first answer where the best of several is taken, and with the poses' codes put "
        "in place (forced). Σ: the sum over the joints. A pose that is held for the whole motion is at no "
        "distance and in no motion.",
    ),
}
"""By the first words of a protocol, in the order in which tables are shown."""


def kind_of(result: Result) -> str:
    """Key of a result's kind in `KINDS`, or the first words of its protocol where none is known."""
    return kind_named(result.protocol, result.metric)


def kind_named(protocol: str, metric: str) -> str:
    """`kind_of` a number by its protocol and metric."""
    of_protocol = kind_of_protocol(protocol)
    if of_protocol in KINDS and KINDS[of_protocol].metric(metric):
        return of_protocol
    further = (kind for kind, metrics in FURTHER_EVALUATORS.items() if metric in _names(metrics))
    return next(further, of_protocol)


def kind_of_protocol(protocol: str) -> str:
    """Key of a protocol's kind, or its first words where none is known."""
    head = protocol.split(",")[0]
    if head in KINDS:
        return head
    return next((kind for kind in KINDS if re.fullmatch(rf"{re.escape(kind)}( .*)?", head)), head)


def metric_of(result: Result) -> Metric | None:
    """How a result is shown; None where the catalogue does not know it."""
    kind = KINDS.get(kind_of(result))
    return kind.metric(result.metric) if kind else None


def metric_at(path: str) -> Metric | None:
    """The metric of a key ``STAGE/FAMILY/SYSTEM/METRIC`` of any evaluation; None where there is none."""
    stage, family, _, key = [*path.split("/"), "", "", ""][:4]
    if not is_evaluation(stage):
        return None
    of_family = [metric for kind in KINDS.values() if kind.family == family for metric in kind.metrics]
    return next((metric for metric in of_family if _ends_with(key, key_of(metric.name))), None)


def direction_at(path: str) -> str:
    """Whether ``higher``, ``lower`` or ``closer`` values of a metric of MLflow's are better; else empty.

    Baselines are no systems that could get better.
    """
    stage, slash, _ = path.partition("/")
    if not slash or not is_evaluation(stage):
        return direction_of(path)
    metric = metric_at(path)
    of_baseline = is_baseline(path.split("/")[-2])
    return "" if metric is None or of_baseline or metric.direction == "neither" else metric.direction


def without_direction(name: str) -> str:
    """A metric's name without the direction of a retrieval."""
    way = next((way for way in DIRECTIONS if name.startswith(f"{way} ")), "")
    return name.removeprefix(way).strip()


def _names(metrics: Sequence[Metric]) -> set[str]:
    return {metric.name for metric in metrics}


def _ends_with(key: str, metric: str) -> bool:
    return key == metric or key.endswith(f"_{metric}")
