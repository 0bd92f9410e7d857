"""A trained masked motion transformer, and a residual transformer, on disk."""

from dataclasses import asdict
from pathlib import Path

from lamp_core.config.models import TextToMotion
from lamp_core.config.residual import Residual
from lamp_core.lamp.model import LaMP
from lamp_core.t2m.conditions import reader_of
from lamp_core.t2m.residual import ResidualShape, ResidualTransformer
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model


def save_t2m(folder: Path, model: MaskedMotionTransformer) -> None:
    """Write a trained masked motion transformer."""
    config = {
        "codebook_size": model.codebook_size,
        "condition_dim": model.condition_dim,
        "max_tokens": model.max_tokens,
        "settings": model.settings.model_dump(),
    }
    save_model(folder, model, config)


def load_t2m(folder: Path, lamp: LaMP) -> MaskedMotionTransformer:
    """Load it, in evaluation mode, to read texts with the LaMP that it was trained with.

    Raises:
        LampError: there is none in ``folder``.
    """
    config = read_model_config(folder)
    settings = read_settings(folder, TextToMotion, config.pop("settings"))
    model = MaskedMotionTransformer(**config, settings=settings, reader=reader_of(settings, lamp))
    load_weights(folder, model)
    return model.eval().requires_grad_(False)


def save_residual(folder: Path, model: ResidualTransformer, condition: TextToMotion) -> None:
    """Write a trained residual transformer and the section ``t2m`` that says what its texts are."""
    config = {
        "shape": asdict(model.shape),
        "settings": model.settings.model_dump(),
        "condition": condition.model_dump(),
    }
    save_model(folder, model, config)


def load_residual(folder: Path, lamp: LaMP) -> ResidualTransformer:
    """Load it, in evaluation mode, to read texts with the LaMP that it was trained with.

    Raises:
        LampError: there is none in ``folder``.
    """
    config = read_model_config(folder)
    settings = read_settings(folder, Residual, config["settings"])
    condition = read_settings(folder, TextToMotion, config["condition"])
    model = ResidualTransformer(ResidualShape(**config["shape"]), settings, reader_of(condition, lamp))
    load_weights(folder, model)
    return model.eval().requires_grad_(False)
