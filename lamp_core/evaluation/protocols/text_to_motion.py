"""Text to motion as rows of `Result` by the protocol of the field.

The ground truth is always the first row; the distance of its own halves, chance and untrained models stand
between it and every system.

Shapes: N items, T frames, D feature numbers a frame, E embedding numbers, X texts, R motions a text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import CHANCE, GROUND_TRUTH
from lamp_core.evaluation.protocols.common import (
    Embedded,
    Made,
    MotionTextEvaluator,
    OnProgress,
    TestItems,
    candidates,
    incomplete_batch,
    random_draws,
)
from lamp_core.evaluation.protocols.distances import (
    has_distances,
    measure_distances,
    measure_halves,
    measure_part_distances,
    other_half,
)
from lamp_core.evaluation.protocols.matching import matching_of
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.diversity import diversity, diversity_pairs, multimodality
from lamp_core.metrics.fid import frechet_distance
from lamp_core.metrics.r_precision import TOP

TASK = "text to motion"
R_PRECISION = tuple(f"R-Precision top {k}" for k in TOP)
MATCHING = (*R_PRECISION, "MM-Dist")
FLOOR_TEXTS = 10
"""Texts of an untrained model's MultiModality, which is no more than a floor."""

Generate = Callable[[Sequence[Caption], Sequence[int], int], Sequence[np.ndarray]]
"""Captions, feature frames of their true motions and a seed to normalised features, one (T, D) a caption."""


@dataclass(frozen=True)
class Generator:
    """A system that makes motions anew in every repeat.

    Args:
        name: of its rows.
        generate: captions, lengths and a seed to motions.
        times: repeats in which it generates for all items.
        texts: texts of its MultiModality.
    """

    name: str
    generate: Generate
    times: int
    texts: int


@dataclass(frozen=True)
class GivenMotion:
    """A motion that was made elsewhere.

    Args:
        item: place of the test item that it was made for.
        caption: that it was made from, one of the item's.
        features_TD: normalised.
    """

    item: int
    caption: Caption
    features_TD: np.ndarray


def evaluate_text_to_motion(
    items: Sequence[Item],
    systems: Mapping[str, Generate],
    evaluator: MotionTextEvaluator,
    statistics: FeatureStatistics,
    settings: Evaluate,
    *,
    matching: Sequence[MotionTextEvaluator] = (),
    floors: Mapping[str, Generate] | None = None,
    embed: Callable[[TestItems, MotionTextEvaluator], Embedded] = Embedded.of,
    on_progress: OnProgress | None = None,
    task: str = TASK,
) -> list[Result]:
    """R-Precision, MM-Dist, FID and Diversity of ground truth and systems, MultiModality of the systems.

    Ground truth and chance are measured ``settings.repeats`` times, each with its own captions and batches
    (the ground truth's FID, which is that of a set with itself, once). A system generates anew in every
    repeat, so it is measured ``settings.generations`` times, which its rows say; its repeat r uses the
    captions and batches of the ground truth's repeat r. MultiModality is measured once.

    Args:
        items: of the test split, see `protocol_items`.
        systems: generators by name.
        evaluator: embeds texts and motions.
        statistics: normalise the items' features.
        settings: repeats, generations, batch, captions, seed.
        matching: further evaluators, of which R-Precision, MM-Dist, FID and KID are taken; the rows of each
            stand behind those of the evaluator before.
        floors: untrained generators by name, measured ``settings.floor_generations`` times at most.
        embed: how the test items are embedded, where a cache is wanted.
        on_progress: called with (generations done, of all, text).
        task: first words of the protocol, which say of what the items are a part.

    Raises:
        LampError: no items, or a system that does not return one motion a caption. What cannot be measured
            (fewer items than a batch) is a row whose value is NaN and whose note says why.
    """
    test = TestItems.of(items, statistics)
    judges = [embed(test, each) for each in (evaluator, *matching)]
    protocol = (
        f"{task}, {candidates(settings)}, {settings.length} length, {routed(settings.route)}, "
        f"{_pairs(settings, len(test))}"
    )
    generators = [*_floors(floors or {}, settings), *_systems(systems, settings)]
    total, done = sum(each.times for each in generators), 0
    rows = _truth_and_chance(test, judges, settings, protocol)
    for generator in generators:
        measured = _measurements(generator.name, protocol, judges, test)
        for repeat in range(generator.times):
            _measure_generation(measured, judges, test, generator, settings, repeat)
            done += 1
            if on_progress:
                on_progress(done, total, f"{generator.name}, repeat {repeat + 1}")
        _measure_multimodality(measured[0], judges[0], test, generator, settings)
        _append(rows, measured)
    return list(chain.from_iterable(rows))


