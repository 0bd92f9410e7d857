"""A trained LaMP-M2T on disk: what was trained, and what it was trained on.

``adapter_config.json`` and ``adapter_model.safetensors`` are LoRA as peft writes it, so the folder is an
adapter for plain peft. ``projection.safetensors`` is the linear layer, ``latent_projection.safetensors`` that
of the latents where they are read, ``motion_transformer.safetensors`` the motion transformer where it was
trained along, ``config.json`` the rest. The language model is not copied.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lamp_core.config.captioning import MotionToText
from lamp_core.errors import LampError
from lamp_core.lamp.model import LaMP
from lamp_core.m2t.language_model import STAGE as BASE_STAGE
from lamp_core.m2t.language_model import load_base
from lamp_core.m2t.model import MotionCaptioner, motion_parameters, prepare_base, quiet_peft
from lamp_core.m2t.words import PromptedWords
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.training.model_files import read_settings

CONFIG = "config.json"
PROJECTION = "projection.safetensors"
LATENT_PROJECTION = "latent_projection.safetensors"
MOTION_TRANSFORMER = "motion_transformer.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
MODEL_CARD = "README.md"
STAGE = "m2t"


def save_m2t(folder: Path, model: MotionCaptioner, base_identity: str, skeleton: Skeleton) -> None:
    """Write adapter, projections, motion transformer where it was trained, and configuration.

    Args:
        folder: may hold an older model, which is replaced.
        model: trained.
        base_identity: of its language model (`CausalModel`).
        skeleton: of the motions that it was trained on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.language.save_pretrained(folder)  # type: ignore[operator]
    (folder / MODEL_CARD).unlink(missing_ok=True)
    _sort_targets(folder / ADAPTER_CONFIG)
    _save(folder / PROJECTION, model.projection.state_dict())
    if model.latent_projection is not None:
        _save(folder / LATENT_PROJECTION, model.latent_projection.state_dict())
    if model.settings.train_motion_transformer:
        _save(folder / MOTION_TRANSFORMER, motion_parameters(model.lamp))
    config = {
        "base_identity": base_identity,
        "skeleton": skeleton.name,
        "frames_per_second": skeleton.frames_per_second,
        "settings": model.settings.model_dump(),
    }
    (folder / (CONFIG + ".tmp")).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    os.replace(folder / (CONFIG + ".tmp"), folder / CONFIG)


def read_m2t_config(folder: Path) -> dict[str, Any]:
    """Return what `save_m2t` wrote beside the weights.

    Raises:
        LampError: there is no model in ``folder``.
    """
    if not (folder / CONFIG).exists() or not (folder / PROJECTION).exists():
        raise LampError(f"no trained model in {folder}; `lamp run --until {STAGE}` makes it")
    return dict(json.loads((folder / CONFIG).read_text()))


def load_m2t(data: Path, lamp: LaMP, device: torch.device) -> MotionCaptioner:
    """Load a trained LaMP-M2T in evaluation mode, frozen.

    Args:
        data: the project's data folder.
        lamp: of the stage ``pretrain``; its motion transformer becomes that of the captioner.
        device: where it runs.

    Raises:
        LampError: ``m2t`` or ``language_model`` has not run, the adapter belongs to another language model,
            or the projection to another LaMP.
    """
    from peft import PeftModel

    folder = data / STAGE
    config = read_m2t_config(folder)
    settings = read_settings(folder, MotionToText, config["settings"])
    base = load_base(data / BASE_STAGE, device, settings.quantise)
    if base.identity != config["base_identity"]:
        raise LampError(
            f"the adapter in {folder} was trained on another language model ({config['base_identity'][:12]}) "
            f"than {base.checkpoint} ({base.identity[:12]}); `lamp run --force {STAGE}` trains it anew"
        )
    words = PromptedWords(base.tokenizer, settings.prompt, settings.max_text_tokens)
    with quiet_peft():
        language = PeftModel.from_pretrained(prepare_base(base, settings), folder)
    model = MotionCaptioner(language, lamp.to(device), words, settings)
    try:
        model.projection.load_state_dict(load_file(folder / PROJECTION))
        if model.latent_projection is not None:
            model.latent_projection.load_state_dict(load_file(folder / LATENT_PROJECTION))
    except RuntimeError as error:
        raise LampError(f"{folder} was trained with another LaMP than that in {data / 'pretrain'}") from error
    if settings.train_motion_transformer:
        _load_into(motion_parameters(lamp), load_file(folder / MOTION_TRANSFORMER))
    return model.to(device).eval().requires_grad_(False)


@torch.no_grad()
def _load_into(parameters: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(saved[name])


def _sort_targets(path: Path) -> None:
    """Put the names of the adapted layers in order: peft writes a set, which differs from run to run."""
    config = json.loads(path.read_text())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    own = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    temporary = path.with_name(path.name + ".tmp")
    save_file(own, temporary)
    os.replace(temporary, path)
