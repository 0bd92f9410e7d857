"""Whether the language model has a position for every word of every sequence, asked before the first step."""

from collections.abc import Iterator
from functools import cache
from typing import Protocol

from lamp_core.errors import LampError
from lamp_core.motion_language.examples import WORD, KindOfSequence
from lamp_core.motion_language.words import MotionWords


class Examples(Protocol):
    """What sequences are drawn of."""

    words: MotionWords

    def kinds_of_sequences(self) -> Iterator[KindOfSequence]:
        """All kinds that are drawn."""


def check_room(examples: Examples, positions: int | None, *, decoded: bool = False) -> None:
    """Refuse examples of which one may be longer than the language model's longest sequence.

    Args:
        examples: of a split.
        positions: words of the longest sequence; None where any number goes.
        decoded: whether texts are answered too, of any length that a caption may have.

    Raises:
        LampError: one is too long.
    """
    if positions is None:
        return
    for kind in examples.kinds_of_sequences():
        longest = longest_of(kind, examples.words, examples.words.max_text_tokens - 1)
        if longest > positions and not (decoded and kind.answers_in_text):
            longest = longest_of(kind, examples.words)
        if longest > positions:
            raise LampError(
                f"{kind.name}: a sequence of {longest} words is longer than the language model's "
                f"{positions}; "
                "use shorter prompts (instruction.prompts), lower "
                "alignment.max_text_tokens or alignment.max_frames, or raise language_model.max_positions of "
                "a model from scratch"
            )


def longest_of(kind: KindOfSequence, words: MotionWords, said: int | None = None) -> int:
    """Return the words of the longest sequence of a kind.

    Args:
        kind: of the sequences.
        words: of the model.
        said: word pieces that every caption is taken to have; each is counted without it.
    """
    of_tokens, of_word, longest = cache(kind.words_of), len(words.caption(WORD).ids), 0
    for tokens, captions in kind.told:
        of_caption = 0
        if captions:
            of_caption = said or max(len(words.caption(caption).ids) for caption in captions)
            of_caption -= of_word
        longest = max(longest, of_tokens(tokens) + of_caption)
    return longest
