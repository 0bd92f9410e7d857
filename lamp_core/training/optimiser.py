"""AdamW with decay on matrices only, and the learning rate as a function of the step."""

import math

import torch
from torch import nn

from lamp_core.config.models import Optimisation


def make_optimiser(module: nn.Module, settings: Optimisation) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; biases, norms and single vectors do not decay."""
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(settings.beta_1, settings.beta_2),
    )


def learning_rate(step: int, settings: Optimisation) -> float:
    """Learning rate of a step (from 0): linear warm-up, then constant or cosine to the final rate."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    if settings.schedule == "constant":
        return settings.learning_rate
    progress = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    share = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return settings.final_learning_rate + share * (settings.learning_rate - settings.final_learning_rate)
