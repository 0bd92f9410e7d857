"""Small trainings of every model, alike in any number of processes.

``torchrun --nproc-per-node 2 -m tests.unit.training.jobs OUT.json`` writes their curves.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lamp_core.config.models import (
    Evaluator,
    Length,
    Optimisation,
    Pretrain,
    TextBackbone,
    TextToMotion,
    Tokenizer,
)
from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.evaluators.guo_training import train_guo
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.lamp.training import PretrainItem, train_lamp
from lamp_core.t2m.length_training import train_length
from lamp_core.t2m.token_table import MotionText
from lamp_core.t2m.training import train_t2m
from lamp_core.tokenizers.training import ValidationClips, train_tokenizer
from lamp_core.training.batches import BatchSampler
from lamp_core.training.distribution import is_first, process_group
from lamp_core.training.log import OnLog
from lamp_core.training.loop import fit
from lamp_core.training.validation import Validation

CPU = torch.device("cpu")
VERBS = ("walks", "runs", "jumps", "kicks", "turns")
STEPS = Optimisation(
    steps=6,
    batch_size=8,
    learning_rate=1e-3,
    warmup_steps=2,
    accumulate=2,
    ema_decay=0.9,
    validate_every=3,
)

EVERY_STEP = {"log_every": 1}

Curve = list[tuple[int, Mapping[str, float]]]


def train_every_model() -> dict[str, Curve]:
    """Return the numbers that each training logged, step by step."""
    curves: dict[str, Curve] = {}
    for job in (_net, _lamp, _t2m, _length, _evaluator, _tokenizer, _grid_tokenizer):
        curve = curves[job.__name__.strip("_")] = []
        job(lambda step, scalars, curve=curve: curve.append((step, dict(scalars))))
    return curves


def without_dropout(dropout: nn.Module, values: Tensor) -> Tensor:
    """What `nn.Dropout` does here: its numbers are each process's own."""
    return values


def _texts(index: int) -> tuple[str, ...]:
    return (f"a person {VERBS[index % 5]} {'slowly ' * (index % 3)}", f"someone {VERBS[index % 5]} {index}")


def _codes(index: int) -> Tensor:
    return torch.arange(index, index + 3 + index % 5) % 12


def _net(on_log: OnLog) -> None:
    """Batch statistics as a buffer, a part that some steps do not use, and best weights put back."""
    torch.manual_seed(0)
    net = nn.ModuleDict({"used": nn.Linear(4, 3), "often": nn.Linear(3, 3), "never": nn.Linear(3, 3)})
    net.register_buffer("seen", torch.tensor(False))
    data_N4 = torch.randn(30, 4)
    sampler = BatchSampler.of(len(data_N4), STEPS)

    def losses(number: int) -> dict[str, Tensor]:
        hidden = net["used"](data_N4[sampler.indices(number)])
        if number % 3:
            hidden = net["often"](hidden.relu())
        return {"loss": (hidden - 1).square().mean()}

    def measure() -> dict[str, float]:
        return {"val_loss": float(net["used"](data_N4).detach().square().mean())}

    fit(net, losses, STEPS, on_log=on_log, validate=Validation(measure, "val_loss", "higher"))
    on_log(STEPS.steps, measure())


def _lamp(on_log: OnLog) -> None:
    settings = Pretrain(
        backbone=TextBackbone(checkpoint="from-scratch", layers=2, hidden_dim=16, heads=2),
        queries=3,
        projection_dim=8,
        max_text_tokens=12,
        dropout=0.0,
        grounded_share=0.5,
        training=STEPS,
    )
    draws = torch.Generator().manual_seed(0)
    items = [
        PretrainItem(f"clip{i}", torch.randn(len(_codes(i)), 6, generator=draws), _codes(i), _texts(i))
        for i in range(20)
    ]
    train_lamp(items, settings, 12, device=CPU, validation=lambda features: {"val_rsum": 1.0}, on_log=on_log)


def _t2m(on_log: OnLog) -> None:
    settings = TextToMotion(
        layers=1, heads=2, hidden_dim=16, feed_forward_dim=16, dropout=0.0, training=STEPS
    )
    draws = torch.Generator().manual_seed(0)
    items = [MotionText(_codes(i), list(torch.randn(2, 3, 6, generator=draws))) for i in range(20)]
    train_t2m(items, settings, 12, 10, device=CPU, validation=items[:5], on_log=on_log)


def _length(on_log: OnLog) -> None:
    draws = torch.Generator().manual_seed(0)
    conditions = list(torch.randn(40, 3, 6, generator=draws))
    tokens = [1 + i % 9 for i in range(20)]
    owners_N = torch.arange(40) // 2
    train_length(
        conditions,
        owners_N,
        tokens,
        Length(bins=10, hidden_dim=8, reads="words", training=STEPS),
        device=CPU,
        validation=(conditions, torch.tensor(tokens)[owners_N]),
        on_log=on_log,
    )


def _evaluator(on_log: OnLog) -> None:
    settings = Evaluator(
        movement_dim=8, hidden_dim=8, text_hidden_dim=8, word_dim=8, embedding_dim=8, training=STEPS
    )
    draws = np.random.default_rng(0)
    items = [
        Item(
            f"clip{i}",
            0,
            draws.normal(size=(8 + 4 * (i % 4), 263)).astype(np.float32),
            tuple(Caption(text, tuple(text.split()), ("NOUN",) * len(text.split())) for text in _texts(i)),
        )
        for i in range(20)
    ]
    statistics = FeatureStatistics(np.zeros(263, np.float32), np.ones(263, np.float32))
    train_guo(items, statistics, settings, validation=items[:9], on_log=on_log)


def _tokenizer(on_log: OnLog) -> None:
    settings = Tokenizer(
        kind="rvq",
        quantiser_layers=3,
        quantiser_dropout=0.5,
        hidden_dim=8,
        code_dim=8,
        codebook_size=8,
        residual_depth=1,
        window_frames=16,
        training=STEPS,
    )
    _train_tokenizer(settings, on_log)


def _grid_tokenizer(on_log: OnLog) -> None:
    """Its entropy penalty is of the whole batch, whatever a process has of it."""
    settings = GridTokenizer(
        codebook_size=256,
        part_dim=8,
        residual_depth=1,
        inverse_temperature=5.0,
        window_frames=16,
        training=STEPS,
    )
    _train_tokenizer(settings, on_log)


def _train_tokenizer(settings: Tokenizer | GridTokenizer, on_log: OnLog) -> None:
    draws = np.random.default_rng(0)
    clips = [draws.normal(size=(20 + i, 263)).astype(np.float32) for i in range(20)]
    train_tokenizer(clips, settings, device=CPU, validation=ValidationClips(clips[:3]), on_log=on_log)


if __name__ == "__main__":
    torch.set_num_threads(1)
    nn.Dropout.forward = without_dropout
    fit.__kwdefaults__.update(EVERY_STEP)
    with process_group(CPU):
        found = train_every_model()
        if is_first():
            Path(sys.argv[1]).write_text(json.dumps(found))
