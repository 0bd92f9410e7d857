"""Retrieval in both directions under every protocol, with the chance level of each.

Shapes: N captions and as many motions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import CHANCE
from lamp_core.evaluation.protocols.common import incomplete_batch, random_draws
from lamp_core.evaluation.results import Measurements, Result
from lamp_core.metrics.batches import Counting
from lamp_core.metrics.recall import (
    RECALL_AT,
    Recall,
    RightItems,
    chance_recall,
    far_apart,
    places,
    recall,
    recall_in_batches,
    right_counts,
    same_caption,
    same_group,
    shared_share,
    similar_caption,
)

DIRECTIONS = ("text to motion", "motion to text")
THRESHOLD = 0.95
SAME_LABELS = "same labels"


@dataclass(frozen=True)
class Scored:
    """The similarities of one system, and what is said of all its numbers.

    Args:
        system: name of its rows.
        evaluator: what measures.
        similarity_NN: of text i (row) to motion j, all finite.
        note: pairs that were left out.
        counting: how ties and incomplete batches are counted.
    """

    system: str
    evaluator: str
    similarity_NN: np.ndarray
    note: str
    counting: Counting

    def measurements(self, protocol: str, items: int) -> tuple[Measurements, Measurements]:
        """Of chance and of the system."""
        protocol = f"{protocol}, {self.counting} counting"
        chance = Measurements(CHANCE, protocol, self.evaluator, items, "closed form")
        return chance, Measurements(self.system, protocol, self.evaluator, items, self.note)


def evaluate_retrieval(
    similarity_NN: np.ndarray,
    captions: Sequence[str],
    settings: Evaluate,
    *,
    system: str,
    evaluator: str = "none",
    sentence_similarity_NN: np.ndarray | None = None,
    label_groups_N: np.ndarray | None = None,
) -> list[Result]:
    """Recall in per cent and median rank in both directions, under every protocol, chance first.

    Of ``settings.protocols``: ``full``; ``distinct``; ``threshold`` and ``dissimilar``, which need the
    similarity of the captions and without it are rows that say so; ``batches`` (``settings.repeats``
    shuffles). With labels ``full`` also says how many queries have an item of the same labels in the first
    place. Pairs of which a similarity is not finite (`finite_pairs`)
    or that have no caption are left out and counted in the notes.

    Args:
        similarity_NN: of text i (row) to motion j.
        captions: texts of the pairs.
        settings: protocols, batch size, repeats, seed.
        system: name of the rows.
        evaluator: what measures, when it is not the system itself.
        sentence_similarity_NN: of the captions, scaled to 0..1.
        label_groups_N: the same number for items of the same labels (`oracles.label_groups`).

    Raises:
        LampError: the matrix is not square, does not fit the captions, or no pair is left.
    """
    kept, note = _usable_pairs(similarity_NN, captions)
    if len(kept) < len(captions):
        similarity_NN = similarity_NN[np.ix_(kept, kept)]
        captions = [captions[place] for place in kept]
        if sentence_similarity_NN is not None:
            sentence_similarity_NN = sentence_similarity_NN[np.ix_(kept, kept)]
        if label_groups_N is not None:
            label_groups_N = label_groups_N[kept]
    scored = Scored(system, evaluator, similarity_NN, note, settings.counting)
    measure: dict[str, Callable[[], list[Result]]] = {
        "full": lambda: _gallery_rows(scored, "full", label_groups_N=label_groups_N),
        "distinct": lambda: _gallery_rows(scored, "distinct", same_caption(captions)),
        "threshold": lambda: _threshold_rows(scored, sentence_similarity_NN),
        "dissimilar": lambda: _dissimilar_rows(scored, sentence_similarity_NN, settings),
        "batches": lambda: _batch_rows(scored, settings),
    }
    return [row for name, rows in measure.items() if name in settings.protocols for row in rows()]


def _gallery_rows(
    scored: Scored,
    protocol: str,
    right: RightItems | None = None,
    label_groups_N: np.ndarray | None = None,
) -> list[Result]:
    """Of the whole gallery: every item is right for its own query, or those that ``right`` says."""
    similarity_NN = scored.similarity_NN
    count = len(similarity_NN)
    counts_N = np.ones(count) if right is None else right_counts(right, count)
    chance, measured = scored.measurements(protocol, count)
    if right is not None:
        for measurements in (chance, measured):
            share = shared_share(counts_N)
            measurements.add_note(f"{share:.0%} of the queries have more than one right item")
    for direction, matrix_NN in zip(DIRECTIONS, (similarity_NN, similarity_NN.T), strict=True):
        _record(chance, direction, chance_recall(counts_N, count))
        _record(measured, direction, recall(places(matrix_NN, right), counting=scored.counting))
        if label_groups_N is not None:
            _record_labels(chance, measured, direction, matrix_NN, label_groups_N)
    return [*chance.results(), *measured.results()]


def _record_labels(
    chance: Measurements,
    measured: Measurements,
    direction: str,
    matrix_NN: np.ndarray,
    label_groups_N: np.ndarray,
) -> None:
    """The share of queries whose first hit has their labels, in per cent; ties: the share of all orders."""
    alike = same_group(label_groups_N)
    counts_N, name = right_counts(alike, len(matrix_NN)), f"{direction} {SAME_LABELS}"
    chance.record([name], lambda: [chance_recall(counts_N, len(matrix_NN), at=(1,)).at[1]])
    measured.record([name], lambda: [recall(places(matrix_NN, alike), at=(1,)).at[1]])


def _threshold_rows(scored: Scored, sentence_similarity_NN: np.ndarray | None) -> list[Result]:
    protocol = f"threshold {THRESHOLD}"
    if sentence_similarity_NN is None:
        return _unknown_sentences(scored, protocol)
    return _gallery_rows(scored, protocol, similar_caption(sentence_similarity_NN, THRESHOLD))


def _dissimilar_rows(
    scored: Scored, sentence_similarity_NN: np.ndarray | None, settings: Evaluate
) -> list[Result]:
    """Of a small gallery: pairs whose texts are far from each other."""
    if sentence_similarity_NN is None:
        return _unknown_sentences(scored, f"dissimilar {settings.dissimilar_texts}")
    chosen = far_apart(sentence_similarity_NN, settings.dissimilar_texts)
    part = replace(scored, similarity_NN=scored.similarity_NN[np.ix_(chosen, chosen)])
    return _gallery_rows(part, f"dissimilar {len(chosen)}")


def _unknown_sentences(scored: Scored, protocol: str) -> list[Result]:
    """Rows that say why there is no number."""
    _, measured = scored.measurements(protocol, len(scored.similarity_NN))
    for direction in DIRECTIONS:
        reason = "the similarity of the captions needs the extra minilm, which is not installed"
        measured.faults.update(dict.fromkeys(_names(direction), reason))
    return measured.results()


def _batch_rows(scored: Scored, settings: Evaluate) -> list[Result]:
    similarity_NN = scored.similarity_NN
    chance, measured = scored.measurements(f"batches of {settings.batch_size}", len(similarity_NN))
    if settings.counting == "published" and len(similarity_NN) >= settings.batch_size:
        lost = len(similarity_NN) % settings.batch_size
        measured.items -= lost
        measured.add_note(incomplete_batch(lost))
    for direction, matrix_NN in zip(DIRECTIONS, (similarity_NN, similarity_NN.T), strict=True):
        _record(chance, direction, chance_recall(np.ones(len(matrix_NN)), settings.batch_size))
        for repeat in range(settings.repeats):
            draws = random_draws(settings, repeat, "retrieval")
            measured.record(_names(direction), partial(_batch_values, matrix_NN, draws, settings))
    return [*chance.results(), *measured.results()]


def _batch_values(matrix_NN: np.ndarray, draws: np.random.Generator, settings: Evaluate) -> list[float]:
    return _values(recall_in_batches(matrix_NN, draws, settings.batch_size, counting=settings.counting))


def _names(direction: str) -> list[str]:
    return [*(f"{direction} R@{k}" for k in RECALL_AT), f"{direction} MedR"]


def _values(found: Recall) -> list[float]:
    return [*found.at.values(), found.median_rank]


def _record(measurements: Measurements, direction: str, found: Recall) -> None:
    measurements.record(_names(direction), lambda: _values(found))


def finite_pairs(similarity_NN: np.ndarray) -> np.ndarray:
    """Which pairs (N,) to keep so that all similarities among them are finite.

    The pair with the most broken similarities in its row and column goes first, until none is left: a text or
    a motion that is broken takes itself out, and no other.
    """
    broken_NN = ~np.isfinite(similarity_NN)
    kept_N = np.ones(len(broken_NN), dtype=bool)
    counts_N = broken_NN.sum(axis=0) + broken_NN.sum(axis=1)
    while counts_N.any():
        worst = int(counts_N.argmax())
        kept_N[worst] = False
        counts_N -= broken_NN[worst] + broken_NN[:, worst].astype(counts_N.dtype)
        broken_NN[worst] = broken_NN[:, worst] = False
        counts_N[worst] = 0
    return kept_N


def _usable_pairs(similarity_NN: np.ndarray, captions: Sequence[str]) -> tuple[np.ndarray, str]:
    """Places of the pairs whose text and motion can be ranked, and how many cannot."""
    count = len(captions)
    if similarity_NN.shape != (count, count):
        raise LampError(
            f"similarities of shape {similarity_NN.shape} for {count} captions; one motion a caption"
        )
    finite_N = finite_pairs(similarity_NN)
    worded_N = np.array([bool(caption.strip()) for caption in captions], dtype=bool)
    faults = {"not finite": int((~finite_N).sum()), "without a caption": int((finite_N & ~worded_N).sum())}
    kept = np.flatnonzero(finite_N & worded_N)
    told = ", ".join(f"{lost} of {count} pairs {fault}" for fault, lost in faults.items() if lost)
    if not len(kept):
        raise LampError(f"no pair of text and motion can be ranked: {told or 'there is none'}")
    return kept, f"{told}, left out" if told else ""
