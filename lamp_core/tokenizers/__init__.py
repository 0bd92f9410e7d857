"""Motion tokenizers: features to codes and back."""

from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.training import (
    code_usage,
    encode_clips,
    latents_of_clips,
    reconstruct_clips,
    train_tokenizer,
)
from lamp_core.tokenizers.vqvae import VQVAE

__all__ = [
    "VQVAE",
    "code_usage",
    "encode_clips",
    "latents_of_clips",
    "load_tokenizer",
    "reconstruct_clips",
    "save_tokenizer",
    "train_tokenizer",
]
