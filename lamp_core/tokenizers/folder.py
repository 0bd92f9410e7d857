"""A trained tokenizer on disk."""

from pathlib import Path

from lamp_core.tokenizers.kinds import kind_named, kind_of
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model


def save_tokenizer(folder: Path, tokenizer: MotionTokenizer) -> None:
    """Write weights and configuration."""
    config = {
        "kind": kind_of(tokenizer).name,
        "feature_count": tokenizer.feature_count,
        "settings": tokenizer.settings.model_dump(),
    }
    save_model(folder, tokenizer, config)


def load_tokenizer(folder: Path) -> MotionTokenizer:
    """Load a trained tokenizer of any kind in evaluation mode, frozen.

    Raises:
        LampError: there is none in ``folder``, or its kind is not known.
    """
    config = read_model_config(folder)
    # Folders from before the kind stood there name it among the settings, or hold a VQ-VAE.
    kind = kind_named(config.get("kind") or config["settings"].get("kind", "vqvae"))
    settings = read_settings(folder, kind.settings, config["settings"])
    tokenizer = kind.tokenizer(config["feature_count"], settings)
    load_weights(folder, tokenizer)
    return tokenizer.eval().requires_grad_(False)
