"""Captions behind a prompt, as word pieces of a causal language model.

Shapes: B batch, L word pieces of a caption, its end included, P word pieces of the prompt.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from lamp_core.datasets.items import mask_of, pad
from lamp_core.errors import LampError


class PromptedWords:
    """The text side of the sequence [soft tokens | begin, prompt | caption, end], in training and inference.

    Args:
        tokenizer: of transformers, with a token that ends a text.
        prompt: what stands before every caption; may be empty where the model has a token that begins a text.
        max_text_tokens: most word pieces of a caption, its end included.

    Raises:
        LampError: the tokenizer has no end, or there is nothing before the caption.
    """

    def __init__(self, tokenizer: Any, prompt: str, max_text_tokens: int) -> None:
        if tokenizer.eos_token_id is None:
            raise LampError("the language model's tokenizer has no token that ends a text; use another model")
        self.tokenizer = tokenizer
        self.prompt = prompt.strip()
        self.max_text_tokens = max_text_tokens
        self.end = int(tokenizer.eos_token_id)
        self.padding = self.end if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
        begin = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
        self.prompt_P = torch.tensor(begin + self._pieces([self.prompt])[0], dtype=torch.long)
        if not len(self.prompt_P):
            raise LampError("the language model has no token that begins a text; give it m2t.prompt")

    def __call__(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return ids (B, L) and mask (B, L; false is padding) of captions and their ends."""
        return self.padded(self.pieces(captions))

    def padded(self, pieces: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Return ids (B, L) and mask (B, L; false is padding) of word pieces."""
        ids_BL, lengths_B = pad([torch.tensor(ids) for ids in pieces])
        mask_BL = mask_of(lengths_B, ids_BL.shape[1])
        return ids_BL.masked_fill(~mask_BL, self.padding), mask_BL

    def pieces(self, captions: Sequence[str]) -> list[list[int]]:
        """Return the ids of each caption, cut to the longest, and of its end."""
        found = self._pieces(map(self.after_prompt, captions))
        return [[*ids[: self.max_text_tokens - 1], self.end] for ids in found]

    def after_prompt(self, caption: str) -> str:
        """The caption as it continues the prompt."""
        return f" {caption.strip()}" if self.prompt else caption.strip()

    def text(self, ids: Sequence[int]) -> str:
        """Return what stands before the end, without special tokens and the space behind the prompt."""
        words = list(ids)
        if self.end in words:
            words = words[: words.index(self.end)]
        return " ".join(str(self.tokenizer.decode(words, skip_special_tokens=True)).split())

    def _pieces(self, texts: Iterable[str]) -> list[list[int]]:
        listed = list(texts)
        if not listed:
            return []
        encoded = self.tokenizer(listed, add_special_tokens=False, return_attention_mask=False)
        return [list(ids) for ids in encoded["input_ids"]]
