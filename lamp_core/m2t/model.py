"""LaMP-M2T: queries as soft tokens before the prompt of a frozen language model with LoRA (section 3.4).

Shapes: B batch, S motion tokens, C code width, Q queries, H width of LaMP, E width of the language model's
word embeddings, P word pieces of the prompt, X = Q + P, L word pieces of a caption, V vocabulary.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lamp_core.config.base import FROM_SCRATCH
from lamp_core.config.captioning import MotionToText
from lamp_core.datasets.items import length_batches, mask_of, pad
from lamp_core.errors import LampError
from lamp_core.lamp.model import LaMP
from lamp_core.m2t.language_model import STAGE, CausalModel
from lamp_core.m2t.words import PromptedWords
from lamp_core.motion_language.segments import SegmentBatch, embed, next_token_logits
from lamp_core.training.partly_trained import PartlyTrained

BATCH_TOKENS = 4096
MOTION_SIDE = ("queries_QH", "query_norm", "latent_norm")
MOTION_LAYERS = ("attention", "attention_norm", "cross", "cross_norm", "query_feed_forward", "query_norm")
"""Parts of LaMP, and of each of its blocks, that a motion passes on its way to the query states."""
PROJECTIONS = (
    ("q_proj", "k_proj", "v_proj", "out_proj"),
    ("q_proj", "k_proj", "v_proj", "o_proj"),
    ("c_attn",),
    ("query_key_value",),
    ("qkv_proj", "o_proj"),
)
"""Attention projections as OPT names them; LLaMA, Mistral, Qwen; GPT-2; NeoX, BLOOM, Falcon; Phi-3."""


class MotionCaptioner(PartlyTrained):
    """Motion transformer, projection, and language model with LoRA.

    Its state is what is trained, and nothing else: LoRA, the projection, and the motion transformer when it
    is trained along. Checkpoints are small whatever the language model is.

    Args:
        language: model with LoRA (`with_lora`).
        lamp: pretrained.
        words: prompt and captions as word pieces of that model.
        settings: section ``m2t``.
    """

    def __init__(self, language: nn.Module, lamp: LaMP, words: PromptedWords, settings: MotionToText) -> None:
        super().__init__()
        self.settings, self.words = settings, words
        self.language = language
        self.lamp = lamp.requires_grad_(False)
        for parameter in motion_parameters(lamp).values() if settings.train_motion_transformer else ():
            parameter.requires_grad_(True)
        embeddings = self.word_embedding.weight
        self.projection = nn.Linear(lamp.shape.hidden_dim, embeddings.shape[1], device=embeddings.device)
        self._start_among_words()
        self.note_trained()

    @torch.no_grad()
    def _start_among_words(self) -> None:
        """Let the soft tokens of normalised query states be as large as word embeddings from the start."""
        spread = float(self.word_embedding.weight[: self.word_embedding.num_embeddings].float().std())
        nn.init.normal_(self.projection.weight, std=spread / self.lamp.shape.hidden_dim**0.5)
        nn.init.zeros_(self.projection.bias)

    @property
    def word_embedding(self) -> nn.Embedding:
        """The language model's own."""
        embedding: nn.Embedding = self.language.get_input_embeddings()  # type: ignore[operator]
        return embedding

    def train(self, mode: bool = True) -> "MotionCaptioner":
        """Dropout in what is trained, and in the language model around LoRA; none in a frozen LaMP."""
        super().train(mode)
        if not self.settings.train_motion_transformer:
            self.lamp.eval()
        return self

    def query_states(self, latents_BSC: Tensor, tokens_mask_BS: Tensor) -> Tensor:
        """Return the states of the queries that read the motion, (B, Q, H)."""
        return self.lamp.encode_motion(latents_BSC, tokens_mask_BS)

    def sequences(self, pieces: Sequence[Sequence[int]]) -> SegmentBatch:
        """Return [soft tokens | begin, prompt | caption, end] of captions as word pieces, on the device."""
        device = self.projection.weight.device
        return self.words.sequences(pieces, self.lamp.shape.queries).to(device)

    def prefix(self, queries_BQH: Tensor) -> Tensor:
        """Return [soft tokens | begin, prompt] as embeddings (B, X, E): what a caption continues."""
        return self.embedded(queries_BQH, self.sequences([()] * len(queries_BQH)))

    def embedded(self, queries_BQH: Tensor, batch: SegmentBatch) -> Tensor:
        """Return sequences as embeddings (B, X, E), the queries of the motions as soft tokens."""
        return embed(batch, self.word_embedding, self.projection(queries_BQH))

    def forward(self, queries_BQH: Tensor, batch: SegmentBatch) -> Tensor:
        """Return logits (B, L, V) of each word piece of the captions, given what stands before it.

        Args:
            queries_BQH: query states of the motions.
            batch: their captions (`sequences`).
        """
        return next_token_logits(self.language, batch, self.projection(queries_BQH))


@torch.no_grad()
def query_states(model: MotionCaptioner, latents: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return the query states (N, Q, H) of motions given by latents (S, C), on the CPU."""
    shape = model.lamp.shape
    states_NQH = torch.zeros(len(latents), shape.queries, shape.hidden_dim)
    for batch in length_batches([len(latents_SC) for latents_SC in latents], BATCH_TOKENS):
        latents_BSC, lengths_B = pad([latents[item] for item in batch])
        mask_BS = mask_of(lengths_B, latents_BSC.shape[1])
        states_NQH[batch] = model.query_states(latents_BSC.to(device), mask_BS.to(device)).float().cpu()
    return states_NQH


def with_lora(base: CausalModel, settings: MotionToText) -> nn.Module:
    """Return the frozen language model with LoRA on its attention projections, by peft.

    Raises:
        LampError: the model has no attention projections of a known name, or none of the given names.
    """
    from peft import LoraConfig, get_peft_model

    targets = list(settings.target_modules or attention_projections(base.model))
    how = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets,
    )
    try:
        with quiet_peft():
            adapted: nn.Module = get_peft_model(prepare_base(base, settings), how)
            return adapted
    except ValueError as error:
        raise LampError(f"m2t.target_modules {targets}: {str(error).splitlines()[0]}") from error


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Without what peft makes transformers say about names that will change: nobody here can act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def prepare_base(base: CausalModel, settings: MotionToText) -> Any:
    """Return the language model as LoRA is put into it: named, and with the memory it is allowed."""
    named = f"data/{STAGE}" if base.checkpoint == FROM_SCRATCH else base.checkpoint
    base.model.name_or_path = named  # stands in the adapter's file
    if settings.gradient_checkpointing:
        base.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return base.model


def attention_projections(model: nn.Module) -> tuple[str, ...]:
    """Return the names of a model's attention projections.

    Raises:
        LampError: none of the known names is there.
    """
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    for known in PROJECTIONS:
        if names.issuperset(known):
            return known
    raise LampError(
        f"the attention projections of {type(model).__name__} have unknown names; give m2t.target_modules"
    )


def motion_parameters(lamp: LaMP) -> dict[str, nn.Parameter]:
    """Return the parameters of LaMP's motion transformer by name."""
    return {
        name: parameter
        for name, parameter in lamp.named_parameters()
        if name.split(".")[0] in MOTION_SIDE
        or (name.startswith("transformer.blocks.") and name.split(".")[3] in MOTION_LAYERS)
    }
