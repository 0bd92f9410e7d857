"""How many motions LaMP-M2T captions a second: ``python -m benchmarks.captions``.

Beam search over 5 hypotheses, 32 motions of 9.8 s at once, captions of 20 word pieces, random weights: with
the small OPT that is trained here, and with the shape of OPT-125m. The reference, timed in the same run, is
the same model through transformers' plain ``generate``, one motion at a time. The floor is the nominal
operations of the language model (each prefix read once, each hypothesis extended by each word piece) over the
rate at which this process multiplies float32 matrices.
Shapes: T frames, D feature numbers a frame, X soft tokens and prompt, E width of the language model, L word
pieces.
"""

import json
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.models import TOKENS, best, lamp_shape, sentences, vocabulary
from lamp_core.config.captioning import LanguageModel, MotionToText
from lamp_core.config.models import Tokenizer
from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.lamp.model import LaMP
from lamp_core.m2t.captioner import Captioner
from lamp_core.m2t.decoding import Search
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.model import MotionCaptioner, with_lora
from lamp_core.m2t.motions import Motions
from lamp_core.m2t.own_language_model import own_tokenizer
from lamp_core.m2t.words import PromptedWords
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.vqvae import VQVAE
from tasks.system import resources

FEATURES, FRAMES_PER_SECOND = 263, 20.0
MOTIONS, BEAMS, WORDS = 32, 5, 20
REFERENCE_MOTIONS = 4
ROUNDS = 3
SHAPES = {
    "own": LanguageModel(),
    "opt_125m": LanguageModel(
        layers=12, hidden_dim=768, heads=12, feed_forward_dim=3072, vocabulary_size=50_272, max_positions=2048
    ),
}


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Captions a second of each language model, of its reference, and how many floors a batch takes."""
    device = torch.device(resources.device_name())
    torch.set_num_threads(resources.threads())
    search = Search("beam", beams=BEAMS, max_text_tokens=WORDS)
    measured: dict[str, float] = {}
    for name, shape in SHAPES.items():
        captioner = _captioner(shape, device)
        motions = [_motion(number) for number in range(MOTIONS)]
        captioner.captions(motions[:2], search)
        seconds, rate = best(partial(captioner.captions, motions, search), device, rounds)
        plain = partial(_one_at_a_time, captioner, motions[:REFERENCE_MOTIONS])
        reference, _ = best(plain, device, 1)
        measured |= {
            f"{name}_captions_per_second": MOTIONS / seconds,
            f"{name}_one_at_a_time_per_second": REFERENCE_MOTIONS / reference,
            f"{name}_times_as_fast": (reference / REFERENCE_MOTIONS) / (seconds / MOTIONS),
            f"{name}_floors": seconds * rate / _operations(captioner, shape),
        }
    return measured


def _captioner(shape: LanguageModel, device: torch.device) -> Captioner:
    from transformers import OPTConfig, OPTForCausalLM

    torch.manual_seed(0)
    settings = MotionToText()
    words = own_tokenizer(sentences(MOTIONS), settings.prompt, shape)
    config = OPTConfig(
        vocab_size=shape.vocabulary_size,
        hidden_size=shape.hidden_dim,
        word_embed_proj_dim=shape.hidden_dim,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        ffn_dim=shape.feed_forward_dim,
        max_position_embeddings=shape.max_positions,
        pad_token_id=words.pad_token_id,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
    )
    language = OPTForCausalLM(config)
    with torch.no_grad():  # whose end is never likely: every caption has all its word pieces
        language.get_input_embeddings().weight[words.eos_token_id] = 0.0
    base = CausalModel(language, words, "from-scratch", "random")
    model = MotionCaptioner(
        with_lora(base, settings),
        LaMP(lamp_shape(vocabulary())),
        PromptedWords(words, settings.prompt, WORDS),
        settings,
    )
    tokenizer = VQVAE(FEATURES, Tokenizer())
    return Captioner(model.to(device).eval(), tokenizer.to(device).eval(), "smpl22", FRAMES_PER_SECOND)


def _motion(number: int) -> np.ndarray:
    draws = np.random.default_rng(number)
    return draws.normal(size=(TOKENS * DOWNSAMPLING, FEATURES)).astype(np.float32)


@torch.no_grad()
def _one_at_a_time(captioner: Captioner, motions: list[np.ndarray]) -> list[str]:
    """The same model by the plain means of transformers."""
    model = captioner.model
    captions = []
    for motion_TD in motions:
        latents = latents_of_clips(captioner.tokenizer, [motion_TD])
        prefix_1XE, seen_1X = model.prefix(Motions.read(model, latents).states([0]))
        ids_1L = model.language.generate(
            inputs_embeds=prefix_1XE,
            attention_mask=seen_1X.long(),
            num_beams=BEAMS,
            max_new_tokens=WORDS,
            do_sample=False,
            pad_token_id=model.words.padding,
        )
        captions.append(model.words.text(ids_1L[0].tolist()))
    return captions


def _operations(captioner: Captioner, shape: LanguageModel) -> float:
    """Operations of the language model for a batch: of every position and of every word piece's logits."""
    prefix = captioner.model.lamp.shape.queries + len(captioner.model.words.prompt_P)
    layer = 2 * (4 * shape.hidden_dim**2 + 2 * shape.hidden_dim * shape.feed_forward_dim)
    read = prefix * shape.layers * (layer + 4 * shape.hidden_dim * prefix)
    extended = BEAMS * (WORDS - 1) * shape.layers * (layer + 4 * shape.hidden_dim * (prefix + WORDS))
    logits = BEAMS * WORDS * 2 * shape.hidden_dim * shape.vocabulary_size
    return float(MOTIONS * (read + extended + logits))


def main() -> None:
    """Print the figures."""
    figures: dict[str, Any] = measure()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
