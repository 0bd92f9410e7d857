"""LaMP-Feat: embeddings and conditions of whole sets from a frozen model.

Shapes: N items, S motion tokens, C code width, Q queries, P projection width, H width.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from lamp_core.datasets.items import length_batches, mask_of, pad
from lamp_core.lamp.model import LaMP, Pairs
from lamp_core.lamp.sentences import NO_ENCODER, sentence_vectors
from lamp_core.lamp.text import TextTokenizer

BATCH_TOKENS = 4096
BATCH_CAPTIONS = 256


class LampFeatures:
    """Embeddings of motions and captions, batched.

    Args:
        model: in evaluation mode.
        tokenizer: its vocabulary.
        folder: of the model, where vectors of captions by the sentence encoder may be kept.
    """

    def __init__(self, model: LaMP, tokenizer: TextTokenizer, folder: Path | None = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.folder = folder
        self.device = model.queries_QH.device

    @torch.no_grad()
    def motion_embeddings(self, latents: Sequence[Tensor]) -> Tensor:
        """Return (N, Q, P) unit vectors of motions given by tokenizer latents (S, C)."""
        shape = self.model.shape
        result = torch.zeros(len(latents), shape.queries, shape.projection_dim)
        latents = [latent_SC[: shape.max_tokens] for latent_SC in latents]
        for batch in length_batches([len(latent_SC) for latent_SC in latents], BATCH_TOKENS):
            latents_BSC, lengths_B = pad([latents[i] for i in batch])
            mask_BS = mask_of(lengths_B, latents_BSC.shape[1]).to(self.device)
            states = self.model.encode_motion(latents_BSC.to(self.device), mask_BS)
            result[batch] = self.model.motion_embedding(states).cpu()
        return result

    @torch.no_grad()
    def text_embeddings(self, captions: Sequence[str]) -> Tensor:
        """Return (N, P) unit vectors of captions.

        Raises:
            LampError: the model reads a sentence encoder whose extra is not installed.
        """
        sentences = self._sentences(captions)
        parts = [
            self.model.text_embedding_of(self.model.encode_text(*words), sentences_BW).cpu()
            for words, sentences_BW in zip(self._words(captions), sentences, strict=True)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def query_means(self, captions: Sequence[str]) -> list[Tensor]:
        """Return (1, H) of each caption: the mean of the queries after they read it, LaMP-T2M's condition."""
        parts = [
            self.model.condition(*words).mean(dim=1, keepdim=True).cpu() for words in self._words(captions)
        ]
        return list(torch.cat(parts))

    @torch.no_grad()
    def word_states(self, captions: Sequence[str]) -> list[Tensor]:
        """Return the states (L, H) of each caption's word pieces, [CLS] first, without the queries."""
        return [
            states_LH[mask_L].cpu()
            for ids_BL, mask_BL in self._words(captions)
            for states_LH, mask_L in zip(self.model.encode_text(ids_BL, mask_BL), mask_BL, strict=True)
        ]

    def query_mean_and_words(self, captions: Sequence[str]) -> list[Tensor]:
        """Return (1 + L, H) of each caption: the mean of the queries, then the states of the word pieces."""
        both = zip(self.query_means(captions), self.word_states(captions), strict=True)
        return [torch.cat(pair) for pair in both]

    @torch.no_grad()
    def matching_scores(self, latents: Sequence[Tensor], captions: Sequence[str]) -> Tensor:
        """Return (N,) log odds of the matching head for each pair of motion and caption."""
        latents_BSC, lengths_B = pad([latent_SC[: self.model.shape.max_tokens] for latent_SC in latents])
        ids_BL, words_mask_BL = self.tokenizer(captions)
        pairs = Pairs(
            latents_BSC.to(self.device),
            mask_of(lengths_B, latents_BSC.shape[1]).to(self.device),
            ids_BL.to(self.device),
            words_mask_BL.to(self.device),
        )
        logits_B2 = self.model.match(pairs)
        return (logits_B2[:, 1] - logits_B2[:, 0]).cpu()

    def _sentences(self, captions: Sequence[str]) -> Sequence[Tensor | None]:
        """The vectors (B, W) of each batch of `_words` by the sentence encoder that the model reads."""
        batches = -(-len(captions) // BATCH_CAPTIONS)
        if self.model.shape.sentence_encoder == NO_ENCODER:
            return [None] * batches
        vectors = sentence_vectors(self.model.shape.sentence_encoder, self.device)
        if self.folder is not None:
            vectors.recall(self.folder)
        return torch.split(vectors(captions).to(self.device), BATCH_CAPTIONS)

    def _words(self, captions: Sequence[str]) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(captions), BATCH_CAPTIONS):
            ids, mask = self.tokenizer(captions[start : start + BATCH_CAPTIONS])
            yield ids.to(self.device), mask.to(self.device)


def similarity(motion_NQP: Tensor, text_MP: Tensor, over_queries: str = "max") -> Tensor:
    """Return cosine similarities (N motions, M texts), the best query or the mean of the queries.

    Args:
        motion_NQP: unit vectors of motions.
        text_MP: unit vectors of texts.
        over_queries: ``max`` or ``mean`` (*switch* ``retrieval.similarity``).
    """
    rows = []
    for chunk_NQP in torch.split(motion_NQP, 512):  # a gallery of 10,000 by 49 queries does not fit at once
        scores = torch.einsum("nqp,mp->nmq", chunk_NQP, text_MP)
        rows.append(scores.amax(dim=-1) if over_queries == "max" else scores.mean(dim=-1))
    return torch.cat(rows)
