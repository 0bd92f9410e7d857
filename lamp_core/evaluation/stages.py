"""What is known of stages by names: which measure a system, and which way a stage's own metric is better.

Runs are compared by it, and the versions of a model are ranked by it.
"""

import re
from typing import Literal

EVALUATION = re.compile(r"evaluate(_\w+)?")
"""Names of the stages that measure a system: ``evaluate``, or ``evaluate_SYSTEM``."""
OF_STAGES: tuple[tuple[re.Pattern[str], Literal["higher", "lower"]], ...] = (
    (re.compile(r"(loss|mpjpe_mm|error_seconds|mm_distance|median_rank|val_perplexity)$"), "lower"),
    (
        re.compile(
            r"(accuracy|r_precision_\d|_r\d+|rsum|val_decoded|code_(utilisation|perplexity)(_\d+|_of_all)?)$"
        ),
        "higher",
    ),
)
"""By the end of a metric's name; one that is not here has no direction."""


def is_evaluation(stage: str) -> bool:
    """Whether a stage of this name measures a system by the protocols."""
    return EVALUATION.fullmatch(stage) is not None


def direction_of(metric: str) -> Literal["higher", "lower", ""]:
    """Which values of a stage's own metric are better; empty where none is."""
    return next((direction for pattern, direction in OF_STAGES if pattern.search(metric)), "")
