"""LaMP-T2M: text to motion, and editing, with a masked motion transformer."""

from lamp_core.generation.editing import Gap, fill_gap
from lamp_core.generation.generator import MotionGenerator, load_generator
from lamp_core.generation.length import LengthEstimator, train_length
from lamp_core.generation.sampler import sample_tokens
from lamp_core.generation.training import MotionText, train_t2m
from lamp_core.generation.transformer import MaskedMotionTransformer

__all__ = [
    "Gap",
    "LengthEstimator",
    "MaskedMotionTransformer",
    "MotionGenerator",
    "MotionText",
    "fill_gap",
    "load_generator",
    "sample_tokens",
    "train_length",
    "train_t2m",
]
