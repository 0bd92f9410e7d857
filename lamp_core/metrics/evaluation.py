"""Text to motion and tokenizer, each as rows of `Result` by the protocols of the field.

The ground truth is always the first row; a floor (chance, the mean pose) stands beside every system.

Shapes: N items, T frames, D feature numbers a frame, E embedding numbers, X texts, R motions a text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from lamp_core.config.models import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING, Item
from lamp_core.errors import LampError
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.diversity import diversity, multimodality
from lamp_core.metrics.frechet import frechet_distance
from lamp_core.metrics.r_precision import TOP, matching_scores
from lamp_core.metrics.reconstruction import mpjpe
from lamp_core.metrics.results import Measurements, Result
from lamp_core.skeleton.skeleton import Skeleton

GROUND_TRUTH, CHANCE, MEAN_POSE = "ground truth", "chance", "mean pose"
R_PRECISION = tuple(f"R-Precision top {k}" for k in TOP)
MATCHING = (*R_PRECISION, "MM-Dist")

Generate = Callable[[Sequence[Caption], Sequence[int], int], Sequence[np.ndarray]]
"""Captions, feature frames of their true motions and a seed to normalised features, one (T, D) a caption."""
Reconstruct = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]
"""Normalised features through the tokenizer and back, in the same shapes."""
OnProgress = Callable[[int, int, str], None]


class MotionTextEvaluator(Protocol):
    """What embeds captions and normalised motions into one space."""

    label: str

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Normalised features, each (T, D), to (N, E)."""

    def embed_texts(self, captions: Sequence[Caption]) -> np.ndarray:
        """Captions to (N, E)."""


def protocol_items(items: Sequence[Item], frames_per_second: float, settings: Evaluate) -> list[Item]:
    """Keep the items whose length is in the protocol's range.

    That is 40 <= frames < 200 at 20 frames a second and 24 <= frames at 12.5: the shortest length in seconds
    counts in whole movements of four frames.
    """
    shortest = int(settings.min_seconds * frames_per_second) // DOWNSAMPLING * DOWNSAMPLING
    longest = settings.max_seconds * frames_per_second
    return [item for item in items if max(shortest, DOWNSAMPLING) <= item.frames < longest]


def random_draws(settings: Evaluate, repeat: int, purpose: str) -> np.random.Generator:
    """Return the random draws of one purpose in one repeat; no draw moves another's."""
    return np.random.default_rng([settings.seed, repeat, *purpose.encode()])


@dataclass(frozen=True)
class TestItems:
    """The items with all that is computed once: normalised motions, embeddings of motions and captions."""

    __test__ = False

    items: list[Item]
    motions: list[np.ndarray]
    motions_NE: np.ndarray
    texts: dict[Caption, np.ndarray]
    left_out: int

    @classmethod
    def of(
        cls, items: Sequence[Item], evaluator: MotionTextEvaluator, statistics: FeatureStatistics
    ) -> "TestItems":
        """Embed the items; those whose features are not finite are left out and counted.

        Raises:
            LampError: no item is left.
        """
        kept = [item for item in items if np.isfinite(item.features_TD).all()]
        if not kept:
            raise LampError(f"no items to evaluate: 0 of {len(items)} are in the protocol's range and finite")
        motions = [np.asarray(statistics.normalise(item.features_TD), dtype=np.float32) for item in kept]
        captions = list(dict.fromkeys(caption for item in kept for caption in item.captions))
        texts = dict(zip(captions, evaluator.embed_texts(captions), strict=True))
        return cls(kept, motions, evaluator.embed_motions(motions), texts, len(items) - len(kept))

    def draw_texts(self, settings: Evaluate, repeat: int) -> tuple[list[Caption], np.ndarray]:
        """Return one caption an item, a random one or the first, and their embeddings (N, E)."""
        draws = random_draws(settings, repeat, "captions")
        places = [
            draws.integers(len(item.captions)) if settings.captions == "random" else 0 for item in self.items
        ]
        captions = [item.captions[place] for item, place in zip(self.items, places, strict=True)]
        return captions, np.stack([self.texts[caption] for caption in captions])

    @property
    def note(self) -> str:
        """How many items were left out, nothing when none was."""
        return f"{self.left_out} items not finite, left out" if self.left_out else ""


