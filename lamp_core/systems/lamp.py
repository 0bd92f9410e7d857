"""The models of the system `lamp`."""

from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.systems.capabilities import CAPTION, COMPLETE, GENERATE, RECONSTRUCT, SIMILARITY
from lamp_core.systems.model import Model

if TYPE_CHECKING:
    import torch

    from lamp_core.m2t.captioner import Captioner
    from lamp_core.retrieval.feat import LampFeat
    from lamp_core.t2m.generator import MotionGenerator
    from lamp_core.tokenizers.reconstruction import TokenizerReconstruction


def _tokenizer(data: Path, device: "torch.device") -> "TokenizerReconstruction":
    from lamp_core.tokenizers.reconstruction import load_reconstruction

    return load_reconstruction(data / "tokenizer", device)


def _t2m(data: Path, device: "torch.device") -> "MotionGenerator":
    from lamp_core.t2m.generator import load_generator

    return load_generator(data, device)


def _m2t(data: Path, device: "torch.device") -> "Captioner":
    from lamp_core.m2t.captioner import load_captioner

    return load_captioner(data, device)


def _feat(data: Path, device: "torch.device") -> "LampFeat":
    from lamp_core.retrieval.feat import load_feat

    return load_feat(data, device)


GENERATOR = ("tokenizer", "pretrain", "length", "t2m", "residual")
"""The last one only where the tokenizer is a residual one."""

MODELS = (
    Model("tokenizer", "tokenizer", (RECONSTRUCT,), _tokenizer, ("tokenizer",)),
    Model("LaMP-T2M", "t2m", (GENERATE, COMPLETE), _t2m, GENERATOR),
    Model("LaMP-M2T", "m2t", (CAPTION,), _m2t, ("tokenizer", "pretrain", "language_model", "m2t")),
    Model("LaMP-Feat", "retrieval", (SIMILARITY,), _feat, ("tokenizer", "pretrain"), evaluates_as="lamp"),
)
