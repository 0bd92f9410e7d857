"""The large motion model while it is trained: every weight of a causal language model.

Shapes: B packed rows.
"""

from typing import Any

from torch import Tensor, nn

from lamp_core.errors import LampError
from lamp_core.large_motion.packing import PackedBatch, packed_losses
from lamp_core.motion_language.vocabulary import MotionVocabulary


class LargeMotionModel(nn.Module):
    """A language model that reads packed rows.

    Args:
        language: causal model of transformers that knows the words of motion, all of it trained.
        vocabulary: the words of motion.
        gradient_checkpointing: states are computed twice instead of kept.
    """

    def __init__(
        self, language: Any, vocabulary: MotionVocabulary, *, gradient_checkpointing: bool = False
    ) -> None:
        super().__init__()
        if gradient_checkpointing:
            language.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        self.language = language
        self.blocks = compared_words(vocabulary, language.get_output_embeddings().out_features)

    def forward(self, batch: PackedBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sum of the losses of the predicted words, how many are right, and their number."""
        return packed_losses(self.language, batch, self.blocks)


def layers_of(language: Any) -> list[nn.Module]:
    """The layers of a language model of transformers, by which it is sharded.

    Raises:
        LampError: it does not say which of its modules are to stay in one piece.
    """
    kinds = set(language._no_split_modules or ())
    found = [module for module in language.modules() if type(module).__name__ in kinds]
    if not found:
        raise LampError(
            f"{type(language).__name__} names no layers to shard it by; set large_motion.sharding to none"
        )
    return found


def compared_words(vocabulary: MotionVocabulary, words: int) -> list[tuple[int, int]]:
    """The words that a word competes with, as first word and word behind the last.

    All words, where the channels share their codes. Where each has its own, a code competes with those of its
    channel, which alone the grammar allows there, and any other word with those that are no codes: of five
    channels of 1,024 codes a word is then compared with a fifth of the vocabulary.

    Args:
        vocabulary: the words of motion.
        words: of text and of motion.
    """
    if len(set(vocabulary.first_ids_R)) == 1:
        return [(0, words)]
    codes = [
        (first, first + channel.codebook_size)
        for first, channel in zip(vocabulary.first_ids_R, vocabulary.channels, strict=True)
    ]
    return [(0, codes[0][0]), *codes]
