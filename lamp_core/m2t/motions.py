"""What the captioner reads of motions: LaMP's query states, and the tokenizer's latents where these are read.

Shapes: N motions, B batch, S motion tokens, C code width, Q queries, H width of LaMP.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lamp_core.datasets.items import length_batches, mask_of, pad
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.soft_tokens import MotionStates, soft_latents

BATCH_TOKENS = 4096


@dataclass(frozen=True)
class Motions:
    """Motions by their latents, read in batches.

    Args:
        model: whose queries read them.
        latents: (S, C) of each, of the frozen tokenizer.
        queries_NQH: what the queries read, on the CPU; None where each batch is read anew, since the motion
            transformer changes.
    """

    model: MotionCaptioner
    latents: Sequence[Tensor]
    queries_NQH: Tensor | None

    @classmethod
    def read(cls, model: MotionCaptioner, latents: Sequence[Tensor], *, is_fixed: bool = True) -> "Motions":
        """Motions that the queries have read once and for all, unless ``is_fixed`` is false."""
        return cls(model, latents, query_states(model, latents) if is_fixed else None)

    @property
    def soft_latents_N(self) -> np.ndarray:
        """How many soft tokens the latents of each motion are."""
        settings = self.model.settings
        return np.array([soft_latents(len(latents_SC), settings) for latents_SC in self.latents])

    def states(self, motions_B: Sequence[int] | np.ndarray) -> MotionStates:
        """What the language model is given of some motions, on the model's device."""
        latents_BSC, lengths_B = pad([self.latents[motion] for motion in motions_B])
        latents_BSC = latents_BSC.to(self.model.device)
        mask_BS = mask_of(lengths_B, latents_BSC.shape[1]).to(self.model.device)
        if self.queries_NQH is not None:
            queries_BQH = self.queries_NQH[np.asarray(motions_B)].to(self.model.device)
        else:
            queries_BQH = self.model.query_states(latents_BSC, mask_BS)
        return MotionStates(queries_BQH, latents_BSC, mask_BS)


@torch.no_grad()
def query_states(model: MotionCaptioner, latents: Sequence[Tensor]) -> Tensor:
    """Return the query states (N, Q, H) of motions given by latents (S, C), on the CPU."""
    shape = model.lamp.shape
    states_NQH = torch.zeros(len(latents), shape.queries, shape.hidden_dim)
    for batch in length_batches([len(latents_SC) for latents_SC in latents], BATCH_TOKENS):
        latents_BSC, lengths_B = pad([latents[item] for item in batch])
        mask_BS = mask_of(lengths_B, latents_BSC.shape[1])
        read = model.query_states(latents_BSC.to(model.device), mask_BS.to(model.device))
        states_NQH[batch] = read.float().cpu()
    return states_NQH