def evaluate_given_motions(
    items: Sequence[Item],
    name: str,
    given: Sequence[GivenMotion],
    evaluator: MotionTextEvaluator,
    statistics: FeatureStatistics,
    settings: Evaluate,
    *,
    matching: Sequence[MotionTextEvaluator] = (),
    embed: Callable[[TestItems, MotionTextEvaluator], Embedded] = Embedded.of,
    note: str = "",
) -> list[Result]:
    """What `evaluate_text_to_motion` measures, of motions that another system made for the same items.

    A repeat takes one motion an item, a random one of those given for it, and the caption it was made from.
    Items without a motion are left out and counted. MultiModality is not measured.

    Args:
        items: of the test split, all finite and with captions.
        name: of the system.
        given: at least one motion.
        evaluator: embeds texts and motions.
        statistics: normalise the items' features.
        settings: repeats, batch, captions, seed.
        matching: see `evaluate_text_to_motion`.
        embed: see `evaluate_text_to_motion`.
        note: said of every row of the system.

    Raises:
        LampError: no items, or no motion.
    """
    test = TestItems.of(items, statistics)
    if len(test) != len(items):
        raise LampError(f"{test.note}; motions made elsewhere are scored on items that are all usable")
    made = Made.of(name, [motion.features_TD for motion in given], len(given))
    kept = [given[place] for place in made.places]
    if not kept:
        raise LampError(f"{name} has no motion that can be scored; {made.note or 'none was given'}")
    judges = [embed(test, each) for each in (evaluator, *matching)]
    embedded = [made.embed(judge.evaluator) for judge in judges]
    place_of = {caption: place for place, caption in enumerate(test.captions)}
    texts_M = np.array([place_of[motion.caption] for motion in kept])
    protocol = (
        f"{TASK}, {candidates(settings)}, lengths as made, {routed(settings.route)}, "
        f"{_pairs(settings, len(test))}"
    )
    rows = _truth_and_chance(test, judges, settings, protocol)
    measured = _measurements(name, protocol, judges, test)
    missing = len(test) - len({motion.item for motion in kept})
    for each in measured:
        each.items = len(test) - missing
        each.add_note(f"{missing} of {len(test)} items have no motion, left out" if missing else "")
        each.add_note(made.note)
        each.add_note(note)
    for repeat in range(settings.repeats):
        chosen_N = _one_an_item([motion.item for motion in kept], settings, repeat)
        motions = [motions_M[chosen_N] for motions_M in embedded]
        _measure_motions(measured, judges, texts_M[chosen_N], motions, settings, repeat)
    _append(rows, measured)
    return list(chain.from_iterable(rows))


def measure_matching(
    measured: Measurements,
    judge: Embedded,
    texts_N: np.ndarray,
    motions: np.ndarray,
    settings: Evaluate,
    repeat: int,
) -> None:
    """Record R-Precision and MM-Dist of one repeat: captions by their places, motions embedded."""

    metrics = [judge.evaluator.prefix + name for name in MATCHING]

    def measure() -> list[float]:
        scores = matching_of(judge, texts_N, motions, settings, repeat)
        measured.count(metrics, scores.items)
        measured.notes.update(dict.fromkeys(metrics, incomplete_batch(scores.left_out)))
        return [*scores.r_precision.values(), scores.mm_distance]

    measured.record(metrics, measure)


def routed(route: str) -> str:
    """On which way evaluators see motions (`lamp_core.evaluation.route`), for a protocol's name."""
    return "features as made" if route == "features" else "features from joints"


def _pairs(settings: Evaluate, items: int) -> str:
    """Whose distances Diversity and MultiModality are the means of."""
    texts = min(settings.multimodality_texts, items)
    pairs = diversity_pairs(items, settings.diversity_pairs)
    return (
        f"Diversity of {pairs} pairs, MultiModality of {texts} texts, "
        f"{settings.multimodality_motions} motions, {settings.multimodality_pairs} pairs"
    )


def _floors(floors: Mapping[str, Generate], settings: Evaluate) -> Iterator[Generator]:
    times = min(settings.generations, settings.floor_generations)
    texts = min(settings.multimodality_texts, FLOOR_TEXTS)
    return (Generator(name, generate, times, texts) for name, generate in floors.items())


def _systems(systems: Mapping[str, Generate], settings: Evaluate) -> Iterator[Generator]:
    times, texts = settings.generations, settings.multimodality_texts
    return (Generator(name, generate, times, texts) for name, generate in systems.items())


def _measurements(
    system: str, protocol: str, judges: Sequence[Embedded], test: TestItems
) -> list[Measurements]:
    return [Measurements(system, protocol, judge.evaluator.label, len(test), test.note) for judge in judges]


def _append(rows: Sequence[list[Result]], measured: Sequence[Measurements]) -> None:
    for of_judge, measurements in zip(rows, measured, strict=True):
        of_judge += measurements.results()


