"""The models of the system `large-motion`."""

from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.systems.capabilities import EDIT_PARTS, GENERATE
from lamp_core.systems.model import Model

if TYPE_CHECKING:
    import torch

    from lamp_core.large_motion.generator import LargeMotionGenerator


def _generator(data: Path, device: "torch.device") -> "LargeMotionGenerator":
    from lamp_core.large_motion.generator import LargeMotionGenerator

    return LargeMotionGenerator.load(data, device)


MODELS = (
    Model(
        "Large-Motion", "large_motion", (GENERATE, EDIT_PARTS), _generator, ("tokenizer_grid", "large_motion")
    ),
)
