"""The models of the system `lexical`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.systems.capabilities import SAY_WORDS, SIMILARITY
from lamp_core.systems.model import Model

if TYPE_CHECKING:
    import torch

    from lamp_core.lexical.compare import LexicalCompare


def _compare(stage: str, data: Path, device: "torch.device") -> "LexicalCompare":
    from lamp_core.lexical.compare import load_compare

    return load_compare(data, stage, device)


def _model(name: str, stage: str, *further: str) -> Model:
    return Model(name, stage, (SIMILARITY, *further), partial(_compare, stage), (stage,))


MODELS = (
    _model("LexCMLP", "lexical_contrast", SAY_WORDS),
    _model("LexCMLP directly", "lexical_direct", SAY_WORDS),
    _model("Dense baseline", "lexical_dense"),
)
