"""The models of the system `tokenizers`."""

from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.systems.capabilities import RECONSTRUCT
from lamp_core.systems.model import Model

if TYPE_CHECKING:
    import torch

    from lamp_core.tokenizers.reconstruction import TokenizerReconstruction

STAGE = "tokenizer_grid"


def _grid(data: Path, device: "torch.device") -> "TokenizerReconstruction":
    from lamp_core.tokenizers.reconstruction import load_reconstruction

    return load_reconstruction(data / STAGE, device)


MODELS = (Model(STAGE, STAGE, (RECONSTRUCT,), _grid, (STAGE,)),)
