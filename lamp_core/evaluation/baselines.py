"""Rows that are no systems: floors, ceilings and what any system has to beat.

They are set apart in every table, and never ranked.
"""

GROUND_TRUTH, OTHER_HALF = "ground truth", "truth, other half"
CHANCE, UNTRAINED = "chance", "untrained"
MEAN_POSE, INTERPOLATION = "mean pose", "interpolation"
MOST_FREQUENT, NEAREST = "most frequent caption", "nearest caption"
BASELINES = (
    *(GROUND_TRUTH, OTHER_HALF, CHANCE, UNTRAINED),
    *(MEAN_POSE, INTERPOLATION, MOST_FREQUENT, NEAREST),
)
