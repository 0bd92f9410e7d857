"""The motion encoder of the second phase on disk: weights and shape."""

from pathlib import Path

from lamp_core.lexical.motion_encoder import MotionEncoder, MotionShape
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model


def save_motion(folder: Path, encoder: MotionEncoder) -> None:
    """Write a motion encoder."""
    save_model(folder, encoder, encoder.shape.model_dump())


def load_motion(folder: Path) -> MotionEncoder:
    """Load what `save_motion` wrote; LampError where there is none, or of another version."""
    encoder = MotionEncoder(read_settings(folder, MotionShape, read_model_config(folder)))
    load_weights(folder, encoder)
    return encoder