def _truth_and_chance(
    test: TestItems, judges: Sequence[Embedded], settings: Evaluate, protocol: str
) -> list[list[Result]]:
    """Rows of each judge."""
    truth = _measurements(GROUND_TRUTH, protocol, judges, test)
    chance = _measurements(CHANCE, protocol, judges, test)
    halves = [other_half(protocol, judge, test) for judge in judges]
    true_NE = judges[0].motions
    for repeat in range(settings.repeats):
        texts_N = test.draw_captions(settings, repeat)
        shuffled_N = random_draws(settings, repeat, "pairing").permutation(len(test))
        for of_truth, of_chance, judge in zip(truth, chance, judges, strict=True):
            measure_matching(of_truth, judge, texts_N, judge.motions, settings, repeat)
            measure_matching(of_chance, judge, texts_N, judge.motions[shuffled_N], settings, repeat)
        for of_halves, judge in zip(halves, judges, strict=True):
            if has_distances(judge):
                measure_halves(of_halves, judge, settings, repeat)
        if repeat == 0:
            truth[0].record_one("FID", frechet_distance, true_NE, true_NE)
        _measure_diversity(truth[0], true_NE, settings, repeat)
    for of_chance in chance:
        of_chance.add_note("texts and true motions paired at random")
    rows: list[list[Result]] = [[] for _ in judges]
    _append(rows, truth)
    _append(rows, halves)
    _append(rows, chance)
    return rows


def _measure_generation(
    measured: Sequence[Measurements],
    judges: Sequence[Embedded],
    test: TestItems,
    generator: Generator,
    settings: Evaluate,
    repeat: int,
) -> None:
    texts_N = test.draw_captions(settings, repeat)
    captions = test.captions_at(texts_N)
    generated = generator.generate(captions, test.frames, settings.seed + repeat)
    made = Made.of(generator.name, generated, len(test))
    for each in measured:
        each.items = min(each.items, len(made))
        each.add_note(made.note and f"repeat {repeat + 1}: {made.note}")
    motions = [made.embed(judge.evaluator) for judge in judges]
    _measure_motions(measured, judges, texts_N[made.places], motions, settings, repeat)
    measure_part_distances(measured[0], judges[0].evaluator, test.motions, made.motions)


def _measure_motions(
    measured: Sequence[Measurements],
    judges: Sequence[Embedded],
    texts_N: np.ndarray,
    motions: Sequence[np.ndarray],
    settings: Evaluate,
    repeat: int,
) -> None:
    """Matching and distances of every judge, Diversity of the first."""
    for each, judge, of_judge in zip(measured, judges, motions, strict=True):
        measure_matching(each, judge, texts_N, of_judge, settings, repeat)
        if has_distances(judge):
            draws = random_draws(settings, repeat, "subsets")
            measure_distances(each, judge.motions, of_judge, draws, judge.evaluator.prefix)
    _measure_diversity(measured[0], motions[0], settings, repeat)


def _measure_diversity(
    measured: Measurements, motions_NE: np.ndarray, settings: Evaluate, repeat: int
) -> None:
    pairs = random_draws(settings, repeat, "pairs")
    arguments = (motions_NE, pairs, settings.diversity_pairs, settings.counting)
    measured.record_one("Diversity", diversity, *arguments)


def _measure_multimodality(
    measured: Measurements, judge: Embedded, test: TestItems, generator: Generator, settings: Evaluate
) -> None:
    """Once: ``multimodality_motions`` motions of each of the generator's texts."""
    draws = random_draws(settings, 0, "multimodality")
    texts, motions = min(generator.texts, len(test)), settings.multimodality_motions
    chosen = np.repeat(draws.permutation(len(test))[:texts], motions)
    captions = test.captions_at(test.draw_captions(settings, 0)[chosen])
    frames = [test.items[place].frames for place in chosen]
    # No repeat generates with this seed.
    generated = generator.generate(captions, frames, settings.seed + max(settings.repeats, generator.times))
    made = Made.of(generator.name, generated, len(chosen))
    measured.count(["MultiModality"], texts)
    if texts < min(settings.multimodality_texts, len(test)):
        measured.add_note(f"of {texts} texts", "MultiModality")

    def measure() -> list[float]:
        if made.note:
            raise LampError(made.note)
        motions_XRE = made.embed(judge.evaluator).reshape(texts, motions, -1)
        return [multimodality(motions_XRE, draws, settings.multimodality_pairs, settings.counting)]

    measured.record(["MultiModality"], measure)


def _one_an_item(items: Sequence[int], settings: Evaluate, repeat: int) -> np.ndarray:
    """Places of one motion for each item that has some, a random one or the first, in the items' order."""
    order = np.argsort(np.asarray(items), kind="stable")
    _, starts_N, counts_N = np.unique(np.asarray(items)[order], return_index=True, return_counts=True)
    if settings.captions == "first":
        return order[starts_N]
    drawn_N: np.ndarray = order[starts_N + random_draws(settings, repeat, "captions").integers(counts_N)]
    return drawn_N
