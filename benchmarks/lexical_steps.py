"""How fast the lexical phases train: ``python -m benchmarks.lexical_steps``.

One training step of LexMLM, CMMM and LexCMLP at the sizes of the profile ``quick``, random weights, motions
of 40 to 196 frames, captions of about twelve words, a vocabulary that is as large as ``quick`` allows. Beside
the seconds, how many arithmetic floors a step takes: operations counted by torch as they run (not those of
fused attention, which the counter does not see) over the rate at which this process multiplies float32
matrices.
"""

import json
from itertools import product

import numpy as np
import torch

from benchmarks.models import Step, best, counted, sentences, training_step
from lamp_core.config import Config, profile_config
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.batches import CaptionTable, Motions
from lamp_core.lexical.contrast_training import contrast_losses
from lamp_core.lexical.folder import joined, represented
from lamp_core.lexical.masking import WordMasking
from lamp_core.lexical.motion_training import LexicalMotionModel, motion_losses, new_motion_model
from lamp_core.lexical.text_encoder import LexicalTextModel, ZeroGradient
from lamp_core.lexical.text_training import new_text_model, text_losses
from lamp_core.skeleton.skeleton import load_skeleton
from tasks.system import resources

ROUNDS, SHORTEST = 5, 40
SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su")


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of a step of each phase, and how many floors that is."""
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    config = profile_config("quick")
    measured: dict[str, float] = {}
    for name, make in (("text", _text_step), ("motion", _motion_step), ("contrast", _contrast_step)):
        step = make(config, device)
        operations = counted(step)
        seconds, rate = best(step, device, rounds)
        measured |= {
            f"{name}_step_seconds": seconds,
            f"{name}_step_floors": seconds * rate / operations,
            f"{name}_step_gigaflop": operations / 1e9,
        }
    return measured


def _text_step(config: Config, device: torch.device) -> Step:
    settings = config.lexical_text
    model, tokenizer = _text(config, device)
    masking = WordMasking(tokenizer, settings.function_word_weight, device)
    count = settings.training.batch_size
    table = CaptionTable(sentences(count), tokenizer, device)

    def loss() -> torch.Tensor:
        ids_BL, mask_BL = table.pick(np.arange(count))
        light, heavy = (
            masking.hide(ids_BL, mask_BL, ratio, torch.rand(ids_BL.shape, device=device), kept)
            for ratio, kept in ((settings.encoder_mask, settings.kept_share), (settings.decoder_mask, 0.0))
        )
        encoder, decoder = text_losses(model, ids_BL, mask_BL, light, heavy)
        return encoder + decoder

    return training_step(model, loss)


def _motion_step(config: Config, device: torch.device) -> Step:
    settings = config.lexical_motion
    model, count = _motion(config, device), settings.training.batch_size
    motions, equal_BB = _motions(config, count, device), torch.eye(count, dtype=torch.bool, device=device)
    patches = model.encoder.patches

    def loss() -> torch.Tensor:
        features_BTD, mask_BT = motions.pick(np.arange(count))
        shape = (count, -(-mask_BT.shape[1] // patches.frames), patches.joints)
        hidden = [torch.rand(shape, device=device) < settings.mask for _ in range(2)]
        return motion_losses(model, features_BTD, mask_BT, hidden, equal_BB, settings)["loss"]

    return training_step(model, loss)


def _contrast_step(config: Config, device: torch.device) -> Step:
    settings = config.lexical_contrast
    text, tokenizer = _text(config, device)
    model = represented(joined(text.text, _motion(config, device).encoder, 0), settings).to(device).train()
    count = settings.training.batch_size
    motions, table = _motions(config, count, device), CaptionTable(sentences(count), tokenizer, device)
    equal_BB = torch.eye(count, dtype=torch.bool, device=device)
    zero = ZeroGradient(settings.below_zero, settings.zero_reach)

    def loss() -> torch.Tensor:
        motion_BV = model.motion_weights(*motions.pick(np.arange(count)), zero=zero)
        text_BV = model.text_weights(*table.pick(np.arange(count)), zero=zero)
        return contrast_losses(model, motion_BV, text_BV, equal_BB, settings, settings.flops_weight)["loss"]

    return training_step(model, loss)


def _text(config: Config, device: torch.device) -> tuple[LexicalTextModel, TextTokenizer]:
    words = [" ".join(map("".join, product((first,), SYLLABLES, SYLLABLES))) for first in SYLLABLES]
    model, tokenizer = new_text_model(config.lexical_text, [*sentences(64), *words], device)
    return model.train(), tokenizer


def _motion(config: Config, device: torch.device) -> LexicalMotionModel:
    return new_motion_model(config.lexical_motion, load_skeleton("smpl22"), device).train()


def _motions(config: Config, count: int, device: torch.device) -> Motions:
    width, draws = 12 * len(load_skeleton("smpl22").joints) - 1, np.random.default_rng(0)
    lengths = np.linspace(SHORTEST, config.lexical_motion.max_frames, count).astype(int)
    return Motions([draws.standard_normal((frames, width), dtype=np.float32) for frames in lengths], device)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
