"""Randomness of training, as a function of (seed, step).

Nothing random has a history: step 700 draws the same crops, masks and dropout whether the run came there in
one go or was resumed at 650. That is what makes a resumed run equal to an uninterrupted one.

Nor does it depend on how many processes train: each of them draws for the whole batch, as one process would,
and takes its share.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lamp_core.training.distribution import is_shared, rank


def seed_everything(*parts: int) -> None:
    """Seed every generator (Python, NumPy, torch on the CPU and on CUDA) from the given numbers."""
    seed = int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed % 2**63)
    if torch.cuda.is_available():  # torch.manual_seed asks every kind of device, half a millisecond a step
        torch.cuda.manual_seed_all(seed % 2**63)


@contextmanager
def repeatable() -> Iterator[None]:
    """Let every sum be added in one order, whatever the threads do, until the block ends.

    Two threads of the CPU otherwise add the gradients of picked rows (``states[index]``) in the order in
    which they come, and two runs of one seed part after a few steps.
    """
    before = torch.are_deterministic_algorithms_enabled()
    deterministic: Any = torch.utils.deterministic  # its property has no type
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = deterministic.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.use_deterministic_algorithms(True, warn_only=True)
    deterministic.fill_uninitialized_memory = False  # memory is written before it is read
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        deterministic.fill_uninitialized_memory = fills


def draw_apart() -> None:
    """Let each process draw numbers of its own in the rest of a step: dropout.

    What is drawn for the whole batch comes before. One process goes on as it was.
    """
    if is_shared():
        seed_everything(int(torch.randint(2**62, ())), rank())
