"""The large motion model while it is trained: every weight of a causal language model.

Shapes: B packed rows, L predicted places, V vocabulary.
"""

from typing import Any

from torch import Tensor, nn

from lamp_core.large_motion.packing import PackedBatch, packed_logits


class LargeMotionModel(nn.Module):
    """A language model that reads packed rows.

    Args:
        language: causal model of transformers that knows the words of motion, all of it trained.
        gradient_checkpointing: states are computed twice instead of kept.
    """

    def __init__(self, language: Any, *, gradient_checkpointing: bool = False) -> None:
        super().__init__()
        if gradient_checkpointing:
            language.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        self.language = language

    def forward(self, batch: PackedBatch) -> Tensor:
        """Return float32 logits (B, L, V) of each word, given what stands before it in its sequence."""
        return packed_logits(self.language, batch)
