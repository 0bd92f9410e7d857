"""The evaluator ``lamp``: the pretrained model itself gives LaMP-R-Precision and LaMP-MM-Dist.

Shapes: N items, T frames, D feature numbers a frame, Q queries, P projection width, G batches, B items a
batch.
"""

from collections.abc import Sequence

import numpy as np
import torch

from lamp_core.datasets.captions import Caption
from lamp_core.errors import LampError
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.metrics.batches import Counting
from lamp_core.metrics.r_precision import MatchingScores, scores_by_distance
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.protocol import MotionTokenizer


class LampEvaluator:
    """Embeds normalised motions as one unit vector a query, and captions as one unit vector.

    The distance of a text to a motion is that of unit vectors, sqrt(2 - 2 cos), with the cosine of the best
    query (the similarity of section 3.1 and of retrieval). It lies between 0 and 2, and orders motions as the
    cosine does.

    Args:
        features: the pretrained model, frozen.
        tokenizer: whose latents the model reads.
    """

    label = "lamp"
    prefix = "LaMP-"

    def __init__(self, features: LampFeatures, tokenizer: MotionTokenizer) -> None:
        self.features = features
        self.tokenizer = tokenizer

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Embed normalised features, each (T, D), cut to the model's longest motion; float32 (N, Q, P)."""
        clips = [np.asarray(motion, dtype=np.float32) for motion in motions]
        return self.features.motion_embeddings(latents_of_clips(self.tokenizer, clips)).numpy()

    def embed_texts(self, captions: Sequence[Caption]) -> np.ndarray:
        """Embed captions; float32 (N, P)."""
        return self.features.text_embeddings([caption.text for caption in captions]).numpy()

    def matching_scores(
        self,
        texts: np.ndarray,
        motions: np.ndarray,
        generator: np.random.Generator,
        batch_size: int,
        counting: Counting = "unbiased",
    ) -> MatchingScores:
        """LaMP-R-Precision and LaMP-MM-Dist of pairs: texts (N, P), motions (N, Q, P).

        Raises:
            LampError: fewer items than a batch, no pairs, or items that are not finite.
        """
        check_pairs(texts, motions)

        def distances(groups_GB: np.ndarray) -> np.ndarray:
            return np.stack([query_distances(texts[group_B], motions[group_B]) for group_B in groups_GB])

        return scores_by_distance(distances, len(texts), generator, batch_size, counting=counting)


def query_distances(texts_NP: np.ndarray, motions_MQP: np.ndarray) -> np.ndarray:
    """Return sqrt(2 - 2 cos) of each text to the nearest query of each motion, (N, M)."""
    texts, motions = torch.from_numpy(texts_NP), torch.from_numpy(motions_MQP)
    cosines_NM = (texts @ motions.flatten(0, 1).T).view(len(texts), *motions.shape[:2]).amax(dim=-1)
    return (2.0 - 2.0 * cosines_NM.double()).clamp(min=0.0).sqrt().numpy()


def check_pairs(texts_NP: np.ndarray, motions_NQP: np.ndarray) -> None:
    """Check that text i and motion i are pairs, all finite.

    Raises:
        LampError: they are not.
    """
    if motions_NQP.ndim != 3 or texts_NP.shape != (len(motions_NQP), motions_NQP.shape[2]):
        raise LampError(
            f"text embeddings {texts_NP.shape} and motion embeddings {motions_NQP.shape} are no pairs of one "
            "vector and one a query"
        )
    broken = sum(
        len(array) - int(np.isfinite(array).reshape(len(array), -1).all(axis=1).sum())
        for array in (texts_NP, motions_NQP)
    )
    if broken:
        raise LampError(f"{broken} LaMP embeddings are not finite; leave them out and count them")
