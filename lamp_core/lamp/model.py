"""LaMP: the joint motion and text transformer (section 3.1).

Shapes: B batch, S motion tokens, C code width, K codes, Q queries, L word pieces, H width, P projection
width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.models import Section
from lamp_core.datasets.items import length_groups
from lamp_core.lamp.backbone import TextEmbedding, start_queries_as_text
from lamp_core.lamp.masks import (
    CONTRASTIVE,
    MATCHING,
    MOTION_GENERATION,
    MOTION_GENERATION_PARALLEL,
    TEXT_GENERATION,
    attention_mask,
)
from lamp_core.lamp.sentences import NO_ENCODER
from lamp_core.lamp.transformer import Context, JointTransformer, Shape
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model

MAX_SCALE = 100.0


class LaMPShape(Section):
    """Everything that decides the parameters of a LaMP model; stored beside its weights."""

    layers: int
    hidden_dim: int
    heads: int
    feed_forward_dim: int
    max_positions: int
    vocabulary_size: int
    queries: int
    projection_dim: int
    cross_attention_every: int
    code_dim: int
    codebook_size: int
    max_tokens: int
    max_text_tokens: int
    dropout: float
    temperature: float
    motion_decoding: str
    latent_positions: bool = False
    sentence_encoder: str = NO_ENCODER
    sentence_dim: int = 0


@dataclass(frozen=True)
class Pairs:
    """A batch of motions and captions.

    Args:
        latents_BSC: frozen tokenizer latents, zero behind the true length.
        tokens_mask_BS: false behind the true length.
        ids_BL: word pieces.
        words_mask_BL: false where padded.
        sentences_BW: vectors of the captions by a frozen sentence encoder, for a model that reads them.
    """

    latents_BSC: Tensor
    tokens_mask_BS: Tensor
    ids_BL: Tensor
    words_mask_BL: Tensor
    sentences_BW: Tensor | None = None

    def part(self, rows: slice) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(
            self.latents_BSC[rows],
            self.tokens_mask_BS[rows],
            self.ids_BL[rows],
            self.words_mask_BL[rows],
            None if self.sentences_BW is None else self.sentences_BW[rows],
        )

    def unpadded(self, rows: Tensor) -> "Pairs":
        """Return some of the pairs, as long as the longest of them."""
        tokens_mask_GS, words_mask_GL = self.tokens_mask_BS[rows], self.words_mask_BL[rows]
        tokens, words = int(tokens_mask_GS.sum(dim=1).max()), int(words_mask_GL.sum(dim=1).max())
        return Pairs(
            self.latents_BSC[rows, :tokens],
            tokens_mask_GS[:, :tokens],
            self.ids_BL[rows, :words],
            words_mask_GL[:, :words],
            None if self.sentences_BW is None else self.sentences_BW[rows],
        )


class LaMP(nn.Module):
    """Queries, text transformer and motion transformer with the heads of the four objectives."""

    def __init__(self, shape: LaMPShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.hidden_dim
        self.transformer = JointTransformer(
            Shape(
                layers=shape.layers,
                hidden_dim=width,
                heads=shape.heads,
                feed_forward_dim=shape.feed_forward_dim,
                context_dim=shape.code_dim,
                cross_attention_every=shape.cross_attention_every,
                dropout=shape.dropout,
            )
        )
        self.text_embedding = TextEmbedding(shape.vocabulary_size, shape.max_positions, width, shape.dropout)
        self.queries_QH = nn.Parameter(torch.zeros(shape.queries, width))
        self.query_norm = nn.LayerNorm(width, eps=1e-12)
        self.caption_start_H = nn.Parameter(torch.zeros(width))
        self.motion_projection = nn.Linear(width, shape.projection_dim)
        self.text_projection = nn.Linear(width, shape.projection_dim)
        self.log_scale = nn.Parameter(torch.tensor(1.0 / shape.temperature).log())
        self.matching_head = nn.Linear(width, 2)
        self.word_transform = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=1e-12)
        )
        self.word_bias = nn.Parameter(torch.zeros(shape.vocabulary_size))
        self.text_to_context = nn.Linear(width, shape.code_dim)
        self.code_embedding = nn.Embedding(shape.codebook_size, width)
        self.code_position = nn.Embedding(shape.max_tokens, width)
        self.motion_start_H = nn.Parameter(torch.zeros(width))
        self.code_norm = nn.LayerNorm(width, eps=1e-12)
        self.motion_head = nn.Linear(width, shape.codebook_size)
        self.latent_norm = nn.LayerNorm(shape.code_dim)
        self.latent_position = (
            nn.Embedding(shape.max_tokens, shape.code_dim) if shape.latent_positions else None
        )
        self.sentence_projection = (
            nn.Sequential(
                nn.LayerNorm(shape.sentence_dim), nn.Linear(shape.sentence_dim, shape.projection_dim)
            )
            if shape.sentence_dim
            else None
        )
        self._initialise()

    def _initialise(self) -> None:
        """Normal(0, 0.02) as BERT; the queries' feed-forward starts as the text's."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        for parameter in (self.queries_QH, self.caption_start_H, self.motion_start_H):
            nn.init.normal_(parameter, std=0.02)
        if self.latent_position is not None:
            self.latent_position.weight.data = sinusoids(self.shape.max_tokens, self.shape.code_dim)
        start_queries_as_text(self.transformer)

    def save_pretrained(self, folder: Path) -> None:
        """Write ``model.safetensors`` and ``config.json``."""
        save_model(folder, self, self.shape.model_dump())

    @classmethod
    def from_pretrained(cls, folder: Path) -> "LaMP":
        """Load a model in evaluation mode, frozen.

        Raises:
            LampError: there is none in ``folder``, or its weights are of another shape.
        """
        model = cls(read_settings(folder, LaMPShape, read_model_config(folder)))
        load_weights(folder, model)
        return model.eval().requires_grad_(False)

    @property
    def scale(self) -> Tensor:
        """Inverse temperature of the contrastive logits, at most 100."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    # Inputs of the joint sequence -----------------------------------------------------------------------

    def _queries(self, batch: int) -> Tensor:
        queries: Tensor = self.query_norm(self.queries_QH)
        return queries.expand(batch, -1, -1)

    def _query_mask(self, batch: int) -> Tensor:
        return torch.ones(batch, self.shape.queries, dtype=torch.bool, device=self.queries_QH.device)

    def _text(self, ids_BL: Tensor) -> Tensor:
        embedded: Tensor = self.text_embedding(self.text_embedding.word(ids_BL))
        return embedded

    def _caption(self, ids_BL: Tensor) -> Tensor:
        """The text as it is generated: a start vector of its own where the text has [CLS]."""
        words_BLH = self.text_embedding.word(ids_BL[:, 1:])
        start_B1H = self.caption_start_H.expand(len(ids_BL), 1, -1)
        embedded: Tensor = self.text_embedding(torch.cat([start_B1H, words_BLH], dim=1))
        return embedded

    def _motion_context(self, latents_BSC: Tensor, tokens_mask_BS: Tensor) -> Context:
        context_BSC = self.latent_norm(latents_BSC)
        if self.latent_position is not None:
            context_BSC = context_BSC + self.latent_position.weight[: latents_BSC.shape[1]]
        return Context(context_BSC, tokens_mask_BS)

    # Passes ---------------------------------------------------------------------------------------------

    def encode_motion(self, latents_BSC: Tensor, tokens_mask_BS: Tensor) -> Tensor:
        """Return query states (B, Q, H): the language-informative motion features."""
        batch, queries = len(latents_BSC), self.shape.queries
        mask = attention_mask([("queries", self._query_mask(batch))], CONTRASTIVE)
        context = self._motion_context(latents_BSC, tokens_mask_BS)
        return self._run(self._queries(batch), mask, queries, queries, context)

    def encode_text(self, ids_BL: Tensor, words_mask_BL: Tensor) -> Tensor:
        """Return text states (B, L, H): the motion-informative text features."""
        mask = attention_mask([("text", words_mask_BL)], CONTRASTIVE)
        return self._run(self._text(ids_BL), mask, 0, 0, None)

    def condition(self, ids_BL: Tensor, words_mask_BL: Tensor) -> Tensor:
        """Return queries (B, Q, H) that cross-attended the contextual text states (appendix A.3.3)."""
        text_BLH = self.encode_text(ids_BL, words_mask_BL)
        return self.ground_queries(self.text_to_context(text_BLH), words_mask_BL)

    def ground_queries(self, context_BLC: Tensor, words_mask_BL: Tensor) -> Tensor:
        """Return queries (B, Q, H) that cross-attended text states projected to the width of the latents."""
        batch, queries = len(context_BLC), self.shape.queries
        mask = attention_mask([("queries", self._query_mask(batch))], MOTION_GENERATION)
        context = Context(context_BLC, words_mask_BL)
        return self._run(self._queries(batch), mask, queries, queries, context)

    def _run(
        self, hidden_BXH: Tensor, mask_BXX: Tensor, stream: int, queries: int, context: Context | None
    ) -> Tensor:
        states: Tensor = self.transformer(hidden_BXH, mask_BXX, stream, queries, context)
        return states

    def encode_pairs(
        self, pairs: Pairs, captioned: int | None = None, groups: int = 1
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return query states, text states and caption states of one pass over [queries | text | caption].

        The masks keep queries and text apart (contrastive) and let the caption see the queries and what is
        earlier in itself (text generation), so that one pass serves both objectives exactly.

        Args:
            pairs: B motions and captions.
            captioned: how many of the first pairs get caption states; all without it.
            groups: passes, each of captions of similar length; states of padding are zero where several.
        """
        captioned = len(pairs.ids_BL) if captioned is None else captioned
        parts = [(pairs.part(slice(captioned)), True), (pairs.part(slice(captioned, None)), False)]
        encoded = [self._encode_groups(part, caption, groups) for part, caption in parts if len(part.ids_BL)]
        queries, texts, captions = zip(*encoded, strict=True)
        return torch.cat(queries), torch.cat(texts), captions[0]

    def _encode_groups(self, pairs: Pairs, caption: bool, groups: int) -> tuple[Tensor, Tensor, Tensor]:
        if groups == 1:
            return self._encode_pairs(pairs, caption)
        rows = length_groups(pairs.words_mask_BL.sum(dim=1), groups)
        encoded = [self._encode_pairs(pairs.unpadded(group), caption) for group in rows]
        queries, texts, captions = zip(*encoded, strict=True)
        words = pairs.ids_BL.shape[1]
        return (
            _joined(queries, rows, self.shape.queries),
            _joined(texts, rows, words),
            _joined(captions, rows, words if caption else 0),
        )

    def _encode_pairs(self, pairs: Pairs, caption: bool) -> tuple[Tensor, Tensor, Tensor]:
        batch, words, queries = *pairs.ids_BL.shape, self.shape.queries
        embedded = [self._queries(batch), self._text(pairs.ids_BL)]
        parts = [("queries", self._query_mask(batch)), ("text", pairs.words_mask_BL)]
        if caption:
            embedded.append(self._caption(pairs.ids_BL))
            parts.append(("caption", pairs.words_mask_BL))
        mask = attention_mask(parts, {**CONTRASTIVE, **TEXT_GENERATION})
        context = self._motion_context(pairs.latents_BSC, pairs.tokens_mask_BS)
        states = self._run(torch.cat(embedded, dim=1), mask, queries, queries, context)
        return states[:, :queries], states[:, queries : queries + words], states[:, queries + words :]

    def match_groups(self, pairs: Pairs, motions_M: Tensor, texts_M: Tensor, groups: int) -> Tensor:
        """Return what `match` does, in passes of captions of similar length; arguments as there."""
        if groups == 1:
            return self.match(pairs, motions_M, texts_M)
        matched = Pairs(
            pairs.latents_BSC[motions_M],
            pairs.tokens_mask_BS[motions_M],
            pairs.ids_BL[texts_M],
            pairs.words_mask_BL[texts_M],
        )
        rows = length_groups(matched.words_mask_BL.sum(dim=1), groups)
        return torch.cat([self.match(matched.unpadded(group)) for group in rows])[torch.cat(rows).argsort()]

    def match(self, pairs: Pairs, motions_M: Tensor | None = None, texts_M: Tensor | None = None) -> Tensor:
        """Return logits (M, 2) of [not matched, matched], averaged over the queries.

        Args:
            pairs: motions and captions.
            motions_M: rows of ``pairs`` whose motion is matched; all rows in turn without it.
            texts_M: rows whose caption it is matched with.
        """
        ids_ML, words_mask_ML = pairs.ids_BL, pairs.words_mask_BL
        if texts_M is not None:
            ids_ML, words_mask_ML = ids_ML[texts_M], words_mask_ML[texts_M]
        count, queries = len(ids_ML), self.shape.queries
        hidden = torch.cat([self._queries(count), self._text(ids_ML)], dim=1)
        parts = [("queries", self._query_mask(count)), ("text", words_mask_ML)]
        mask = attention_mask(parts, MATCHING)
        context = replace(self._motion_context(pairs.latents_BSC, pairs.tokens_mask_BS), rows_B=motions_M)
        states = self._run(hidden, mask, queries, queries, context)
        logits: Tensor = self.matching_head(states[:, :queries].mean(dim=1))
        return logits

    def motion_logits(
        self, text_BLH: Tensor, words_mask_BL: Tensor, codes_BS: Tensor, tokens_mask_BS: Tensor
    ) -> Tensor:
        """Return logits (B, S, K) of the codes, generated from queries that read the text (Eq. 1).

        Autoregressive: position i sees the codes before i. Parallel: it sees no code, only the positions.
        """
        batch, length = codes_BS.shape
        queries = self.shape.queries
        parallel = self.shape.motion_decoding == "parallel"
        start_B1H = self.motion_start_H.expand(batch, 1, -1)
        before = start_B1H.expand(-1, length, -1)
        if not parallel:
            before = torch.cat([start_B1H, self.code_embedding(codes_BS[:, :-1])], dim=1)
        motion_BSH = self.code_norm(before + self.code_position.weight[:length])
        hidden = torch.cat([self._queries(batch), motion_BSH], dim=1)
        parts = [("queries", self._query_mask(batch)), ("motion", tokens_mask_BS)]
        mask = attention_mask(parts, MOTION_GENERATION_PARALLEL if parallel else MOTION_GENERATION)
        # A padded row must see something; it sees the queries, and nothing sees it.
        context = Context(self.text_to_context(text_BLH), words_mask_BL)
        states = self._run(hidden, mask, queries + length, queries, context)
        logits: Tensor = self.motion_head(states[:, queries:])
        return logits

    # Heads ----------------------------------------------------------------------------------------------

    def motion_embedding(self, queries_BQH: Tensor) -> Tensor:
        """Project query states to the contrastive space, (B, Q, P), of length one."""
        return F.normalize(self.motion_projection(queries_BQH), dim=-1)

    def text_embedding_of(self, text_BLH: Tensor, sentences_BW: Tensor | None = None) -> Tensor:
        """Project the [CLS] state to the contrastive space, (B, P), of length one.

        Args:
            text_BLH: states of the captions.
            sentences_BW: their vectors by the frozen sentence encoder that the model reads, which are
                projected too and added; None for a model that reads none.

        Raises:
            ValueError: the model reads vectors and has none, or has them and reads none.
        """
        if (sentences_BW is None) != (self.sentence_projection is None):
            raise ValueError(f"sentence vectors do not go with encoder '{self.shape.sentence_encoder}'")
        projected_BP = self.text_projection(text_BLH[:, 0])
        if self.sentence_projection is not None:
            projected_BP = projected_BP + self.sentence_projection(sentences_BW)
        return F.normalize(projected_BP, dim=-1)

    def word_logits(self, caption_BLH: Tensor) -> Tensor:
        """Return logits (B, L, V) of the next word piece; the output matrix is the word embedding."""
        return F.linear(self.word_transform(caption_BLH), self.text_embedding.word.weight, self.word_bias)


def sinusoids(positions: int, width: int) -> Tensor:
    """Return (positions, width): sines, then cosines, from one radian a position to one over all of them."""
    half = (width + 1) // 2
    radians_A = float(positions) ** (-torch.arange(half) / max(1, half - 1))
    angles_PA = torch.arange(positions)[:, None] * radians_A
    return torch.cat([angles_PA.sin(), angles_PA.cos()], dim=1)[:, :width]


def _joined(states: Sequence[Tensor], rows: Sequence[Tensor], longest: int) -> Tensor:
    """States (G, X, H) of groups of rows in the order of the batch, filled up with zeros, (B, longest, H)."""
    filled = [F.pad(group_GXH, (0, 0, 0, longest - group_GXH.shape[1])) for group_GXH in states]
    return torch.cat(filled)[torch.cat(list(rows)).argsort()]
