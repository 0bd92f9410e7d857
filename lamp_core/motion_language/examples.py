"""What is trained on: items of motion and captions, and the sequences that are drawn of them.

Shapes: N items, S motion tokens, R channels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from lamp_core.config.motion_language import AlignmentMixture, Instruction, TaskMixture
from lamp_core.motion_language.tasks import TASKS, Draws, Shares, Task, most_told
from lamp_core.motion_language.words import MotionWords, length, predicted_whole
from lamp_core.pairs.captions import one_of
from lamp_core.segments import Segment, text

WORD = "a"
"""A caption to count the other words of a sequence with."""
TEXT_TO_MOTION, MOTION_TO_TEXT, MOTION, TEXT = "text_to_motion", "motion_to_text", "motion", "text"


@dataclass(frozen=True)
class SpokenMotion:
    """A motion with its captions.

    Args:
        codes_SR: of all channels.
        captions: at least one; none of a motion that is aligned alone.
        part_captions: sentences by body part; none where they are not told.
        begun_later: codes of the same motion without its first frame, its first two and so on.
    """

    codes_SR: np.ndarray
    captions: tuple[str, ...]
    part_captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    begun_later: tuple[np.ndarray, ...] = ()

    def drawn_codes(self, draws: Draws) -> np.ndarray:
        """Its codes (S, R) from its first frame or one of the next; no draw where there is one alone."""
        if not self.begun_later:
            return self.codes_SR
        start = int(draws.integers(1 + len(self.begun_later)))
        return self.begun_later[start - 1] if start else self.codes_SR


@dataclass(frozen=True)
class KindOfSequence:
    """How long sequences of a kind may be, the caption aside.

    Args:
        name: of the kind, or of its task.
        words_of: motion tokens to the words of the longest such sequence whose caption is `WORD`.
        told: motion tokens of each item, and the captions of which one stands in its sequence; none where
            the kind has no caption.
        answers_in_text: whether a caption of any length may be the answer.
    """

    name: str
    words_of: Callable[[int], int]
    told: Sequence[tuple[int, Sequence[str]]]
    answers_in_text: bool


class AlignmentExamples:
    """Captions and motions in both directions, motions alone and sentences alone, mixed by weights.

    A sequence is [begin, caption | motion, end], [begin, motion | caption, end], [begin | motion, end] or
    [begin, prompt | sentence, end]; what is behind the bar is predicted.

    Args:
        items: at least one; those without captions are motions alone, whatever the weights, and are left out
            where the weight of motions alone is 0.
        words: of the model.
        mixture: the weights.
        sentences: that are drawn alone; the captions without any.
        prompt: what the language model knows sentences behind; may be empty.
        whole: what comes first is predicted too.
    """

    def __init__(
        self,
        items: Sequence[SpokenMotion],
        words: MotionWords,
        mixture: AlignmentMixture,
        sentences: Sequence[str] = (),
        prompt: str = "",
        *,
        whole: bool = False,
    ) -> None:
        self.items = [item for item in items if item.captions or mixture.motion > 0]
        self.words, self.whole = words, whole
        self.prompt = text(words.pieces(prompt)) if prompt else None
        self.sentences = list(sentences) or [caption for item in items for caption in item.captions]
        self.kinds, self.shares = _shares_of(mixture)

    def draw(self, item: int, draws: Draws) -> list[Segment]:
        """A sequence of an item."""
        chosen = self.items[item]
        if not chosen.captions:
            return self.pair(MOTION, "", chosen.codes_SR)
        kind = self.kinds[int(draws.choice(len(self.kinds), p=self.shares))]
        if kind == TEXT:
            return self.sentence(one_of(self.sentences, draws))
        caption = one_of(chosen.captions, draws)
        return self.pair(kind, caption, chosen.codes_SR)

    def kinds_of_sequences(self) -> Iterator[KindOfSequence]:
        """All kinds that are drawn, for `room`."""
        for kind in self.kinds:
            told: list[tuple[int, Sequence[str]]] = [
                (len(item.codes_SR), () if kind == MOTION else item.captions)
                for item in self.items
                if kind == MOTION or item.captions
            ]
            if kind == TEXT:
                told = [(0, (sentence,)) for sentence in self.sentences]
            yield KindOfSequence(kind, partial(self._words_of, kind), told, kind == MOTION_TO_TEXT)

    def _words_of(self, kind: str, tokens: int) -> int:
        if kind == TEXT:
            return length(self.sentence(WORD))
        return length(self.pair(kind, WORD, _silent(self.words, tokens)))

    def pair(self, kind: str, caption: str, codes_SR: np.ndarray) -> list[Segment]:
        """A sequence of a caption and a motion."""
        words = self.words
        begin, end = words.begins(), words.ends()
        if kind == MOTION:
            return [begin, words.motion(codes_SR), end]
        if kind == TEXT_TO_MOTION:
            parts = [begin, words.caption(caption), words.motion(codes_SR), end]
        else:
            told = words.told(codes_SR, np.ones(len(codes_SR), dtype=bool), shows_gaps=False)
            parts = [begin, told, words.caption(caption, is_predicted=True), end]
        return predicted_whole(parts) if self.whole else parts

    def sentence(self, sentence: str) -> list[Segment]:
        """A sequence of text alone."""
        return sentence_alone(sentence, self.words, self.prompt)


def sentence_alone(sentence: str, words: MotionWords, prompt: Segment | None) -> list[Segment]:
    """A sequence of text alone, behind what the language model knows sentences behind, where there is any."""
    before = [words.begins(), *([prompt] if prompt else [])]
    return [*before, words.caption(sentence, is_predicted=True), words.ends()]


class InstructionExamples:
    """Tasks by instruction, mixed by weights.

    Args:
        items: at least one.
        words: of the model.
        settings: section ``instruction``.
    """

    def __init__(self, items: Sequence[SpokenMotion], words: MotionWords, settings: Instruction) -> None:
        self.items, self.words = items, words
        self.whole = settings.loss_on == "all"
        self.given = shares_of(settings)
        keys, self.shares = _shares_of(settings.tasks)
        self.tasks = [next(task for task in TASKS.values() if task.key == key) for key in keys]

    def draw(self, item: int, draws: Draws) -> list[Segment]:
        """A sequence of an item."""
        task = self.tasks[int(draws.choice(len(self.tasks), p=self.shares))]
        return self.of_task(task, item, draws)

    def kinds_of_sequences(self) -> Iterator[KindOfSequence]:
        """All tasks that are drawn, for `room`."""
        for task in self.tasks:
            in_text = task.answer == "text"
            told: list[tuple[int, Sequence[str]]] = [
                (len(item.codes_SR), item.captions if task.reads_text or in_text else ())
                for item in self.items
            ]
            yield KindOfSequence(task.name, partial(self._words_of, task), told, in_text)

    def _words_of(self, task: Task, tokens: int) -> int:
        codes_SR, every = _silent(self.words, tokens), self.words.vocabulary.length_every
        given_S = most_told(task, tokens, self.given, every)
        return length(self.words.example(task, WORD, codes_SR, given_S))

    def of_task(self, task: Task, item: int, draws: Draws) -> list[Segment]:
        """A sequence of an item and a task."""
        chosen = self.items[item]
        caption = one_of(chosen.captions, draws)
        given_S = task.given(len(chosen.codes_SR), self.given, draws)
        return self.words.example(task, caption, chosen.codes_SR, given_S, whole=self.whole)


def _silent(words: MotionWords, tokens: int) -> np.ndarray:
    """Codes of a motion of so many tokens."""
    return np.zeros((tokens, len(words.vocabulary.channels)), dtype=np.int64)


def shares_of(settings: Instruction) -> Shares:
    """How much the tasks tell, of the parameters."""
    return Shares(settings.predicted_from, settings.masked_between, settings.key_poses)


def _shares_of(mixture: AlignmentMixture | TaskMixture) -> tuple[list[str], np.ndarray]:
    """Names with a weight above 0, and their shares, which sum to 1."""
    weights = {name: weight for name, weight in mixture.model_dump().items() if weight > 0}
    shares = np.array(list(weights.values()), dtype=np.float64)
    return list(weights), shares / shares.sum()
