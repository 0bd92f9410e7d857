"""How fast the models train and generate at the papers' sizes: ``python -m benchmarks.models``.

Each row has the arithmetic floor beside it: the floating-point operations of the same work over the rate at
which this process multiplies float32 matrices. Operations of the tokenizer and of pretraining are counted by
torch as they run; those of the masked transformer are the nominal ones of all positions, since fused
attention is hidden from the counter, and positions that are left out are ours to leave out. The
public figures are those of public code on two cores of this kind of machine (about 150 GFLOP/s), as multiples
of that code's own floor.
Shapes: B batch, T frames, S motion tokens, C code width, L word pieces.
"""

import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lamp_core.config.models import Optimisation, Pretrain, TextToMotion, Tokenizer
from lamp_core.lamp.model import LaMP, LaMPShape
from lamp_core.lamp.objectives import pretraining_losses
from lamp_core.lamp.text import TextTokenizer, train_vocabulary
from lamp_core.lamp.training import PretrainBatches, PretrainItem
from lamp_core.t2m.conditions import Condition
from lamp_core.t2m.sampler import Sampling, sample_tokens
from lamp_core.t2m.token_masks import mask_tokens
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.vqvae import VQVAE
from lamp_core.training.optimiser import make_optimiser
from tasks.system import resources

MATRIX = 2048
TOKENS = 49
CODES = 512
CODE_DIM = 512
PAPER = TextToMotion()
STEPS = PAPER.sampling_steps
ROUNDS = 5
PUBLIC_SECONDS = {
    "tokenizer_step": 64 / 36,
    "pretrain_step": 2.8,
    "t2m_step": 2.65,
    "generate_1": 0.53,
    "generate_32": 6.9,
}
PUBLIC_FLOORS = {
    "tokenizer_step": 1.25,
    "pretrain_step": 1.64,
    "t2m_step": 1.5,
    "generate_1": 2.7,
    "generate_32": 1.36,
}
"""Seconds, and multiples of the floor, of public code; the aim is 1.25 floors and less."""

Step = Callable[[], object]


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of a step or of a generation, and how many floors that is."""
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    tokenizer, pretrain = _tokenizer_step(device), _pretrain_step(device)
    works: dict[str, tuple[Step, int, float]] = {
        "tokenizer_step": (tokenizer, 64, counted(tokenizer)),
        "pretrain_step": (pretrain, 16, counted(pretrain)),
        "t2m_step": (_t2m_step(device), 64, 3 * _t2m_operations(rows=64, layers=8)),
        "generate_1": (_generate(device, 1), 1, _t2m_operations(rows=2 * STEPS, layers=6)),
        "generate_32": (_generate(device, 32), 32, _t2m_operations(rows=2 * STEPS * 32, layers=6)),
    }
    measured: dict[str, float] = {}
    for name, (work, clips, operations) in works.items():
        work()
        seconds, rate = best(work, device, rounds)
        measured |= {
            f"{name}_seconds": seconds,
            f"{name}_floors": seconds * rate / operations,
            f"{name}_clips_per_second": clips / seconds,
            f"{name}_gigaflop": operations / 1e9,
            f"{name}_public_floors": PUBLIC_FLOORS[name],
            f"{name}_public_seconds": PUBLIC_SECONDS[name],
        }
    measured["pretrain_loading_share"] = _loading_share(measured["pretrain_step_seconds"])
    measured["gigaflop_per_second"] = matrix_rate(device) / 1e9
    measured["peak_memory_gigabytes"] = peak_memory(device)
    return measured


def _tokenizer_step(device: torch.device) -> Step:
    tokenizer = VQVAE(263, Tokenizer()).to(device).train()
    windows_BTD = torch.randn(64, 64, 263, device=device)
    return training_step(tokenizer, lambda: tokenizer.losses(windows_BTD)["loss"])


def _pretrain_step(device: torch.device) -> Step:
    words = vocabulary()
    model = LaMP(lamp_shape(words)).to(device).train()
    settings = Pretrain(dropout=0.1)
    table, rows = PretrainBatches(_pretrain_items(16), words, device), np.arange(16)

    def loss() -> torch.Tensor:
        return pretraining_losses(model, table.batch(rows), settings)["loss"]

    return training_step(model, loss)


def _t2m_step(device: torch.device) -> Step:
    model = _t2m(device, layers=8).train()
    codes_BS = torch.randint(CODES, (64, TOKENS), device=device)
    lengths_B = torch.full((64,), TOKENS, device=device)
    condition = Condition.of(list(torch.randn(64, 49, 768))).to(device)
    conditioned_B = torch.rand(64, device=device) >= 0.1

    def loss() -> torch.Tensor:
        corrupted_BS, chosen_BS = mask_tokens(codes_BS, lengths_B, model.codebook_size, model.mask_token)
        logits_BSK = model(corrupted_BS, lengths_B, condition, conditioned_B, "causal")
        return torch.nn.functional.cross_entropy(logits_BSK[chosen_BS], codes_BS[chosen_BS])

    return training_step(model, loss)


def _generate(device: torch.device, count: int) -> Step:
    model = _t2m(device, layers=6).eval()
    condition = Condition.of(list(torch.randn(count, 49, 768))).to(device)
    lengths_B = torch.full((count,), TOKENS)
    how = Sampling.of(model.settings)
    return lambda: sample_tokens(model, condition, lengths_B, how, torch.Generator().manual_seed(0))


def _t2m(device: torch.device, layers: int) -> MaskedMotionTransformer:
    return MaskedMotionTransformer(CODES, 768, TOKENS, TextToMotion(layers=layers)).to(device)


def vocabulary() -> TextTokenizer:
    return train_vocabulary(sentences(16), 2000, 48)


def sentences(count: int) -> list[str]:
    """Captions of the length of HumanML3D's: about twelve words, the longest of a batch about twenty."""
    sentence = "a person walks forward then turns to the left and waves with both hands before sitting down"
    return [" ".join(sentence.split()[: 8 + index % 10]) + f" {index}" for index in range(count)]


