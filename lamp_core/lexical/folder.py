"""Both encoders on disk, and what joins them: weights, shape and vocabulary."""

from pathlib import Path

from lamp_core.config.lexical import LexicalContrast
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.model import LexicalModel, LexicalShape
from lamp_core.lexical.motion_encoder import MotionEncoder
from lamp_core.lexical.text_encoder import TextEncoder
from lamp_core.lexical.text_folder import blank_text
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model
from lamp_core.training.seeds import seed_everything


def save_lexical(folder: Path, model: LexicalModel, tokenizer: TextTokenizer) -> None:
    """Write both encoders and the vocabulary."""
    save_model(folder, model, model.shape.model_dump())
    tokenizer.save(folder)


def load_lexical(folder: Path) -> tuple[LexicalModel, TextTokenizer]:
    """Load what `save_lexical` wrote, in evaluation mode, frozen; LampError where there is none."""
    shape = read_settings(folder, LexicalShape, read_model_config(folder))
    model = LexicalModel(shape, blank_text(shape.text), MotionEncoder(shape.motion))
    load_weights(folder, model)
    return model.eval().requires_grad_(False), TextTokenizer.load(folder, shape.text.max_text_tokens)


def joined(text: TextEncoder, motion: MotionEncoder, seed: int) -> LexicalModel:
    """Both encoders in one lexical model; what joins them starts at random."""
    seed_everything(seed)
    return LexicalModel(LexicalShape(text=text.shape, motion=motion.shape), text, motion)


def represented(model: LexicalModel, settings: LexicalContrast) -> LexicalModel:
    """The model with the representation of a section, everything else as it is; all of it can be trained."""
    shape = LexicalShape(
        text=model.shape.text,
        motion=model.shape.motion,
        representation=settings.representation,
        dense_dim=settings.dense_dim,
    )
    seed_everything(settings.training.seed)
    made = LexicalModel(shape, model.text, model.motion)
    made.motion_to_text = model.motion_to_text
    return made.requires_grad_(True)


def untrained(model: LexicalModel, seed: int) -> LexicalModel:
    """A model of the same shape and vocabulary with random weights: what training has to beat."""
    seed_everything(seed)
    shape = model.shape
    text = TextEncoder(shape.text, model.text.is_term_V.cpu())
    return LexicalModel(shape, text, MotionEncoder(shape.motion)).eval().requires_grad_(False)
