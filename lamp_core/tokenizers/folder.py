"""A trained tokenizer on disk."""

from pathlib import Path

from lamp_core.config.models import Tokenizer as TokenizerSettings
from lamp_core.tokenizers.vqvae import MotionTokenizer, new_tokenizer
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model


def save_tokenizer(folder: Path, tokenizer: MotionTokenizer) -> None:
    """Write weights and configuration."""
    config = {"feature_count": tokenizer.feature_count, "settings": tokenizer.settings.model_dump()}
    save_model(folder, tokenizer, config)


def load_tokenizer(folder: Path) -> MotionTokenizer:
    """Load a trained tokenizer in evaluation mode, frozen: a `VQVAE` or a `ResidualVQVAE`.

    Settings that name no kind are those of a `VQVAE`.

    Raises:
        LampError: there is none in ``folder``.
    """
    config = read_model_config(folder)
    tokenizer = new_tokenizer(
        config["feature_count"], read_settings(folder, TokenizerSettings, config["settings"])
    )
    load_weights(folder, tokenizer)
    return tokenizer.eval().requires_grad_(False)