def evaluate_text_to_motion(
    items: Sequence[Item],
    systems: Mapping[str, Generate],
    evaluator: MotionTextEvaluator,
    statistics: FeatureStatistics,
    settings: Evaluate,
    *,
    generations: int | None = None,
    on_progress: OnProgress | None = None,
) -> list[Result]:
    """R-Precision, MM-Dist, FID and Diversity of ground truth and systems, MultiModality of the systems.

    Ground truth and chance are measured ``settings.repeats`` times, each with its own captions and batches. A
    system generates anew in every repeat, so it is measured ``generations`` times, which its rows say; its
    repeat r uses the captions and batches of the ground truth's repeat r. MultiModality is measured once.

    Args:
        items: of the test split, see `protocol_items`.
        systems: generators by name.
        evaluator: embeds texts and motions.
        statistics: normalise the items' features.
        settings: repeats, batch, captions, seed.
        generations: times a system generates for all items; every repeat by default.
        on_progress: called with (generations done, of all, text).

    Raises:
        LampError: no items, or a system that does not return one motion a caption. What cannot be measured
            (fewer items than a batch) is a row whose value is NaN and whose note says why.
    """
    test = TestItems.of(items, evaluator, statistics)
    protocol = f"text to motion, {_candidates(settings)}, {settings.length} length"
    rows = _truth_and_chance(test, evaluator, settings, protocol)
    generations = generations or settings.repeats
    for place, (name, generate) in enumerate(systems.items()):
        measured = Measurements(name, protocol, evaluator.label, len(test.items), test.note)
        for repeat in range(generations):
            _measure_generation(measured, test, generate, evaluator, settings, repeat)
            if on_progress:
                done = place * generations + repeat + 1
                on_progress(done, len(systems) * generations, f"{name}, repeat {repeat + 1}")
        _measure_multimodality(measured, test, generate, evaluator, settings)
        rows += measured.results()
    return rows


def evaluate_tokenizer(
    items: Sequence[Item],
    systems: Mapping[str, Reconstruct],
    evaluator: MotionTextEvaluator,
    skeleton: Skeleton,
    statistics: FeatureStatistics,
    settings: Evaluate,
) -> list[Result]:
    """MPJPE, FID, R-Precision and MM-Dist of reconstructions; the first rows are ground truth and mean pose.

    MPJPE and FID are measured once, the others ``settings.repeats`` times with new captions and batches.

    Raises:
        LampError: no items, or a system that does not return one motion an item.
    """
    test = TestItems.of(items, evaluator, statistics)
    protocol = f"reconstruction, {_candidates(settings)}"
    every: dict[str, Reconstruct] = {GROUND_TRUTH: list, MEAN_POSE: _mean_pose, **systems}
    rows: list[Result] = []
    for name, reconstruct in every.items():
        made = _finite_motions(name, reconstruct(test.motions), len(test.items))
        measured = Measurements(name, protocol, evaluator.label, len(made), _notes(test.note, made.note))
        true = [test.items[place].features_TD for place in made.places]
        features = [statistics.denormalise(motion) for motion in made.motions]
        measured.record(["MPJPE"], partial(_as_list, mpjpe, true, features, skeleton))
        made_NE = made.embed(evaluator)
        measured.record(["FID"], partial(_as_list, frechet_distance, test.motions_NE, made_NE))
        for repeat in range(settings.repeats):
            texts_NE = test.draw_texts(settings, repeat)[1][made.places]
            _measure_matching(measured, texts_NE, made_NE, settings, repeat)
        rows += measured.results()
    return rows


def _candidates(settings: Evaluate) -> str:
    return f"{settings.batch_size} candidates, {settings.captions} caption"


