"""The one training loop, with checkpoints, seeds and schedules."""

from lamp_core.training.log import OnLog
from lamp_core.training.loop import Fitted, OnProgress, fit
from lamp_core.training.models import load_weights, read_model_config, save_model
from lamp_core.training.sampling import BatchSampler, draw_apart, seed_everything
from lamp_core.training.validation import Validation

__all__ = [
    "BatchSampler",
    "Fitted",
    "OnLog",
    "OnProgress",
    "Validation",
    "draw_apart",
    "fit",
    "load_weights",
    "read_model_config",
    "save_model",
    "seed_everything",
]
