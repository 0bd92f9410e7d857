"""Retrieval in both directions under every protocol, with the chance level of each.

Shapes: N captions and as many motions.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from lamp_core.config.models import Evaluate
from lamp_core.errors import LampError
from lamp_core.metrics.evaluation import CHANCE, random_draws
from lamp_core.metrics.recall import (
    RECALL_AT,
    Recall,
    RightItems,
    chance_recall,
    ranks,
    recall,
    recall_in_batches,
    right_counts,
    same_caption,
    shared_share,
    similar_caption,
)
from lamp_core.metrics.results import Measurements, Result

DIRECTIONS = ("text to motion", "motion to text")
THRESHOLD = 0.95


def evaluate_retrieval(
    similarity_NN: np.ndarray,
    captions: Sequence[str],
    settings: Evaluate,
    *,
    system: str,
    evaluator: str = "none",
    sentence_similarity_NN: np.ndarray | None = None,
) -> list[Result]:
    """Recall in per cent and median rank in both directions, under every protocol, chance first.

    Protocols: `full`, `distinct`, `threshold` when the similarity of the captions is given, and `batches`
    (``settings.repeats`` shuffles). Pairs that are not finite are left out and counted in the notes.

    Args:
        similarity_NN: of text i (row) to motion j.
        captions: texts of the pairs.
        settings: batch size, repeats, seed.
        system: name of the rows.
        evaluator: what measures, when it is not the system itself.
        sentence_similarity_NN: of the captions, scaled to 0..1.

    Raises:
        LampError: the matrix is not square, does not fit the captions, or no finite pair is left.
    """
    kept, note = _finite_pairs(similarity_NN, captions)
    count = len(kept)
    similarity_NN = similarity_NN if count == len(captions) else similarity_NN[np.ix_(kept, kept)]
    captions = [captions[place] for place in kept]
    if sentence_similarity_NN is not None and count < len(sentence_similarity_NN):
        sentence_similarity_NN = sentence_similarity_NN[np.ix_(kept, kept)]
    rows: list[Result] = []
    for protocol, right in _gallery_protocols(captions, sentence_similarity_NN):
        counts_N = np.ones(count) if right is None else right_counts(right, count)
        shared = (
            ""
            if right is None
            else f"{shared_share(counts_N):.0%} of the queries have more than one right item"
        )
        chance = Measurements(CHANCE, protocol, evaluator, count, "closed form")
        measured = Measurements(system, protocol, evaluator, count, note)
        for measurements in (chance, measured):
            measurements.add_note(shared)
        for direction, matrix_NN in zip(DIRECTIONS, (similarity_NN, similarity_NN.T), strict=True):
            _record(chance, direction, chance_recall(counts_N, count))
            _record(measured, direction, recall(ranks(matrix_NN, right)))
        rows += [*chance.results(), *measured.results()]
    return rows + _batch_rows(similarity_NN, settings, system, evaluator, note)


def _gallery_protocols(
    captions: Sequence[str], sentence_similarity_NN: np.ndarray | None
) -> Iterator[tuple[str, RightItems | None]]:
    yield "full", None
    yield "distinct", same_caption(captions)
    if sentence_similarity_NN is not None:
        yield f"threshold {THRESHOLD}", similar_caption(sentence_similarity_NN, THRESHOLD)


def _batch_rows(
    similarity_NN: np.ndarray, settings: Evaluate, system: str, evaluator: str, note: str
) -> list[Result]:
    protocol = f"batches of {settings.batch_size}"
    chance = Measurements(CHANCE, protocol, evaluator, len(similarity_NN), "closed form")
    measured = Measurements(system, protocol, evaluator, len(similarity_NN), note)
    for direction, matrix_NN in zip(DIRECTIONS, (similarity_NN, similarity_NN.T), strict=True):
        _record(chance, direction, chance_recall(np.ones(len(matrix_NN)), settings.batch_size))
        for repeat in range(settings.repeats):
            draws = random_draws(settings, repeat, "retrieval")
            measured.record(_names(direction), partial(_batch_values, matrix_NN, draws, settings.batch_size))
    return [*chance.results(), *measured.results()]


def _batch_values(matrix_NN: np.ndarray, draws: np.random.Generator, batch_size: int) -> list[float]:
    return _values(recall_in_batches(matrix_NN, draws, batch_size))


def _names(direction: str) -> list[str]:
    return [*(f"{direction} R@{k}" for k in RECALL_AT), f"{direction} MedR"]


def _values(found: Recall) -> list[float]:
    return [*found.at.values(), found.median_rank]


def _record(measurements: Measurements, direction: str, found: Recall) -> None:
    measurements.record(_names(direction), lambda: _values(found))


def _finite_pairs(similarity_NN: np.ndarray, captions: Sequence[str]) -> tuple[np.ndarray, str]:
    """Places of the pairs whose text and motion can be ranked, and how many cannot."""
    if similarity_NN.shape != (len(captions), len(captions)):
        raise LampError(
            f"similarities of shape {similarity_NN.shape} for {len(captions)} captions; one motion a caption"
        )
    finite_NN = np.isfinite(similarity_NN)
    kept = np.flatnonzero(finite_NN.any(axis=1) & finite_NN.any(axis=0))
    if not len(kept):
        raise LampError(f"none of {len(captions)} pairs of text and motion has a finite similarity")
    left_out = len(captions) - len(kept)
    return kept, f"{left_out} of {len(captions)} pairs not finite, left out" if left_out else ""
