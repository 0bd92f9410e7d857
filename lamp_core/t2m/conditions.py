"""What the text says to the masked motion transformer (Table 6)."""

from collections.abc import Callable, Sequence

from torch import Tensor

from lamp_core.config.models import TextToMotion
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.text_encoder import TextEncoder

Conditions = Callable[[Sequence[str]], Tensor]
"""Captions to conditions (N, W) on the CPU."""


def conditions_of(settings: TextToMotion, lamp: LampFeatures) -> Conditions:
    """Return what gives the conditions that ``t2m.condition`` names.

    ``queries``: the mean of LaMP's queries that read the text (the paper's choice); ``text``: the [CLS] state
    of LaMP's text transformer; ``text_encoder``: the frozen encoder ``t2m.text_encoder``, without LaMP.

    Raises:
        LampError: the text encoder is not to be had.
    """
    if settings.condition == "queries":
        return lamp.conditions
    if settings.condition == "text":
        return lamp.text_states
    return TextEncoder.load(settings.text_encoder, lamp.device)
