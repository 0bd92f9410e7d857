"""A pretrained LaMP on disk: weights, shape and vocabulary."""

from pathlib import Path

from lamp_core.lamp.model import LaMP
from lamp_core.lamp.text import TextTokenizer
from lamp_core.training.seeds import seed_everything


def save_lamp(folder: Path, model: LaMP, tokenizer: TextTokenizer) -> None:
    """Write ``model.safetensors``, ``config.json`` and ``tokenizer.json``."""
    model.save_pretrained(folder)
    tokenizer.save(folder)


def load_lamp(folder: Path) -> tuple[LaMP, TextTokenizer]:
    """Load a pretrained model in evaluation mode, frozen, with its vocabulary.

    Raises:
        LampError: there is none in ``folder``.
    """
    model = LaMP.from_pretrained(folder)
    return model, TextTokenizer.load(folder, model.shape.max_text_tokens)


def untrained_copy(model: LaMP, seed: int = 0) -> LaMP:
    """Return a model of the same shape with random weights: what training has to beat."""
    seed_everything(seed)
    return LaMP(model.shape).eval().requires_grad_(False)
