"""A causal language model as it is, and what it is: trained here, or named.

``base.json`` in the folder of the stage ``language_model`` holds the name or folder of the model and its
identity, the hash of its configuration and weights. A model from elsewhere is not copied.
"""

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lamp_core.config.base import FROM_SCRATCH
from lamp_core.errors import LampError
from lamp_core.io.quiet import no_progress_bar
from lamp_core.training.precision import is_bfloat16

BASE = "base.json"
CONFIG = "config.json"
WEIGHTS = ("*.safetensors", "*.bin")
STAGE = "language_model"


@dataclass(frozen=True)
class CausalModel:
    """A language model of transformers with its tokenizer.

    Args:
        model: frozen, in evaluation mode.
        tokenizer: of transformers.
        checkpoint: ``from-scratch``, or the name or folder that it was loaded from.
        identity: hash of its configuration and weights.
    """

    model: Any
    tokenizer: Any
    checkpoint: str
    identity: str


def record_base(folder: Path, checkpoint: str, identity: str) -> None:
    """Write ``base.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"checkpoint": checkpoint, "identity": identity}
    (folder / (BASE + ".tmp")).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    os.replace(folder / (BASE + ".tmp"), folder / BASE)


def load_base(folder: Path, device: torch.device, quantise: str = "none") -> CausalModel:
    """Load the language model that the stage ``language_model`` trained or recorded.

    Args:
        folder: that it wrote, ``data/language_model``; other folders are seen from the project's root.
        device: where it will run.
        quantise: ``none``, ``8bit`` or ``4bit``, see `quantisation`.

    Raises:
        LampError: the stage has not run, the model is not to be had, or is no longer the recorded one.
    """
    if not (folder / BASE).exists():
        raise LampError(f"no language model in {folder}; `lamp run --until {STAGE}` makes it")
    recorded = json.loads((folder / BASE).read_text())
    checkpoint = str(recorded["checkpoint"])
    source = str(folder) if checkpoint == FROM_SCRATCH else place_of(folder.parent.parent, checkpoint)
    base = load_checkpoint(source, device, quantise, is_from_scratch=checkpoint == FROM_SCRATCH)
    if base.identity != recorded["identity"]:
        raise LampError(
            f"the language model {checkpoint} is no longer the one that data/{STAGE} was made for; "
            f"`lamp run --force {STAGE}` takes the present one"
        )
    return CausalModel(base.model, base.tokenizer, checkpoint, base.identity)


def place_of(root: Path, checkpoint: str) -> str:
    """A folder below the project's root or anywhere, or else the name of a model."""
    return str(root / checkpoint) if (root / checkpoint).is_dir() else checkpoint


def load_checkpoint(
    source: str, device: torch.device, quantise: str = "none", *, is_from_scratch: bool = False
) -> CausalModel:
    """Load a causal language model by folder or name, frozen, in evaluation mode, on the device.

    On a device that trains in bfloat16 the frozen weights are kept in bfloat16; the one from scratch stays in
    float32.

    Raises:
        LampError: there is none, or it cannot be quantised here.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loading = quantisation(quantise, device)
    is_half = not is_from_scratch and device.type == "cuda" and is_bfloat16(device)
    try:
        with no_progress_bar():
            model = AutoModelForCausalLM.from_pretrained(
                source, dtype=torch.bfloat16 if is_half else torch.float32, **loading
            )
        tokenizer = AutoTokenizer.from_pretrained(source)
        identity = identity_of(source)
    except (OSError, ValueError) as error:
        raise LampError(
            f"language model '{source}' is no folder of a causal language model and was not found by name; "
            "set language_model.checkpoint to `from-scratch`, or to a folder with config.json, weights "
            "and tokenizer"
        ) from error
    if not loading:
        model = model.to(device)
    return CausalModel(model.eval().requires_grad_(False), tokenizer, source, identity)


def identity_of(source: str) -> str:
    """Return the hash of a model's configuration and weights.

    Args:
        source: a folder, or the name of a model that was loaded before.

    Raises:
        OSError: there are no weights.
    """
    folder = Path(source)
    if not folder.is_dir():
        from transformers.utils.hub import cached_file

        folder = Path(str(cached_file(source, CONFIG))).parent
    files = sorted(file for pattern in WEIGHTS for file in folder.glob(pattern))
    if not files:
        raise OSError(f"no weights in {folder}")
    digest = hashlib.sha256((folder / CONFIG).read_bytes())
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def quantisation(quantise: str, device: torch.device) -> dict[str, Any]:
    """Return what `from_pretrained` is told to load weights in 8 or 4 bits.

    Raises:
        LampError: the device is no CUDA device, or the extra is not installed.
    """
    if quantise == "none":
        return {}
    if device.type != "cuda":
        raise LampError(f"m2t.quantise={quantise} needs a CUDA device; here it is none")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise LampError(f"m2t.quantise={quantise} needs the extra: pip install 'lamp-motion[quantised]'")
    from transformers import BitsAndBytesConfig

    if quantise == "8bit":
        how = BitsAndBytesConfig(load_in_8bit=True)
    else:
        how = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    return {"quantization_config": how, "device_map": {"": device}}
