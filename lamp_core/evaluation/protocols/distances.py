"""How far made motions are from true ones, as an evaluator sees them: FID, KID, and the noise of both.

Shapes: N items, T frames, D feature numbers a frame, E embedding numbers.
"""

from collections.abc import Sequence

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.evaluation.baselines import OTHER_HALF
from lamp_core.evaluation.protocols.common import Embedded, MotionTextEvaluator, TestItems, random_draws
from lamp_core.evaluation.results import Measurements
from lamp_core.features.parts import hand_columns
from lamp_core.metrics.fid import fid_infinity, frechet_distance
from lamp_core.metrics.kid import kernel_distance


def measure_distances(
    measured: Measurements,
    true_NE: np.ndarray,
    made_NE: np.ndarray,
    draws: np.random.Generator,
    prefix: str = "",
) -> None:
    """Record how far two sets of embeddings are apart: FID, and what it is without its bias, and KID."""
    both = (true_NE, made_NE)
    measured.record_one(f"{prefix}FID", frechet_distance, *both)
    measured.record_one(f"{prefix}FID-infinity", fid_infinity, *both, draws)
    measured.record_one(f"{prefix}KID", kernel_distance, *both)


def measure_part_distances(
    measured: Measurements,
    evaluator: MotionTextEvaluator,
    true: Sequence[np.ndarray],
    made: Sequence[np.ndarray],
) -> None:
    """Record the FID of body and of hands by an evaluator that was trained on whole motions.

    It sees motions, true ones and made ones alike, whose other part stands still at its mean. Features
    without hands have no parts.

    Args:
        measured: of the system.
        evaluator: embeds motions.
        true: normalised features (T, D).
        made: normalised features, of as many motions or of others.
    """
    width = true[0].shape[-1]
    hands = list(hand_columns(width))
    if not hands:
        return
    of_hands_D = np.zeros(width, dtype=np.float32)
    of_hands_D[hands] = 1.0
    for part, seen_D in {"body": 1.0 - of_hands_D, "hands": of_hands_D}.items():
        seen = ([motion_TD * seen_D for motion_TD in motions] for motions in (true, made))
        embedded = [evaluator.embed_motions(motions) if motions else np.empty((0, 1)) for motions in seen]
        measured.record_one(f"FID {part}", frechet_distance, *embedded)


def other_half(protocol: str, judge: Embedded, test: TestItems) -> Measurements:
    """The row of the noise floor, for `measure_halves`."""
    halves = Measurements(OTHER_HALF, protocol, judge.evaluator.label, len(test) // 2, test.note)
    halves.add_note("random halves of the true motions: what the choice of the test motions alone makes")
    return halves


def measure_halves(halves: Measurements, judge: Embedded, settings: Evaluate, repeat: int) -> None:
    """Record how far random halves of the true motions are apart, other ones in every repeat."""
    draws = random_draws(settings, repeat, "halves")
    shuffled_NE = draws.permutation(judge.motions)
    half = len(shuffled_NE) // 2
    measure_distances(halves, shuffled_NE[:half], shuffled_NE[half : 2 * half], draws, judge.evaluator.prefix)


def has_distances(judge: Embedded) -> bool:
    """Whether a motion is one vector, as FID and KID need it; LaMP's are one a query."""
    return judge.motions.ndim == 2
