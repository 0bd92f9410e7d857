"""The trained models of a project, measured by every protocol: the stage ``evaluate`` and `lamp evaluate`."""

from lamp_core.evaluation.cache import EmbeddingCache
from lamp_core.evaluation.families import FAMILIES, measure, metric_key
from lamp_core.evaluation.trained import Trained

__all__ = ["FAMILIES", "EmbeddingCache", "Trained", "measure", "metric_key"]
