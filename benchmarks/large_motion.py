"""How fast a large motion model trains and answers: ``python -m benchmarks.large_motion``.

The small OPT that is trained here, three layers of 128 as in profile ``quick``, random weights, five channels
of 1,024 codes, 64 captions with motions of 15 to 49 tokens. Training: words a second, padding not counted, of
a step in packed rows and of the same step in a padded batch. Answering: codes a second of 32 captions. Both
with the peak memory of their process (of the card where there is one), for codes that all channels share and
for those that each has of its own (*switch* ``large_motion.codes``).
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.child import in_child, peak_mebibytes
from benchmarks.models import best, sentences
from lamp_core.config.base import FROM_SCRATCH, Optimisation
from lamp_core.config.captioning import LanguageModel
from lamp_core.large_motion.model import LargeMotionModel
from lamp_core.large_motion.packing import NOTHING, pack
from lamp_core.large_motion.start import TASK, lengthened
from lamp_core.large_motion.train_items import example
from lamp_core.m2t.own_language_model import own_model, own_tokenizer
from lamp_core.motion_language.decoding import Sampling, answer
from lamp_core.motion_language.grammar import MotionGrammar
from lamp_core.motion_language.vocabulary import MotionVocabulary, extend
from lamp_core.motion_language.words import MotionWords
from lamp_core.segments import collate, next_token_logits, token_losses
from lamp_core.tokenizers.protocol import Channel
from lamp_core.training.optimiser import make_optimiser
from tasks.system import resources

CHANNELS, CODES, TOKENS, ITEMS, CONTEXT, ROUNDS = 5, 1024, 49, 64, 512, 3
SHAPE = LanguageModel(
    checkpoint=FROM_SCRATCH, layers=3, hidden_dim=128, heads=4, feed_forward_dim=512, dropout=0.0
)


class Grid:
    """What a vocabulary asks of a tokenizer."""

    channels = tuple(Channel(f"part {place}", "grid part", CODES) for place in range(CHANNELS))
    downsampling = 4

    def identity(self) -> str:
        """Of none that is trained."""
        return "none"


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Words a second in training, packed and padded, codes a second in answers, and the memory of each.

    Every part is measured in a process of its own; ``by_channel_`` begins the names of codes by channel.
    """
    found: dict[str, float] = {}
    for codes, prefix in (("shared", ""), ("by_channel", "by_channel_")):
        for part in PARTS:
            told = in_child("benchmarks.large_motion", part, "--codes", codes, "--rounds", str(rounds))
            found |= {f"{prefix}{name}": value for name, value in told.items()}
    return found


def measure_part(part: str, *, shares_codes: bool, rounds: int) -> dict[str, float]:
    """One of `PARTS` in this process, with its peak memory in MiB."""
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    torch.manual_seed(0)
    text = own_tokenizer(sentences(ITEMS), "move :=", SHAPE)
    language = lengthened(own_model(text, SHAPE), CONTEXT).to(device)
    grid: Any = Grid()
    vocabulary = MotionVocabulary.of(grid, TOKENS, len(text), "interleaved", shares_codes=shares_codes)
    extend(language, text, vocabulary, seed=0)
    words = MotionWords(text, vocabulary, "short", 64)
    found = PARTS[part](language, words, device, rounds)
    return found | {f"{part}_peak_mebibytes": peak_mebibytes(device)}


def _training(language: Any, words: MotionWords, device: torch.device, rounds: int) -> dict[str, float]:
    model = LargeMotionModel(language, words.vocabulary).train()
    draws = np.random.default_rng(0)
    motions = [
        draws.integers(0, CODES, (int(draws.integers(15, TOKENS + 1)), CHANNELS)) for _ in range(ITEMS)
    ]
    pairs = [
        example(words, text, codes_SR, whole=True)
        for text, codes_SR in zip(sentences(ITEMS), motions, strict=True)
    ]
    packed, padded = pack(pairs, CONTEXT, words.padding).to(device), collate(pairs, words.padding).to(device)
    optimiser = make_optimiser(model, Optimisation(steps=1, batch_size=1, learning_rate=1e-4))

    def step(loss: torch.Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def in_rows() -> None:
        total, _, count = model(packed)
        step(total / count)

    def side_by_side() -> None:
        losses_B = token_losses(next_token_logits(language, padded), padded)
        step(losses_B.sum() / padded.counted_BL.sum())

    spoken = int((packed.sequences_BX != NOTHING).sum())
    found = {"packed_share_of_words": spoken / packed.ids_BX.numel()}
    for name, work in (("packed", in_rows), ("padded", side_by_side)):
        work()
        seconds, _ = best(work, device, rounds)
        found[f"training_{name}_words_per_second"] = spoken / seconds
    return found


def _answering(language: Any, words: MotionWords, device: torch.device, rounds: int) -> dict[str, float]:
    language.eval()
    prompts = [words.prompt(TASK, text) for text in sentences(32)]
    grammar = MotionGrammar(words.vocabulary, [TOKENS] * len(prompts))
    seconds, _ = best(lambda: answer(language, prompts, grammar, words.padding, Sampling()), device, rounds)
    return {"codes_per_second": len(prompts) * TOKENS * CHANNELS / seconds}


PARTS: dict[str, Callable[[Any, MotionWords, torch.device, int], dict[str, float]]] = {
    "training": _training,
    "answering": _answering,
}


def main() -> None:
    """Print the figures: all of them, or of one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=list(PARTS), help="all of them without it")
    parser.add_argument("--codes", choices=["shared", "by_channel"], default="shared", help="of one part")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    if chosen.part is None:
        found = measure(chosen.rounds)
    else:
        found = measure_part(chosen.part, shares_codes=chosen.codes == "shared", rounds=chosen.rounds)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