def _mean_pose(motions: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The floor: every frame is the mean of the train split, zero when normalised."""
    return [np.zeros_like(motion) for motion in motions]


@dataclass(frozen=True)
class _Made:
    """The motions of a system that are finite, and the items they belong to."""

    motions: list[np.ndarray]
    places: list[int]
    left_out: int

    def __len__(self) -> int:
        return len(self.motions)

    @property
    def note(self) -> str:
        total = len(self.motions) + self.left_out
        return f"{self.left_out} of {total} motions not finite, left out" if self.left_out else ""

    def embed(self, evaluator: MotionTextEvaluator) -> np.ndarray:
        return evaluator.embed_motions(self.motions) if self.motions else np.empty((0, 1))


def _finite_motions(name: str, motions: Sequence[np.ndarray], expected: int) -> _Made:
    if len(motions) != expected:
        raise LampError(f"{name} returned {len(motions)} motions for {expected} items")
    arrays = [np.asarray(motion) for motion in motions]
    places = [place for place, motion in enumerate(arrays) if np.isfinite(motion).all()]
    return _Made([arrays[place] for place in places], places, expected - len(places))


def _truth_and_chance(
    test: TestItems, evaluator: MotionTextEvaluator, settings: Evaluate, protocol: str
) -> list[Result]:
    count = len(test.items)
    truth = Measurements(GROUND_TRUTH, protocol, evaluator.label, count, test.note)
    chance = Measurements(CHANCE, protocol, evaluator.label, count, "texts and true motions paired at random")
    for repeat in range(settings.repeats):
        _, texts_NE = test.draw_texts(settings, repeat)
        _measure_motions(truth, texts_NE, test.motions_NE, test.motions_NE, settings, repeat)
        shuffled = random_draws(settings, repeat, "pairing").permutation(count)
        _measure_matching(chance, texts_NE, test.motions_NE[shuffled], settings, repeat)
    return [*truth.results(), *chance.results()]


def _measure_generation(
    measured: Measurements,
    test: TestItems,
    generate: Generate,
    evaluator: MotionTextEvaluator,
    settings: Evaluate,
    repeat: int,
) -> None:
    captions, texts_NE = test.draw_texts(settings, repeat)
    frames = [item.frames for item in test.items]
    made = _finite_motions(measured.system, generate(captions, frames, settings.seed + repeat), len(captions))
    measured.add_note(made.note and f"repeat {repeat + 1}: {made.note}")
    _measure_motions(
        measured, texts_NE[made.places], made.embed(evaluator), test.motions_NE, settings, repeat
    )


def _measure_motions(
    measured: Measurements,
    texts_NE: np.ndarray,
    motions_NE: np.ndarray,
    true_NE: np.ndarray,
    settings: Evaluate,
    repeat: int,
) -> None:
    _measure_matching(measured, texts_NE, motions_NE, settings, repeat)
    measured.record(["FID"], partial(_as_list, frechet_distance, true_NE, motions_NE))
    pairs = random_draws(settings, repeat, "pairs")
    measured.record(["Diversity"], partial(_as_list, diversity, motions_NE, pairs, settings.diversity_pairs))


def _measure_matching(
    measured: Measurements, texts_NE: np.ndarray, motions_NE: np.ndarray, settings: Evaluate, repeat: int
) -> None:
    def measure() -> list[float]:
        draws = random_draws(settings, repeat, "batches")
        scores = matching_scores(texts_NE, motions_NE, draws, settings.batch_size)
        return [*scores.r_precision.values(), scores.mm_distance]

    measured.record(MATCHING, measure)


def _measure_multimodality(
    measured: Measurements,
    test: TestItems,
    generate: Generate,
    evaluator: MotionTextEvaluator,
    settings: Evaluate,
) -> None:
    """Once: ``multimodality_motions`` motions of each of ``multimodality_texts`` texts."""
    draws = random_draws(settings, 0, "multimodality")
    captions, _ = test.draw_texts(settings, 0)
    texts = min(settings.multimodality_texts, len(captions))
    chosen = np.repeat(draws.permutation(len(captions))[:texts], settings.multimodality_motions)
    frames = [test.items[place].frames for place in chosen]
    seed = settings.seed + settings.repeats
    made = _finite_motions(
        measured.system, generate([captions[place] for place in chosen], frames, seed), len(chosen)
    )
    measured.add_note(made.note and f"MultiModality: {made.note}")

    def measure() -> list[float]:
        if made.left_out:
            raise LampError(made.note)
        motions_XRE = made.embed(evaluator).reshape(texts, settings.multimodality_motions, -1)
        return [multimodality(motions_XRE, draws, settings.multimodality_pairs)]

    measured.record(["MultiModality"], measure)


def _as_list(measure: Callable[..., float], *arguments: Any) -> list[float]:
    return [measure(*arguments)]


def _notes(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
