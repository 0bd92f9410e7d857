"""The trained models of the system as such that compare texts and motions.

Shapes: N texts, M motions, T frames, D feature numbers a frame, V vocabulary (lexical), or width of the
vectors (dense).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.errors import LampError
from lamp_core.lamp.prompt import losses
from lamp_core.lexical.folder import load_lexical, untrained
from lamp_core.lexical.training_words import training_words
from lamp_core.lexical.vectors import LexicalVectors, units
from lamp_core.lexical.windows import whole_motion_weights
from lamp_core.lexical.words import Vocabulary, WeightedWord, readable
from lamp_core.retrieval.gallery import Hit


@dataclass(frozen=True)
class LexicalCompare:
    """The capability `similarity` of a lexical model, or of its dense counterpart; a lexical one says words.

    Args:
        vectors: of the model.
        data: the project's data folder, whose test split is searched.
    """

    vectors: LexicalVectors
    data: Path

    def losses(self, prompt: str) -> list[str]:
        """What of a prompt the text encoder does not know or does not read, as `lamp_core.lamp.prompt`."""
        return losses(self.vectors.tokenizer, prompt)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (N, V)."""
        return units(self.vectors.text_weights(texts))

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Unit vectors (M, V) of normalised motions."""
        return units(self.vectors.motion_weights(motions))

    def similarity(self, texts: np.ndarray, motions: np.ndarray) -> np.ndarray:
        """Cosine similarity (N, M)."""
        found_NM: np.ndarray = texts @ motions.T
        return found_NM

    def scores(self, texts: Sequence[str], motions: Sequence[np.ndarray]) -> np.ndarray:
        """(N, M) that retrieval ranks by: the similarity."""
        return self.similarity(self.embed_texts(texts), self.embed_motions(motions))

    def stored_scores(self) -> None:
        """None: they are computed when they are asked for."""
        return

    def search_text(self, text: str, top: int) -> list[Hit]:
        """The test clips whose motion is most similar to a text."""
        return self._hits(self.similarity(self.embed_texts([text]), self._motions_MV)[0], top)

    def search_motion(self, motion_TD: np.ndarray, top: int) -> list[Hit]:
        """The captions of test clips most similar to a normalised motion."""
        return self._hits(self.similarity(self._captions_MV, self.embed_motions([motion_TD]))[:, 0], top)

    def words_of(self, motion_TD: np.ndarray, top: int) -> list[WeightedWord]:
        """The words of a normalised motion with their weights, the heaviest first.

        Raises:
            LampError: the vectors are dense.
        """
        if not self.vectors.model.is_lexical:
            raise LampError("the model has dense vectors, which have no words; set its representation")
        weights_V = whole_motion_weights(self.vectors, [motion_TD])[0]
        terms, vocabulary = np.flatnonzero(weights_V), Vocabulary.of(self.vectors.tokenizer)
        return readable(vocabulary, terms.tolist(), weights_V[terms].tolist(), self._training_words)[:top]

    def evaluator(self) -> None:
        """None: the model measures no others."""
        return

    def untrained(self, seed: int) -> "LexicalCompare":
        """The same with random weights."""
        model = untrained(self.vectors.model, seed).to(self.vectors.device)
        return LexicalCompare(LexicalVectors(model, self.vectors.tokenizer), self.data)

    def _hits(self, scores_M: np.ndarray, top: int) -> list[Hit]:
        best = np.argsort(-scores_M, kind="stable")[:top]
        return [
            Hit(rank, self._items[place].clip, self._items[place].captions[0].text, float(scores_M[place]))
            for rank, place in enumerate(best, start=1)
        ]

    @cached_property
    def _training_words(self) -> dict[tuple[int, ...], str]:
        return training_words(self.vectors.tokenizer, self.data / "features")

    @cached_property
    def _features(self) -> FeatureSet:
        return FeatureSet.load(self.data / "features")

    @cached_property
    def _items(self) -> list[Item]:
        return items_of(self._features, "test")

    @cached_property
    def _motions_MV(self) -> np.ndarray:
        normalise = self._features.statistics.normalise
        return self.embed_motions(
            [np.asarray(normalise(item.features_TD), dtype=np.float32) for item in self._items]
        )

    @cached_property
    def _captions_MV(self) -> np.ndarray:
        return self.embed_texts([item.captions[0].text for item in self._items])


def load_compare(data: Path, stage: str, device: torch.device) -> LexicalCompare:
    """Load what a stage of the fourth phase wrote; LampError where it has not run."""
    model, tokenizer = load_lexical(data / stage)
    return LexicalCompare(LexicalVectors(model.to(device), tokenizer), data)
