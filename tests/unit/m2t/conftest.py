"""A tiny language model, a tiny LaMP, and eight motions with captions."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lamp_core.config.base import FROM_SCRATCH, Optimisation
from lamp_core.config.captioning import LanguageModel, MotionToText
from lamp_core.lamp.model import LaMP, LaMPShape
from lamp_core.m2t.language_model import CausalModel, identity_of, load_base, record_base
from lamp_core.m2t.language_model_training import train_language_model
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.motions import Motions
from lamp_core.m2t.own_language_model import own_model, own_tokenizer, save_own
from lamp_core.m2t.soft_tokens import MotionStates
from lamp_core.m2t.training import CaptionedMotion, new_captioner
from lamp_core.training.seeds import seed_everything

CPU = torch.device("cpu")
PROMPT = "the motion:"
VERBS = ("walks", "runs", "jumps", "kicks", "turns", "waves", "bows", "sits")
SENTENCES = tuple(
    f"a person {verb} {'slowly ' * (index % 3)}to the left." for index, verb in enumerate(VERBS)
)
LANGUAGE = LanguageModel(
    checkpoint=FROM_SCRATCH,
    layers=2,
    hidden_dim=32,
    heads=2,
    feed_forward_dim=64,
    vocabulary_size=200,
    max_positions=64,
    dropout=0.0,
    training=Optimisation(steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, checkpoint_every=4),
)
CAPTIONING = MotionToText(
    prompt=PROMPT,
    lora_rank=4,
    lora_alpha=8,
    lora_dropout=0.1,
    max_text_tokens=24,
    bucket_batches=2,
    training=Optimisation(
        steps=12, batch_size=4, learning_rate=1e-2, warmup_steps=2, checkpoint_every=4, validate_every=4
    ),
)

READS = pytest.mark.parametrize("reads", ["queries", "queries_and_latents"])
MakeCaptioner = Callable[..., MotionCaptioner]


def tiny_lamp(width: int = 16, dropout: float = 0.0) -> LaMP:
    """A LaMP with three queries over latents of width 6."""
    shape = LaMPShape(
        layers=2,
        hidden_dim=width,
        heads=2,
        feed_forward_dim=32,
        max_positions=12,
        vocabulary_size=30,
        queries=3,
        projection_dim=8,
        cross_attention_every=2,
        code_dim=6,
        codebook_size=8,
        max_tokens=10,
        max_text_tokens=12,
        dropout=dropout,
        temperature=0.07,
        motion_decoding="autoregressive",
    )
    lamp = LaMP(shape).eval().requires_grad_(False)
    for parameter in lamp.parameters():  # as it is made, a motion hardly moves the queries
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.4)
    return lamp


def captioned_motions() -> list[CaptionedMotion]:
    """Eight motions of different lengths, each with one caption."""
    draws = torch.Generator().manual_seed(0)
    return [
        CaptionedMotion(torch.randn(2 + index, 6, generator=draws), (sentence,))
        for index, sentence in enumerate(SENTENCES)
    ]


def read_motions(model: MotionCaptioner) -> MotionStates:
    """What a model reads of the eight motions."""
    return Motions.read(model, [item.latents_SC for item in captioned_motions()]).states(range(8))


def some_states(motions: int) -> MotionStates:
    """Query states drawn at random, and as many latents of each motion as its number says and one."""
    lengths_B = torch.arange(motions) + 1
    return MotionStates(
        torch.randn(motions, 3, 16),
        torch.randn(motions, motions, 6),
        torch.arange(motions)[None, :] < lengths_B[:, None],
    )


def of_motions(states: MotionStates, chosen: slice | torch.Tensor) -> MotionStates:
    """Some of the motions."""
    return MotionStates(states.queries_BQH[chosen], states.latents_BSC[chosen], states.mask_BS[chosen])


@pytest.fixture(scope="session")
def taught_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a language model that knows the sentences."""
    training = LANGUAGE.training.model_copy(update={"steps": 150, "batch_size": 8})
    settings = LANGUAGE.model_copy(update={"training": training})
    folder = tmp_path_factory.mktemp("taught") / "data" / "language_model"
    save_own(folder, *train_language_model(SENTENCES, settings, PROMPT, device=CPU))
    record_base(folder, FROM_SCRATCH, identity_of(str(folder)))
    return folder


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    """The folder of an untrained own language model, as the stage writes it."""
    return write_base(tmp_path / "data" / "language_model", seed=0)


def write_base(folder: Path, seed: int, settings: LanguageModel = LANGUAGE) -> Path:
    """Write an untrained own language model."""
    seed_everything(seed)
    tokenizer = own_tokenizer(SENTENCES, PROMPT, settings)
    save_own(folder, own_model(tokenizer, settings), tokenizer)
    record_base(folder, FROM_SCRATCH, identity_of(str(folder)))
    return folder


@pytest.fixture
def base(base_folder: Path) -> CausalModel:
    """That language model, loaded."""
    return load_base(base_folder, CPU)


@pytest.fixture
def make_captioner(base: CausalModel) -> MakeCaptioner:
    """Make a captioner whose LoRA is not zero, with settings changed as wanted."""

    def make(**changes: object) -> MotionCaptioner:
        seed_everything(1)
        settings = CAPTIONING.model_copy(update=changes)
        model = new_captioner(base, tiny_lamp(), settings, CPU)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.3)
        torch.nn.init.normal_(model.projection.weight, std=0.3)
        if model.latent_projection is not None:
            torch.nn.init.normal_(model.latent_projection.linear.weight, std=0.3)
        return model.eval()

    return make
