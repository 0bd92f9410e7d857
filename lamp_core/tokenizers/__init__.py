"""Motion tokenizers: features to codes and back."""

from lamp_core.tokenizers.clips import (
    code_usage,
    encode_clip_layers,
    encode_clips,
    latents_of_clips,
    layer_usage,
    reconstruct_clips,
)
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.training import ValidationClips, train_tokenizer
from lamp_core.tokenizers.vqvae import (
    VQVAE,
    MotionTokenizer,
    ResidualVQVAE,
    new_tokenizer,
    untrained_tokenizer,
)

__all__ = [
    "VQVAE",
    "MotionTokenizer",
    "ResidualVQVAE",
    "ValidationClips",
    "code_usage",
    "encode_clip_layers",
    "encode_clips",
    "latents_of_clips",
    "layer_usage",
    "load_tokenizer",
    "new_tokenizer",
    "reconstruct_clips",
    "save_tokenizer",
    "train_tokenizer",
    "untrained_tokenizer",
]
