"""The text encoder of the first phase on disk: weights, shape and vocabulary."""

from pathlib import Path

import torch

from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.text_encoder import LexicalTextModel, TextEncoder, TextShape, WeakDecoder
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model


def save_text(folder: Path, model: LexicalTextModel, tokenizer: TextTokenizer) -> None:
    """Write text encoder, weak decoder and vocabulary."""
    save_model(folder, model, model.text.shape.model_dump())
    tokenizer.save(folder)


def load_text(folder: Path) -> tuple[LexicalTextModel, TextTokenizer]:
    """Load what `save_text` wrote.

    Raises:
        LampError: there is none in ``folder``, or it is of another version.
    """
    shape = read_settings(folder, TextShape, read_model_config(folder))
    model = LexicalTextModel(blank_text(shape), WeakDecoder(shape))
    load_weights(folder, model)
    return model, TextTokenizer.load(folder, shape.max_text_tokens)


def blank_text(shape: TextShape) -> TextEncoder:
    """A text encoder of a shape, to load weights into."""
    return TextEncoder(shape, torch.zeros(shape.vocabulary_size, dtype=torch.bool))
