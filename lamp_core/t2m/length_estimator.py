"""Length of a motion from its text: 50 bins of four frames over what LaMP says of the text.

Shapes: B batch, P vectors of a text, W their width, A looks.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamp_core.config.models import Length
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.t2m.conditions import Condition, Conditions
from lamp_core.training.model_files import load_weights, read_model_config, read_settings, save_model

LOOKS = 4
"""Weighted means of the words that a length is read from."""


class LengthEstimator(nn.Module):
    """What a text says to a distribution over lengths; bin i stands for i + 1 tokens of four frames."""

    def __init__(self, condition_dim: int, settings: Length) -> None:
        super().__init__()
        self.condition_dim = condition_dim
        self.settings = settings
        looks = LOOKS if settings.reads == "words" else 1
        self.net = nn.Sequential(
            nn.LayerNorm(looks * condition_dim),
            nn.Linear(looks * condition_dim, settings.hidden_dim),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(settings.hidden_dim, settings.hidden_dim),
            nn.GELU(),
            nn.Linear(settings.hidden_dim, settings.bins),
        )
        self.looks = nn.Linear(condition_dim, looks, bias=False) if looks > 1 else None

    def forward(self, condition: Condition) -> Tensor:
        """Return logits over the bins, (B, bins)."""
        states_BPW = condition.states_BPW
        if self.looks is not None:
            scores_BPA = self.looks(states_BPW).masked_fill(~condition.valid_BP[..., None], float("-inf"))
            states_BPW = scores_BPA.softmax(dim=1).mT @ states_BPW
        logits: Tensor = self.net(states_BPW.flatten(1))
        return logits

    def bin_of(self, tokens_B: Tensor) -> Tensor:
        """Return the bin of each length in tokens; longer motions fall into the last."""
        return (tokens_B - 1).clamp(0, self.settings.bins - 1)

    def loss(self, condition: Condition, tokens_B: Tensor) -> Tensor:
        """Return the mean cross entropy of the true lengths' bins."""
        return F.cross_entropy(self(condition), self.bin_of(tokens_B))

    @torch.no_grad()
    def tokens(self, condition: Condition, generator: torch.Generator | None = None) -> Tensor:
        """Return lengths in tokens (B,) by the mode of the settings.

        ``sample`` draws a bin (needs the generator), ``expectation`` rounds the mean, ``argmax`` takes the
        mode.
        """
        share = self(condition).softmax(dim=-1).cpu()
        if self.settings.mode == "sample":
            return torch.multinomial(share, 1, generator=generator).squeeze(1) + 1
        bins: Tensor = share @ torch.arange(1.0, self.settings.bins + 1)
        if self.settings.mode == "argmax":
            bins = share.argmax(dim=-1) + 1
        return bins.round().long()


def length_conditions(settings: Length, lamp: LampFeatures) -> Conditions:
    """Return what gives the vectors that a length is read from."""
    return lamp.word_states if settings.reads == "words" else lamp.query_means


def save_length(folder: Path, model: LengthEstimator) -> None:
    """Write a trained length estimator."""
    config = {"condition_dim": model.condition_dim, "settings": model.settings.model_dump()}
    save_model(folder, model, config)


def load_length(folder: Path) -> LengthEstimator:
    """Load it, in evaluation mode.

    Raises:
        LampError: there is none in ``folder``.
    """
    config = read_model_config(folder)
    settings = read_settings(folder, Length, config["settings"])
    model = LengthEstimator(config["condition_dim"], settings)
    load_weights(folder, model)
    return model.eval().requires_grad_(False)
