"""LaMP-Feat: the pretrained model as one that compares texts and motions.

Shapes: N texts, M motions, T frames, D feature numbers a frame, Q queries, P projection width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lamp_core.errors import LampError
from lamp_core.evaluators.lamp import LampEvaluator
from lamp_core.lamp.embeddings import LampFeatures, similarity
from lamp_core.lamp.folder import load_lamp, untrained_copy
from lamp_core.lamp.prompt import losses
from lamp_core.retrieval.gallery import SCORES, Gallery, Hit, rerank
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer

FOLDER = "retrieval"


@dataclass(frozen=True)
class LampFeat:
    """The capability `similarity` of the pretrained model.

    Args:
        features: the pretrained model.
        tokenizer: whose latents it reads.
        over_queries: ``max`` or ``mean``.
        reranked: candidates re-ranked by the matching head, 0 for none.
        folder: with the gallery that the stage ``retrieval`` wrote; None for a model without one.
    """

    features: LampFeatures
    tokenizer: MotionTokenizer
    over_queries: str
    reranked: int = 0
    folder: Path | None = None

    def losses(self, prompt: str) -> list[str]:
        """What of a prompt the text encoder does not know or does not read, as `lamp_core.lamp.prompt`."""
        return losses(self.features.tokenizer, prompt)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (N, P)."""
        return self.features.text_embeddings(texts).numpy()

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Unit vectors (M, Q, P) of normalised motions, one a query."""
        return self.features.motion_embeddings(latents_of_clips(self.tokenizer, motions)).numpy()

    def similarity(self, texts: np.ndarray, motions: np.ndarray) -> np.ndarray:
        """Cosine similarity (N, M) over the queries."""
        found_MN = similarity(torch.from_numpy(motions), torch.from_numpy(texts), self.over_queries)
        return found_MN.T.numpy()

    def scores(self, texts: Sequence[str], motions: Sequence[np.ndarray]) -> np.ndarray:
        """(N, M) that retrieval ranks by."""
        latents = latents_of_clips(self.tokenizer, motions)
        motions_MQP = self.features.motion_embeddings(latents)
        found_NM = similarity(motions_MQP, self.features.text_embeddings(texts), self.over_queries).T
        if self.reranked:
            found_NM = rerank(found_NM, self.features, latents, texts, self.reranked)
        return found_NM.numpy()

    def stored_scores(self) -> tuple[list[str], np.ndarray] | None:
        """Captions of the own test split and their `scores`, as the stage wrote them."""
        if self.folder is None:
            return None
        return self._gallery().captions, np.load(self.folder / SCORES)

    def search_text(self, text: str, top: int) -> list[Hit]:
        """The test clips whose motion is most similar to a text; LampError as `Gallery.load`."""
        return self._gallery().motions_for(self.features.text_embeddings([text])[0], top)

    def search_motion(self, motion_TD: np.ndarray, top: int) -> list[Hit]:
        """The captions of test clips most similar to a normalised motion; LampError as `Gallery.load`."""
        motion_QP = torch.from_numpy(self.embed_motions([motion_TD]))[0]
        return self._gallery().captions_for(motion_QP, top)

    def evaluator(self) -> LampEvaluator:
        """The model as one that measures others."""
        return LampEvaluator(self.features, self.tokenizer)

    def untrained(self, seed: int) -> "LampFeat":
        """The same with random weights, without a gallery of its own."""
        model = untrained_copy(self.features.model, seed).to(self.features.device)
        return replace(self, features=LampFeatures(model, self.features.tokenizer), folder=None)

    def _gallery(self) -> Gallery:
        if self.folder is None:
            raise LampError("an untrained model has no gallery to search")
        return Gallery.load(self.folder)


def load_feat(data: Path, device: torch.device) -> LampFeat:
    """Load what the stages up to ``retrieval`` wrote.

    Raises:
        LampError: one of them has not run.
    """
    folder = data / FOLDER
    gallery = Gallery.load(folder)
    model, words = load_lamp(data / "pretrain")
    return LampFeat(
        LampFeatures(model.to(device), words, data / "pretrain"),
        load_tokenizer(data / "tokenizer").to(device),
        gallery.over_queries,
        gallery.reranked,
        folder,
    )
