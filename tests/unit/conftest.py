"""Small models and data that several unit tests share."""

import pytest
import torch

from lamp_core.config.models import Optimisation


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def few_steps() -> Optimisation:
    """Twelve steps with a checkpoint every four."""
    return Optimisation(
        steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, checkpoint_every=4, schedule="cosine"
    )
