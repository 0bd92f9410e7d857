"""The figures under the report's title: one of each task that was measured."""

from collections.abc import Sequence

from lamp_core.evaluation.results import Result
from lamp_core.report.metric_tables import BASELINES
from lamp_core.report.report_data import Highlight

WANTED = (
    ("Text to motion, R-Precision top 3", "text to motion", "R-Precision top 3", 100.0, "%"),
    ("Text to motion, FID", "text to motion", "FID", 1.0, ""),
    ("Retrieval, full gallery, R@10", "full", "text to motion R@10", 1.0, "%"),
    ("Captioning, CIDEr", "captioning", "CIDEr", 100.0, ""),
    ("Tokenizer, MPJPE", "reconstruction", "MPJPE", 1.0, "mm"),
)
"""Label, head of the protocol, metric, factor and unit."""


def highlights(results: Sequence[Result]) -> list[Highlight]:
    """Return the first system's figure of each task, with its floors and ceilings beside it.

    What was not measured has no highlight; the tables say why.
    """
    found = []
    for label, protocol, metric, factor, unit in WANTED:
        rows = [
            row
            for row in results
            if row.metric == metric and row.protocol.split(",")[0] == protocol and row.measured
        ]
        systems = [row for row in rows if row.system not in BASELINES]
        if systems:
            beside = [f"{row.system} {factor * row.value:.1f}" for row in rows if row.system in BASELINES]
            found.append(Highlight(label, f"{factor * systems[0].value:.1f}", unit, ", ".join(beside)))
    return found
