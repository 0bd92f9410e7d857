"""Parameters and environment of the checks: short trainings, without what would hide a difference."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lamp_core.config import Config

SMALL = (
    *("ingest.clips=96", "evaluator.minilm.trained=false"),
    *("tokenizer.kind=rvq", "tokenizer.quantiser_layers=2"),
)
"""Few clips; no second evaluator, whose frozen sentence encoder takes seconds on a CPU; two codebooks, one of
which is filled."""
BATCH = 8
NEVER = 1_000_000
"""Steps; no training here is so long."""


def shortened(config: Config, steps: int, *, checkpoint_every: int = NEVER, **training: Any) -> Config:
    """Return the configuration with so few steps in every training, and no validation.

    Args:
        config: of a profile.
        steps: of every training.
        checkpoint_every: steps between checkpoints.
        training: what else is to be in every ``training``.
    """
    changes = {
        "steps": steps,
        "warmup_steps": 0,  # the first steps are to move the weights
        "validate_every": 0,
        "checkpoint_every": checkpoint_every,
        **training,
    }
    return Config.model_validate(
        _changed(
            config.model_dump(),
            lambda values: changes if "batch_size" in values and "steps" in values else {},
        )
    )


def without_dropout(config: Config) -> Config:
    """Return the configuration without dropout in any network, whose numbers each device draws by itself."""
    off = ("dropout", "lora_dropout")
    return Config.model_validate(
        _changed(config.model_dump(), lambda values: {name: 0.0 for name in off if name in values})
    )


def _changed(values: Mapping[str, Any], changes: Any) -> dict[str, Any]:
    """Nested values with the changes that each level asks for."""
    below = {
        name: _changed(value, changes) if isinstance(value, Mapping) else value
        for name, value in values.items()
    }
    return below | changes(below)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Inside, these variables of the environment are so; afterwards as before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
