"""The catalogue of the kinds of motion tokenizers: a new kind is a file of its own and a line here."""

from dataclasses import dataclass

from lamp_core.config.base import Section
from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.config.tokenizers import Tokenizer as VectorQuantised
from lamp_core.errors import LampError
from lamp_core.tokenizers.lfq import FSQ, LFQ
from lamp_core.tokenizers.lfq2d import GridLFQ
from lamp_core.tokenizers.part_aware import PartAwareVQVAE
from lamp_core.tokenizers.protocol import MotionTokenizer, TokenizerSettings
from lamp_core.tokenizers.rvq import ResidualVQVAE
from lamp_core.tokenizers.vqvae import VQVAE


@dataclass(frozen=True)
class Kind:
    """A kind of tokenizer.

    Args:
        name: as the settings and ``config.json`` name it.
        label: as tables name it.
        tokenizer: made of (feature count, settings).
        settings: section of the configuration, with the keys of `TokenizerSettings`.
    """

    name: str
    label: str
    tokenizer: type[MotionTokenizer]
    settings: type[Section]


_KINDS = (
    Kind("vqvae", "VQ-VAE", VQVAE, VectorQuantised),
    Kind("rvq", "RVQ-VAE", ResidualVQVAE, VectorQuantised),
    Kind("part-aware", "PA-VQVAE", PartAwareVQVAE, VectorQuantised),
    Kind("lfq2d", "2D-LFQ", GridLFQ, GridTokenizer),
    Kind("lfq", "1D-LFQ", LFQ, GridTokenizer),
    Kind("fsq", "FSQ", FSQ, GridTokenizer),
)
KINDS = {kind.name: kind for kind in _KINDS}


def kind_named(name: str) -> Kind:
    """Return a kind.

    Raises:
        LampError: there is none of this name.
    """
    if name not in KINDS:
        raise LampError(f"unknown kind of tokenizer '{name}'; known: {', '.join(KINDS)}")
    return KINDS[name]


def kind_of(tokenizer: MotionTokenizer) -> Kind:
    """Return the kind of a tokenizer."""
    return next(kind for kind in KINDS.values() if type(tokenizer) is kind.tokenizer)


def new_tokenizer(feature_count: int, settings: TokenizerSettings) -> MotionTokenizer:
    """Build an untrained tokenizer of the kind that the settings name (*switch* ``kind``).

    It keeps of the settings what is its kind's: one kind is the same whatever section it was named in.

    Raises:
        LampError: there is no such kind.
    """
    kind = kind_named(settings.kind)
    # what follows from the kind stands in one section alone
    own = {name: getattr(settings, name) for name in kind.settings.model_fields if hasattr(settings, name)}
    return kind.tokenizer(feature_count, kind.settings(**own))


def untrained_tokenizer(like: MotionTokenizer) -> MotionTokenizer:
    """Return a tokenizer of the same kind and sizes with random weights and codes, for comparison."""
    tokenizer = type(like)(like.feature_count, like.settings)
    tokenizer = tokenizer.to(next(like.parameters()).device)
    tokenizer.start_at_random()
    return tokenizer.eval().requires_grad_(False)
