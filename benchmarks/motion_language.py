"""How fast a motion language model trains and answers: ``python -m benchmarks.motion_language``.

The small OPT that is trained here at its default size, random weights, 512 codes, motions of 49 tokens.
Training, of every weight (``training_full``, as ``quick`` does) and by LoRA on every linear layer
(``training``): words a second of a batch of 32 pairs of caption and motion, and how many arithmetic floors a
step takes (operations counted by torch as they run, over the rate at which this process multiplies float32
matrices). Answering: codes a second of 32 captions and the seconds of one, beside plain
``transformers.generate`` that samples as many words with the same model in the same run.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.models import TOKENS, best, sentences
from lamp_core.config.base import Optimisation
from lamp_core.config.captioning import LanguageModel
from lamp_core.config.motion_language import Instruction
from lamp_core.m2t.own_language_model import own_model, own_tokenizer
from lamp_core.motion_language.decoding import Sampling, answer
from lamp_core.motion_language.grammar import MotionGrammar
from lamp_core.motion_language.model import MotionLanguageModel
from lamp_core.motion_language.tasks import TASKS
from lamp_core.motion_language.vocabulary import MotionVocabulary, extend
from lamp_core.motion_language.words import MotionWords
from lamp_core.segments import collate, token_losses
from lamp_core.tokenizers.protocol import Channel
from lamp_core.training.optimiser import make_optimiser
from tasks.system import resources

CODES, BATCH, ROUNDS = 512, 32, 3
SETTINGS = Instruction(prompts="short", lora_dropout=0.0)
TASK = TASKS["text-to-motion"]


@dataclass(frozen=True)
class Codes:
    """What a vocabulary asks of a tokenizer."""

    channels: tuple[Channel, ...] = (Channel("motion", "codebook", CODES),)
    downsampling: int = 4

    def identity(self) -> str:
        """Of none that is trained."""
        return "none"


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Words a second in training, codes a second in answers, and what they are beside."""
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    by_lora, of_all = (_training(device, rounds, tuning) for tuning in ("lora", "full"))
    full = {name.replace("training", "training_full"): value for name, value in of_all.items()}
    return by_lora | full | _answering(device, rounds)


def _extended(device: torch.device) -> tuple[Any, MotionWords]:
    torch.manual_seed(0)
    shape = LanguageModel()
    text = own_tokenizer(sentences(BATCH), "move :=", shape)
    model = own_model(text, shape).to(device).eval().requires_grad_(False)
    codes: Any = Codes()
    vocabulary = MotionVocabulary.of(codes, TOKENS, len(text))
    extend(model, text, vocabulary, seed=0)
    return model, MotionWords(text, vocabulary, SETTINGS.prompts, 64)


def _training(device: torch.device, rounds: int, tuning: str) -> dict[str, float]:
    model, words = _extended(device)
    settings = SETTINGS.model_copy(update={"tuning": tuning})
    tuned = MotionLanguageModel(model, words.vocabulary, settings).train()
    draws = np.random.default_rng(0)
    pairs = [
        words.example(TASK, text, draws.integers(0, CODES, (TOKENS, 1)), np.zeros(TOKENS, dtype=bool))
        for text in sentences(BATCH)
    ]
    batch = collate(pairs, words.padding).to(device)
    optimiser = make_optimiser(tuned, Optimisation(steps=1, batch_size=1, learning_rate=1e-4))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        (token_losses(tuned(batch), batch).sum() / batch.counted_BL.sum()).backward()
        optimiser.step()

    with FlopCounterMode(display=False) as counter:
        step()
    seconds, rate = best(step, device, rounds)
    return {
        "training_words_per_second": float(batch.seen_BX.sum()) / seconds,
        "training_step_floors": seconds * rate / counter.get_total_flops(),
    }


def _answering(device: torch.device, rounds: int) -> dict[str, float]:
    model, words = _extended(device)
    prompts = [words.prompt(TASK, text) for text in sentences(BATCH)]
    found: dict[str, float] = {}
    for count in (1, BATCH):
        grammar = MotionGrammar(words.vocabulary, [TOKENS] * count)
        batch = collate(prompts[:count], words.padding, side="left").to(device)

        def ours(grammar: MotionGrammar = grammar, count: int = count) -> object:
            return answer(model, prompts[:count], grammar, words.padding, Sampling())

        def plain(batch: Any = batch, places: int = grammar.longest) -> object:
            return model.generate(
                input_ids=batch.ids_BX,
                attention_mask=batch.seen_BX.long(),
                do_sample=True,
                top_p=0.9,
                top_k=0,
                min_new_tokens=places,
                max_new_tokens=places,
                pad_token_id=words.padding,
            )

        ours()
        seconds, _ = best(ours, device, rounds)
        reference, _ = best(plain, device, rounds)
        found |= {
            f"answer_{count}_seconds": seconds,
            f"answer_{count}_codes_per_second": count * TOKENS / seconds,
            f"answer_{count}_times_plain_generate": reference / seconds,
        }
    return found


def main() -> None:
    """Print the figures."""
    print(json.dumps(measure(), indent=2))


if __name__ == "__main__":
    main()