def lamp_shape(words: TextTokenizer) -> LaMPShape:
    return LaMPShape(
        layers=4,
        hidden_dim=256,
        heads=4,
        feed_forward_dim=1024,
        max_positions=48,
        vocabulary_size=words.size,
        queries=49,
        projection_dim=512,
        cross_attention_every=2,
        code_dim=CODE_DIM,
        codebook_size=CODES,
        max_tokens=TOKENS,
        max_text_tokens=48,
        dropout=0.1,
        temperature=0.07,
        motion_decoding="autoregressive",
    )


def _pretrain_items(count: int) -> list[PretrainItem]:
    return [
        PretrainItem(f"clip{i}", torch.randn(TOKENS, CODE_DIM), torch.randint(CODES, (TOKENS,)), (caption,))
        for i, caption in enumerate(sentences(count))
    ]


def training_step(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Step:
    optimiser = make_optimiser(model, Optimisation(steps=1, batch_size=1, learning_rate=1e-4))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    return step


def _t2m_operations(rows: int, layers: int) -> float:
    """Operations of a pass of the masked transformer over [condition | tokens] at the papers' sizes."""
    width, inner, length = PAPER.hidden_dim, PAPER.feed_forward_dim, TOKENS + 1
    layer = 2 * (4 * width**2 + 2 * width * inner) + 4 * length * width
    return float(rows * (length * layers * layer + TOKENS * 2 * width * CODES))


def counted(work: Step) -> float:
    """Floating-point operations of the matrix products, convolutions and attentions of a call."""
    work()
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def best(work: Step, device: torch.device, rounds: int) -> tuple[float, float]:
    """Shortest seconds of the work and the best matrix rate, in turns, so that both meet the same machine."""
    seconds, rates = [], []
    for _ in range(rounds):
        seconds.append(seconds_of(work, device))
        rates.append(matrix_rate(device))
    return min(seconds), max(rates)


def matrix_rate(
    device: torch.device, dtype: torch.dtype = torch.float32, size: int = MATRIX, rounds: int = 3
) -> float:
    """Floating-point operations a second of a large matrix product."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    out = left @ right
    return (
        2 * size**3 / min(seconds_of(lambda: torch.mm(left, right, out=out), device) for _ in range(rounds))
    )


def seconds_of(work: Step, device: torch.device) -> float:
    """Seconds until the work is done on the device."""
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    """Wait until the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _loading_share(step_seconds: float) -> float:
    """Share of a pretraining step that its batch takes: captions to word pieces, padding, equal pairs."""
    device = torch.device("cpu")
    batches = PretrainBatches(_pretrain_items(16), vocabulary(), device)
    return seconds_of(lambda: batches.batch(np.arange(16)), device) / step_seconds


def peak_memory(device: torch.device) -> float:
    """Most memory of the device that this process had, in GiB; of the machine on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print the figures."""
    figures: dict[str, Any] = measure()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
