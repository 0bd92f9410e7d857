"""Rows that are no systems: floors, ceilings and what any system has to beat.

They are set apart in every table, and never ranked.
"""

from lamp_core.evaluation.results import key_of

GROUND_TRUTH, OTHER_HALF = "ground truth", "truth, other half"
CHANCE, UNTRAINED = "chance", "untrained"
MEAN_POSE, INTERPOLATION = "mean pose", "interpolation"
MOST_FREQUENT, NEAREST = "most frequent caption", "nearest caption"
NEIGHBOUR = "nearest neighbour"
ORACLE = "oracle: "
"""What the name of a ceiling begins with that knows the labels which follow (`oracles`)."""
BASELINES = (
    *(GROUND_TRUTH, OTHER_HALF, CHANCE, UNTRAINED),
    *(MEAN_POSE, INTERPOLATION, MOST_FREQUENT, NEAREST, NEIGHBOUR),
)


def is_baseline(system: str) -> bool:
    """Whether the rows of this name, or of this key of a metric, are no system's."""
    return system in BASELINES or system in _KEYS or system.startswith((ORACLE, key_of(ORACLE)))


_KEYS = {key_of(name) for name in BASELINES}
