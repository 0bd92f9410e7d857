"""Search for captions: beams, or a draw from the likeliest words.

Soft tokens and prompt of shorter motions are padded in front, where nothing is seen.
Shapes: B batch, X soft tokens and prompt, E width of the word embeddings, L word pieces.
"""

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lamp_core.config.captioning import CaptionSearch
from lamp_core.errors import LampError
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.soft_tokens import MotionStates


@dataclass(frozen=True)
class Search:
    """How a caption is searched for.

    Args:
        kind: ``beam`` keeps the likeliest hypotheses; ``nucleus`` draws each word from the likeliest ones.
        beams: hypotheses kept a step.
        length_penalty: a hypothesis' log probability is divided by its length to this power.
        top_p: share of the distribution that nucleus sampling draws from.
        temperature: of that distribution.
        seed: of the draws; same seed and motions, same captions.
        max_text_tokens: most word pieces of a caption; those of the configuration without it.
    """

    kind: Literal["beam", "nucleus"] = "beam"
    beams: int = 5
    length_penalty: float = 1.0
    top_p: float = 0.9
    temperature: float = 1.0
    seed: int = 0
    max_text_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("beam", "nucleus"):
            raise LampError(f"unknown search '{self.kind}'; known: beam, nucleus")
        if self.beams < 1:
            raise LampError(f"{self.beams} beams asked for; at least 1")
        if not 0 < self.top_p <= 1:
            raise LampError(f"top_p {self.top_p:g} is no share; it lies above 0 and is at most 1")
        if self.temperature <= 0:
            raise LampError(f"the temperature {self.temperature:g} is not above 0")
        if self.max_text_tokens is not None and self.max_text_tokens < 1:
            raise LampError(f"{self.max_text_tokens} word pieces asked for; at least 1")

    @classmethod
    def of(cls, settings: CaptionSearch, seed: int = 0) -> "Search":
        """The search that the configuration names (section ``m2t.search``)."""
        return cls(**settings.model_dump(), seed=seed)


@torch.no_grad()
def search_captions(model: MotionCaptioner, states: MotionStates, search: Search) -> list[str]:
    """Return a caption of each motion of a batch.

    Args:
        model: in evaluation mode.
        states: of the motions.
        search: how; the draws of nucleus sampling begin with its seed.
    """
    prefix_BXE, seen_BX = model.prefix(states)
    how = generation_config(search, model.words.end, model.words.padding, model.settings.max_text_tokens)
    with torch.random.fork_rng(devices=[prefix_BXE.device] if prefix_BXE.is_cuda else []):
        torch.manual_seed(search.seed)
        ids_BL = model.language.generate(  # type: ignore[operator]
            inputs_embeds=prefix_BXE,
            attention_mask=seen_BX.long(),
            past_key_values=read_prefix(model.language, prefix_BXE, seen_BX, how.num_beams or 1),
            generation_config=how,
        )
    return [model.words.text(ids) for ids in ids_BL.tolist()]


def read_prefix(language: nn.Module, prefix_BXE: Tensor, seen_BX: Tensor, beams: int) -> Any:
    """Return a cache of the prefix but its last position, computed once a motion and repeated for its beams.

    Left to itself, `generate` computes the whole prefix of every beam. The last position it still computes:
    its logits are those of the first word.
    """
    base: Any = language.get_base_model()  # type: ignore[operator]
    before = {"inputs_embeds": prefix_BXE[:, :-1], "attention_mask": seen_BX[:, :-1].long()}
    told = {"position_ids": (seen_BX[:, :-1].cumsum(dim=1) - 1).clamp(min=0), "logits_to_keep": 1}
    known = inspect.signature(base.forward).parameters
    known_told = {name: value for name, value in told.items() if name in known}
    cache = language(**before, **known_told, use_cache=True).past_key_values
    cache.batch_repeat_interleave(beams)
    return cache


def generation_config(search: Search, end: int, padding: int, longest: int) -> Any:
    """A search as transformers is told of it.

    Args:
        search: how.
        end: word that ends a text.
        padding: word that stands behind it.
        longest: most words of a text.
    """
    from transformers import GenerationConfig

    common = {
        "max_new_tokens": min(search.max_text_tokens or longest, longest),
        "eos_token_id": end,
        "pad_token_id": padding,
        "renormalize_logits": True,
    }
    if search.kind == "nucleus":
        drawn = {"do_sample": True, "top_p": search.top_p, "top_k": 0, "temperature": search.temperature}
        return GenerationConfig(**common, **drawn)
    how: dict[str, Any] = {"num_beams": search.beams, "do_sample": False}
    if search.beams > 1:
        how |= {"length_penalty": search.length_penalty, "early_stopping": "never"}
    return GenerationConfig(**common, **how)
