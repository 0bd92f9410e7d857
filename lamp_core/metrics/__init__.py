"""Metrics and protocols of the field: every number with what it may be compared with."""

from lamp_core.metrics.evaluation import evaluate_text_to_motion
from lamp_core.metrics.guo import GuoEvaluator, train_guo
from lamp_core.metrics.protocol import protocol_items
from lamp_core.metrics.reconstructions import evaluate_tokenizer
from lamp_core.metrics.results import Origin, Result, read_results, summarise, write_results
from lamp_core.metrics.retrieval import evaluate_retrieval

__all__ = [
    "GuoEvaluator",
    "Origin",
    "Result",
    "evaluate_retrieval",
    "evaluate_text_to_motion",
    "evaluate_tokenizer",
    "protocol_items",
    "read_results",
    "summarise",
    "train_guo",
    "write_results",
]
