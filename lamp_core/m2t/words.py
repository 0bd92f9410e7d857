"""Captions behind a prompt, as word pieces of a causal language model.

Shapes: P word pieces of the prompt.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from lamp_core.errors import LampError
from lamp_core.segments import SegmentBatch, Side, collate, soft, text


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
        self.prompt_P = begin + self._pieces([self.prompt])[0]
        if not self.prompt_P:
            raise LampError("the language model has no token that begins a text; give it m2t.prompt")

    def sequences(
        self, pieces: Sequence[Sequence[int]], soft_tokens: Sequence[int] = (), side: Side = "right"
    ) -> SegmentBatch:
        """Return a batch of [soft tokens | begin, prompt | caption, end], of which the caption is predicted.

        Args:
            pieces: word pieces of each caption; none of them where a caption is to be found.
            soft_tokens: how many soft tokens stand in front of each; none without it.
            side: where the shorter ones are padded.
        """
        counts = soft_tokens or [0] * len(pieces)
        sequences = [
            [soft(count), text(self.prompt_P), text(ids, is_predicted=True)]
            for count, ids in zip(counts, pieces, strict=True)
        ]
        return collate(sequences, self.padding, side)

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
