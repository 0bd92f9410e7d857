"""What a large motion model starts from: a language model with words of motion and room for a motion."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch

from lamp_core.config.base import FROM_SCRATCH
from lamp_core.config.captioning import LanguageModel
from lamp_core.config.large_motion import LargeMotion
from lamp_core.errors import LampError
from lamp_core.large_motion.least_used import take_places
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.own_language_model import own_model
from lamp_core.motion_language.folder import positions_of
from lamp_core.motion_language.prompts import load_template
from lamp_core.motion_language.tasks import TASKS
from lamp_core.motion_language.vocabulary import MotionVocabulary, extend
from lamp_core.motion_language.words import MotionWords
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.seeds import seed_everything

DROPOUT_NAMES = ("dropout", "_pdrop")
"""Ends of the names of shares of dropout in configurations of transformers."""
TASK = TASKS["text-to-motion"]


def started(
    base: CausalModel, tokenizer: MotionTokenizer, settings: LargeMotion, captions: Iterable[str]
) -> tuple[Any, MotionWords]:
    """Return a language model that has words of motion, and these.

    Args:
        base: that it starts from, or whose words it takes; changed in place.
        tokenizer: whose codes become words.
        settings: section ``large_motion``.
        captions: of the train split, by which the use of words is counted (*switch* ``words``);
            read where it is.

    Raises:
        LampError: the model is not causal, or has too few words that can be given up.
    """
    seed_everything(settings.training.seed)
    device = next(base.model.parameters()).device
    model = lengthened(starting_model(base, settings), settings.context)
    model = with_dropout(model, settings.dropout).to(device)
    text = base.tokenizer
    vocabulary = MotionVocabulary.of(
        tokenizer,
        settings.max_frames // tokenizer.downsampling,
        len(text),
        "interleaved",
        shares_codes=settings.codes == "shared",
        length_every=settings.length_every,
    )
    if settings.words == "least_used":
        vocabulary = replace(vocabulary, first=max(0, len(text) - len(vocabulary)))
        said = list(captions)
        text = take_places(model, text, vocabulary, [*said, *_prompt(settings.prompts) * len(said)])
    else:
        extend(model, text, vocabulary, settings.training.seed)
    words = MotionWords(text, vocabulary, settings.prompts, settings.max_text_tokens)
    return model.float().requires_grad_(True), words


def starting_model(base: CausalModel, settings: LargeMotion) -> Any:
    """The language model, or one of random weights over its vocabulary (*switch* ``start``, Table 9)."""
    if settings.start == "pretrained":
        return base.model
    if not settings.layers:
        return type(base.model)(base.model.config)
    shape = LanguageModel(
        checkpoint=FROM_SCRATCH,
        layers=settings.layers,
        hidden_dim=settings.hidden_dim,
        heads=settings.heads,
        feed_forward_dim=settings.feed_forward_dim,
        max_positions=settings.context,
        dropout=0.0,
    )
    return own_model(base.tokenizer, shape)


@torch.no_grad()
def lengthened(model: Any, positions: int) -> Any:
    """Return the model with room for as many positions; one that has it stays as it is.

    A table of learnt positions keeps its rows, and its new ones are as the model would draw them; a model
    that turns its positions needs nothing but to know.
    """
    known = positions_of(model)
    if known is None or known >= positions:
        return model
    config = deepcopy(model.config)
    config.max_position_embeddings = positions
    longer = type(model)(config)
    state, old = longer.state_dict(), model.state_dict()
    for name, value in state.items():
        if name in old and old[name].shape[1:] == value.shape[1:]:
            value[: len(old[name])] = old[name]  # the state shares its numbers with the model
    return longer.train(model.training)


@torch.no_grad()
def with_dropout(model: Any, share: float) -> Any:
    """Return the model with so much dropout wherever its kind has any; with 0 it stays as it is.

    It is built anew: some kinds read the share from their configuration once, and keep it in their layers.

    Raises:
        LampError: the configuration of its kind knows no dropout.
    """
    if not share:
        return model
    config = deepcopy(model.config)
    names = [name for name in config.to_dict() if name.endswith(DROPOUT_NAMES)]
    if not names:
        raise LampError(f"{type(model).__name__} has no place for dropout; set large_motion.dropout to 0")
    for name in names:
        setattr(config, name, share)
    changed = type(model)(config)
    changed.load_state_dict(model.state_dict())
    return changed.train(model.training)


def _prompt(name: str) -> list[str]:
    """What stands around the caption in a prompt."""
    return [part for part in load_template(name).parts(TASK) if not part.startswith("{")]
