"""The one training loop, with checkpoints, seeds and schedules."""

from lamp_core.training.loop import OnLog, OnProgress, fit
from lamp_core.training.models import load_weights, read_model_config, save_model
from lamp_core.training.sampling import BatchSampler, seed_everything

__all__ = [
    "BatchSampler",
    "OnLog",
    "OnProgress",
    "fit",
    "load_weights",
    "read_model_config",
    "save_model",
    "seed_everything",
]
