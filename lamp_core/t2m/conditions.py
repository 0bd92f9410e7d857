"""What the text says to the masked motion transformer (Table 6).

Shapes: B texts, M captions, P vectors of a text, W their width, H width of LaMP, F vectors of all captions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.models import TextToMotion
from lamp_core.datasets.items import mask_of, pad
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.model import LaMP
from lamp_core.lamp.text_encoder import TextEncoder

Conditions = Callable[[Sequence[str]], list[Tensor]]
"""Captions to their vectors (P, W), on the CPU."""


@dataclass(frozen=True)
class Condition:
    """What texts say: the states of their words, or one vector each.

    Args:
        states_BPW: zero behind a text's own vectors.
        valid_BP: false there; the first is always true.
    """

    states_BPW: Tensor
    valid_BP: Tensor

    @classmethod
    def of(cls, texts: Sequence[Tensor]) -> "Condition":
        """Pad the vectors (P, W) of texts."""
        states_BPW, counts_B = pad(texts)
        return cls(states_BPW, mask_of(counts_B, states_BPW.shape[1]))

    def heard(self, conditioned_B: Tensor) -> Tensor:
        """Return which vectors (B, P) count: a text's own, or the first alone, which stands for no text.

        Where a text is left out, nothing is to tell how many words it has: without a text there is one.

        Args:
            conditioned_B: false where an item goes without its text.
        """
        is_first_P = torch.arange(self.valid_BP.shape[1], device=self.valid_BP.device) == 0
        return self.valid_BP & (conditioned_B[:, None] | is_first_P)

    def rows(self, rows: Sequence[int] | Tensor) -> "Condition":
        """Return some of the texts."""
        return Condition(self.states_BPW[rows], self.valid_BP[rows])

    def repeat(self, times: int) -> "Condition":
        """Return the texts several times over."""
        return Condition(self.states_BPW.repeat(times, 1, 1), self.valid_BP.repeat(times, 1))

    def to(self, device: torch.device) -> "Condition":
        """Return the texts on a device."""
        return Condition(self.states_BPW.to(device), self.valid_BP.to(device))


class ConditionTable:
    """Conditions of all captions side by side on the device, behind one row of zeros that stands for padding.

    Args:
        texts: vectors (P, W) of every caption.
        device: where the conditions are wanted.
    """

    def __init__(self, texts: Sequence[Tensor], device: torch.device) -> None:
        self.states_FW = torch.cat([torch.zeros_like(texts[0][:1]), *texts]).to(device)
        self.counts_M = torch.tensor([len(states_PW) for states_PW in texts])
        self.first_M = 1 + self.counts_M.cumsum(0) - self.counts_M

    def pick(self, captions_B: Tensor) -> Condition:
        """Return the conditions of some captions."""
        device, counts_B = self.states_FW.device, self.counts_M[captions_B]
        valid_BP = mask_of(counts_B.to(device), int(counts_B.max()))
        within_P = torch.arange(valid_BP.shape[1], device=device)
        rows_BP = (self.first_M[captions_B].to(device)[:, None] + within_P) * valid_BP
        return Condition(F.embedding(rows_BP, self.states_FW), valid_BP)


class QueryReader(nn.Module):
    """LaMP's queries as they read a text, through a projection of text to motion's own.

    The projection from word states to what the queries cross-attend starts from LaMP's and is trained along;
    the rest of LaMP is frozen, and no part of this module's state.

    Args:
        lamp: pretrained and frozen.
    """

    def __init__(self, lamp: LaMP) -> None:
        super().__init__()
        self.projection = nn.Linear(lamp.shape.hidden_dim, lamp.shape.code_dim)
        self.projection.load_state_dict(lamp.text_to_context.state_dict())
        self._frozen = [lamp]  # in a list, so that it is no submodule

    def forward(self, words: Condition) -> Condition:
        """Return the states of the queries, (B, Q, H)."""
        queries_BQH = self._frozen[0].ground_queries(self.projection(words.states_BPW), words.valid_BP)
        valid_BQ = torch.ones(queries_BQH.shape[:2], dtype=torch.bool, device=queries_BQH.device)
        return Condition(queries_BQH, valid_BQ)


@runtime_checkable
class OwnReader(Protocol):
    """Conditions of a text encoder that is not LaMP's: it tells what it does not read of a prompt."""

    def losses(self, prompt: str) -> list[str]:
        """A line for the words of a prompt that are unknown, and one for what is cut, where there are any."""

    def __call__(self, captions: Sequence[str]) -> list[Tensor]:
        """Captions to their vectors (P, W)."""


@dataclass(frozen=True)
class EncoderConditions:
    """One vector of a frozen text encoder for each caption.

    Args:
        encoder: reads the captions.
    """

    encoder: TextEncoder

    def losses(self, prompt: str) -> list[str]:
        """What of a prompt the encoder does not know or does not read."""
        return self.encoder.losses(prompt)

    def __call__(self, captions: Sequence[str]) -> list[Tensor]:
        """Return the vectors (1, W)."""
        return list(self.encoder.embeddings(captions)[:, None])


class RememberedConditions:
    """Conditions that read a caption once, however often it is asked for.

    Args:
        conditions: that read it.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._known: dict[str, Tensor] = {}

    def __call__(self, captions: Sequence[str]) -> list[Tensor]:
        """Captions to their vectors (P, W), on the CPU."""
        new = [caption for caption in dict.fromkeys(captions) if caption not in self._known]
        self._known |= dict(zip(new, self._conditions(new) if new else [], strict=True))
        return [self._known[caption] for caption in captions]


def reader_of(settings: TextToMotion, lamp: LaMP) -> QueryReader | None:
    """Return what lets the queries read the words, where all of them are the condition."""
    return QueryReader(lamp) if settings.condition == "all_queries" else None


def conditions_of(settings: TextToMotion, lamp: LampFeatures, data: Path) -> Conditions:
    """Return what gives the vectors that ``t2m.condition`` starts from.

    ``queries``: the mean of LaMP's queries that read the text (the paper's choice); ``all_queries``: LaMP's
    word states, which a `QueryReader` lets the queries read; ``words``: the same, as they are;
    ``queries_and_words``: the mean of the queries, then the words; ``text``: the first word state, [CLS],
    alone; ``text_encoder``: one vector of the frozen encoder ``t2m.text_encoder``, without LaMP; ``lexical``:
    the words that the frozen lexical text encoder says, as one vector.

    Args:
        settings: section ``t2m``.
        lamp: frozen.
        data: the project's data folder, where the lexical model is.

    Raises:
        LampError: the text encoder is not to be had.
    """
    if settings.condition == "text_encoder":
        return EncoderConditions(TextEncoder.load(settings.text_encoder, lamp.device))
    if settings.condition == "lexical":
        # By name: under another condition lexical code changes nothing, and must not make a stage stale;
        # under this one, `t2m.reading_code` makes what reads the condition depend on all of it.
        lexical = import_module("lamp_core.lexical.condition")
        conditions: Conditions = lexical.LexicalConditions.load(data / settings.read_from, lamp.device)
        return conditions
    if settings.condition == "queries":
        return lamp.query_means
    if settings.condition == "queries_and_words":
        return lamp.query_mean_and_words
    if settings.condition == "text":
        return lambda captions: [states_LH[:1] for states_LH in lamp.word_states(captions)]
    return lamp.word_states
