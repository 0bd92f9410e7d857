"""What a model can do, as small protocols: evaluation, commands and report ask for these, never for a model.

All motions are normalised features, each (T, D), by the statistics of the data set that the model was trained
on, unless it is said otherwise.

Shapes: N texts, M motions, T frames, D feature numbers a frame.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from lamp_core.evaluation.protocols.common import MotionTextEvaluator
    from lamp_core.lexical.words import WeightedWord
    from lamp_core.m2t.attention import WordAttention
    from lamp_core.retrieval.gallery import Hit

RECONSTRUCT, GENERATE, COMPLETE = "reconstruct", "generate", "complete"
CONTROL, CAPTION, SIMILARITY, EDIT_PARTS = "control", "caption", "similarity", "edit parts"
SAY_WORDS = "say words"
CAPABILITIES = (RECONSTRUCT, GENERATE, COMPLETE, CONTROL, CAPTION, SIMILARITY, EDIT_PARTS, SAY_WORDS)

OnProgress = Callable[[int, int, str], None]
"""Called with (done, of all, text)."""


class Reconstructs(Protocol):
    """Gives motions back through what it holds of them (a tokenizer through its codes)."""

    @property
    def name(self) -> str:
        """In tables."""

    def reconstruct(self, motions: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each motion through the model and back, cut to a multiple of four frames."""

    def usage(self, motions: Sequence[np.ndarray]) -> Sequence[float]:
        """Share of codes in use (0..1) and the perplexity of the codes."""

    def parts(self) -> Mapping[str, "Reconstructs"]:
        """Parts of it that have a row of their own behind it, by name; mostly none."""


@runtime_checkable
class EstimatesLength(Protocol):
    """Says how long a motion of a text is."""

    def lengths(self, texts: Sequence[str], seed: int) -> list[int]:
        """Frames of a motion of each text, as the model thinks."""


class Generates(EstimatesLength, Protocol):
    """Makes motions of texts."""

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion that it makes."""

    def generate(self, texts: Sequence[str], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        """A motion of each text; the same seed, texts and lengths make the same motions."""


class Completes(Protocol):
    """Makes what is missing of motions; what is given stays as it is."""

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion that it looks at."""

    def complete(
        self, texts: Sequence[str], motions: Sequence[np.ndarray], given: Sequence[np.ndarray], seed: int
    ) -> list[np.ndarray]:
        """Each motion with the frames that are not given (bool, (T,), whole movements of four) made anew.

        What stands in their place is not looked at. Given frames come back number by number.
        """

    def fill(
        self,
        before_TD: np.ndarray,
        frames: int,
        after_TD: np.ndarray,
        text: str | None,
        count: int,
        seed: int,
    ) -> list[np.ndarray]:
        """``count`` motions of a stretch in front, ``frames`` new ones, and a stretch behind.

        All three in whole movements of four frames, and the given ones as the model makes them, so that the
        new frames can be led over to those that are really given. Without a text these alone decide.
        """


class Controls(Protocol):
    """Makes motions of texts that pass through given poses."""

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion that it makes."""

    def control(
        self,
        texts: Sequence[str],
        motions: Sequence[np.ndarray],
        given: Sequence[np.ndarray],
        seed: int,
        forced: bool | None = None,
    ) -> list[np.ndarray]:
        """A motion of each text, as long as the given one; the poses that are given as the model makes them,
        or put there where they are forced (None: as the model was set to).

        What stands in place of frames that are not given (bool, (T,), whole movements of four) is not looked
        at. Where none is given, the text alone decides.
        """


@runtime_checkable
class ChoosesAnswers(Controls, Protocol):
    """May draw several motions of poses, of which it chooses one."""

    @property
    def chooses_poses(self) -> bool:
        """Whether it draws more than one."""

    def answering_once(self) -> Self:
        """The same, which takes the first that it draws."""


class EditsParts(Protocol):
    """Makes one part of a motion anew."""

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion that it reads."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts; none where motions are told as wholes."""

    def for_parts(self, guidance: float | None) -> Self:
        """The same, which follows the text of a part so closely; as it does by itself without a number."""

    def edit_part(
        self, part: str, text: str, motion_TD: np.ndarray, count: int, seed: int
    ) -> list[np.ndarray]:
        """``count`` motions with the part made anew by a text; the codes of the others stay as they are."""


@runtime_checkable
class TellsOfParts(Protocol):
    """Makes motions by what parts of the body do, beside what the person does."""

    @property
    def told_parts(self) -> tuple[str, ...]:
        """Names of the parts that it can be told of; none where it was trained on no captions of parts."""

    def telling(self, of_parts: Mapping[str, str]) -> Self:
        """The same, whose motions do what is said of these parts too."""


class Captions(Protocol):
    """Says what happens in motions."""

    @property
    def longest_frames(self) -> int:
        """Frames of the longest motion that one caption is for."""

    def captions(
        self,
        motions: Sequence[np.ndarray],
        search: Any = None,
        on_progress: OnProgress | None = None,
    ) -> list[str]:
        """A caption of each motion; ``search`` is how it is searched for, the model's own way without it."""


@runtime_checkable
class Explains(Protocol):
    """Says what the words of a caption look at."""

    def explain(self, motion_TD: np.ndarray, caption: str) -> "WordAttention":
        """Attention of each word to each frame."""


class Compares(Protocol):
    """Says how similar texts and motions are."""

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(N, ...)."""

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """(M, ...)."""

    def similarity(self, texts: np.ndarray, motions: np.ndarray) -> np.ndarray:
        """(N, M) of what the two above gave; more is more similar."""

    def scores(self, texts: Sequence[str], motions: Sequence[np.ndarray]) -> np.ndarray:
        """(N, M) that retrieval ranks by: the similarity, re-ranked where the model does so."""

    def stored_scores(self) -> tuple[list[str], np.ndarray] | None:
        """Captions of the own test split and their `scores`, where a stage has written them."""

    def search_text(self, text: str, top: int) -> "list[Hit]":
        """The motions of the own test split most similar to a text."""

    def search_motion(self, motion_TD: np.ndarray, top: int) -> "list[Hit]":
        """The captions of the own test split most similar to a motion."""

    def evaluator(self) -> "MotionTextEvaluator | None":
        """The model as one that measures others; None where it does not."""


class SaysWords(Protocol):
    """Says a motion in words, each with a weight."""

    def words_of(self, motion_TD: np.ndarray, top: int) -> "list[WeightedWord]":
        """The words of a motion, the heaviest first, ``top`` at most."""


@runtime_checkable
class ReadsPrompts(Protocol):
    """Says what of a prompt its text encoder does not read."""

    def losses(self, prompt: str) -> list[str]:
        """A line for the words that are unknown, one for what is cut; none where the prompt is read whole."""


@runtime_checkable
class HasFloor(Protocol):
    """Can say what its shape alone reaches."""

    def untrained(self, seed: int) -> Self:
        """The same with random weights."""
