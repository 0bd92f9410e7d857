"""The models of the system `motion-language`."""

from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.systems.capabilities import CAPTION, COMPLETE, CONTROL, GENERATE
from lamp_core.systems.model import Model

if TYPE_CHECKING:
    import torch

    from lamp_core.motion_language.assistant import MotionAssistant


def _assistant(data: Path, device: "torch.device") -> "MotionAssistant":
    from lamp_core.motion_language.assistant import MotionAssistant

    return MotionAssistant.load(data, device)


MODELS = (
    Model(
        "Motion-LM",
        "instruction",
        (GENERATE, COMPLETE, CONTROL, CAPTION),
        _assistant,
        ("tokenizer", "instruction"),
    ),
)
