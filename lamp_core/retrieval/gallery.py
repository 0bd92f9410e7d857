"""The gallery: embeddings of motions and captions that a query is compared with.

Shapes: N items, M queries, Q query tokens, P projection width.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.io.parquet import field, read_table, write_table
from lamp_core.lamp.embeddings import LampFeatures, similarity

EMBEDDINGS = "embeddings.safetensors"
ITEMS = "items.parquet"
SCORES = "similarity.npy"
"""Of its captions and motions, (N, N), beside the gallery of the test split."""
OVER_QUERIES, RERANKED = "over_queries", "reranked"
SCHEMA = pa.schema(
    [
        field("clip", pa.string(), "name of the clip; the rows are those of the embeddings, in their order"),
        field("caption", pa.string(), "its caption, whose embedding stands in the same row"),
    ]
)
"""The columns of ``items.parquet``."""


@dataclass(frozen=True)
class Hit:
    """One line of a search result.

    Args:
        rank: from 1.
        clip: name.
        caption: of the clip.
        score: cosine similarity.
    """

    rank: int
    clip: str
    caption: str
    score: float


BELOW = 1e4
"""By which the scores of pairs that are not re-ranked lie below those that are."""


@dataclass(frozen=True)
class Gallery:
    """Motions and captions of a split, embedded.

    Args:
        clips: N names.
        captions: N captions.
        motion_NQP: unit vectors of the motions, one a query token.
        text_NP: unit vectors of the captions.
        over_queries: ``max`` or ``mean``.
        reranked: candidates of each text that the matching head ranks anew, 0 for none.
    """

    clips: list[str]
    captions: list[str]
    motion_NQP: Tensor
    text_NP: Tensor
    over_queries: str
    reranked: int = 0

    @classmethod
    def embed(
        cls,
        features: LampFeatures,
        clips: Sequence[str],
        latents: Sequence[Tensor],
        captions: Sequence[str],
        over_queries: str,
    ) -> "Gallery":
        """Embed motions given by tokenizer latents (S, C), and their captions."""
        motion_NQP = features.motion_embeddings(latents)
        return cls(list(clips), list(captions), motion_NQP, features.text_embeddings(captions), over_queries)

    def similarity(self) -> Tensor:
        """Return (N texts, N motions)."""
        return similarity(self.motion_NQP, self.text_NP, self.over_queries).T

    def motions_for(self, text_P: Tensor, top: int) -> list[Hit]:
        """Return the motions most similar to a text's embedding."""
        return self._hits(similarity(self.motion_NQP, text_P[None], self.over_queries)[:, 0], top)

    def captions_for(self, motion_QP: Tensor, top: int) -> list[Hit]:
        """Return the captions most similar to a motion's embedding."""
        return self._hits(similarity(motion_QP[None], self.text_NP, self.over_queries)[0], top)

    def _hits(self, scores_N: Tensor, top: int) -> list[Hit]:
        best = scores_N.argsort(descending=True, stable=True)[:top].tolist()
        return [
            Hit(rank, self.clips[i], self.captions[i], float(scores_N[i]))
            for rank, i in enumerate(best, start=1)
        ]

    def save(self, folder: Path) -> None:
        """Write the index, each file by rename."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {"motion": self.motion_NQP.contiguous(), "text": self.text_NP.contiguous()}
        save_file(tensors, folder / (EMBEDDINGS + ".tmp"))
        os.replace(folder / (EMBEDDINGS + ".tmp"), folder / EMBEDDINGS)
        pairs = zip(self.clips, self.captions, strict=True)
        rows = [{"clip": clip, "caption": caption} for clip, caption in pairs]
        write_table(
            folder / ITEMS,
            rows,
            SCHEMA,
            {OVER_QUERIES: self.over_queries, RERANKED: str(self.reranked)},
        )

    @classmethod
    def load(cls, folder: Path) -> "Gallery":
        """Read an index.

        Raises:
            LampError: there is none in ``folder``, or its files do not belong together.
        """
        if not (folder / EMBEDDINGS).exists() or not (folder / ITEMS).exists():
            raise LampError(f"no gallery in {folder}; `lamp run --until retrieval` makes it")
        tensors = load_file(folder / EMBEDDINGS)
        table = read_table(folder / ITEMS, SCHEMA)
        metadata = table.schema.metadata or {}
        over_queries = metadata.get(OVER_QUERIES.encode(), b"").decode()
        if len(table) != len(tensors["motion"]) or not over_queries:
            raise LampError(
                f"the gallery in {folder} is not whole; `lamp run --force retrieval` makes it anew"
            )
        return cls(
            table["clip"].to_pylist(),
            table["caption"].to_pylist(),
            tensors["motion"],
            tensors["text"],
            over_queries,
            int(metadata.get(RERANKED.encode(), b"0")),
        )


def rerank(
    similarity_NN: Tensor,
    features: LampFeatures,
    latents: Sequence[Tensor],
    captions: Sequence[str],
    top: int,
) -> Tensor:
    """Order the likeliest pairs by similarity and matching head together; return scores (N texts, N motions).

    The ``top`` motions of each text and the ``top`` texts of each motion get the log odds of the matching
    head added to their contrastive logit, as in BLIP's retrieval; all others stay below, in their order.
    """
    logits_NN = similarity_NN * float(features.model.scale)
    chosen_NN = _highest_of_rows(similarity_NN, top) | _highest_of_rows(similarity_NN.T, top).T
    scores_NN = logits_NN - BELOW
    for row, caption in enumerate(captions):
        best = chosen_NN[row].nonzero()[:, 0].tolist()
        odds = features.matching_scores([latents[i] for i in best], [caption] * len(best))
        scores_NN[row, best] = logits_NN[row, best] + odds
    return scores_NN


def _highest_of_rows(scores_NN: Tensor, top: int) -> Tensor:
    """Booleans (N, N): the ``top`` highest of each row."""
    best = scores_NN.argsort(dim=1, descending=True, stable=True)[:, :top]
    return torch.zeros_like(scores_NN, dtype=torch.bool).scatter(1, best, True)
