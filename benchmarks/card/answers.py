"""What trained models make on the device beside what they make on the CPU: motions and captions."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from benchmarks.card.check import Failed, Finding, Form, Skipped
from benchmarks.card.draws import DrawnOnCpu
from benchmarks.card.project import CardProject, small_project
from benchmarks.card.settings import environment
from lamp_core.config import override
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.m2t.captioner import Captioner, load_captioner
from lamp_core.m2t.training import CaptionedMotion, CaptionTable, validation_loss
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import Model
from lamp_core.tokenizers.clips import latents_of_clips
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.inputs.clips import normalised

Made = TypeVar("Made")
COUNT, FRAMES, SEED = 8, 60, 0
CLOSE = 0.05
"""Largest difference of a normalised feature of the same motion: convolutions take TF32 on a card."""
LEAST_ALIKE = 0.75
"""Share of motions or captions: a code or word whose probability is nearly another's may fall otherwise."""
LOSS_TOLERANCE = 0.005
"""Largest difference of the captions' loss, as a share."""
QUANTISED = "4bit"
QUANTISED_TOLERANCE = 0.1
PACKAGES = ("bitsandbytes", "accelerate")


def model_of(name: str) -> Model:
    """The model of this name."""
    return next(model for model in MODELS if model.name == name)


def generation(name: str, form: Form) -> Finding:
    """Motions of the same texts and seed by a model on the device and on the CPU."""
    data = _with_model(name, form)
    texts = [item.captions[0].text for item in items_of(FeatureSet.load(data / "features"))][:COUNT]

    def motions(device: torch.device) -> Sequence[np.ndarray]:
        made: Sequence[np.ndarray] = (
            model_of(name).load(data, device).generate(texts, [FRAMES] * len(texts), SEED)
        )
        return made

    exact, found = _both(motions, form)
    apart = [float(np.abs(mine - its).max()) for mine, its in zip(found, exact, strict=True)]
    alike = sum(each <= CLOSE for each in apart)
    said = f"{alike} of {len(apart)} motions within {CLOSE:g} of the CPU's, median {np.median(apart):.2g}"
    if not all(np.isfinite(motion_TD).all() for motion_TD in found):
        raise Failed("a motion is not finite")
    if alike < LEAST_ALIKE * len(apart):
        raise Failed(f"{said}; {100 * LEAST_ALIKE:g} % are to be")
    return Finding(said, {"alike": alike / len(apart), "median_difference": float(np.median(apart))})


def captioning(name: str, form: Form) -> Finding:
    """Captions of the same motions on the device and on the CPU, and their loss by a model that has one."""
    data = _with_model(name, form)

    def captions(device: torch.device) -> tuple[list[str], float | None]:
        return _captions(model_of(name).load(data, device), data, device)

    (exact, exact_loss), (found, loss) = _both(captions, form)
    alike = sum(mine == its for mine, its in zip(found, exact, strict=True)) / len(exact)
    said, numbers = f"{100 * alike:.0f} % of {len(exact)} captions are the CPU's", {"alike": alike}
    if loss is not None and exact_loss is not None:
        difference = abs(loss - exact_loss) / exact_loss
        said += f", loss {loss:.4f} and {exact_loss:.4f}"
        numbers |= {"loss": loss, "difference": difference}
        if not difference <= LOSS_TOLERANCE:
            raise Failed(f"{said}: {100 * difference:.2g} % apart")
    if alike < LEAST_ALIKE:
        raise Failed(f"{said}; {100 * LEAST_ALIKE:g} % are to be")
    return Finding(said, numbers)


def quantised(form: Form) -> Finding:
    """Training and captions with the language model's weights in four bits, beside those in float32."""
    missing = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
    if form.is_dry:
        raise Skipped("weights of four bits need a CUDA card")
    if missing:
        raise Skipped(f"without {', '.join(missing)}: pip install 'lamp-motion[quantised]'")
    small = small_project(form)
    exact = small.made("m2t")
    data = form.folder / "quantised" / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name in CATALOGUE.stages["m2t"].reads:
        (data / name).symlink_to(small.data / name)
    config = override(small.config, [f"m2t.quantise={QUANTISED}"])
    found = CardProject(data, config).run("m2t", form.device, output=data / "m2t", is_drawn_on_cpu=False)
    difference = found.difference(exact)
    said = f"loss {found}, {exact} with whole weights ({100 * difference:.2g} %)"
    if not difference <= QUANTISED_TOLERANCE:
        raise Failed(f"{said}; at most {100 * QUANTISED_TOLERANCE:g} % are allowed")
    captions, loss = _captions(load_captioner(data, form.device), data, form.device)
    return Finding(f"{said}; {len(captions)} captions, loss {loss:.4f}", {"difference": difference})


def _with_model(name: str, form: Form) -> Path:
    """The small project's data folder, with all that the model consists of."""
    project = small_project(form)
    for stage in ("features", *model_of(name).made_of):
        project.made(stage)
    return project.data


def _both(make: Callable[[torch.device], Made], form: Form) -> tuple[Made, Made]:
    """What is made on the CPU and on the device, in float32 and of the same random numbers."""
    with environment(LAMP_PRECISION="float32"):
        with DrawnOnCpu():
            exact = make(torch.device("cpu"))
        with DrawnOnCpu():
            return exact, make(form.device)


def _captions(model: Any, data: Path, device: torch.device) -> tuple[list[str], float | None]:
    """Captions of motions by a model, and the loss of the true ones by LaMP-M2T."""
    features = FeatureSet.load(data / "features")
    items = items_of(features)[:COUNT]
    motions = [np.asarray(normalised(features, item.features_TD), dtype=np.float32) for item in items]
    captions = model.captions([motion_TD[: model.longest_frames] for motion_TD in motions])
    if not isinstance(model, Captioner):
        return captions, None
    latents = latents_of_clips(model.tokenizer, motions)
    most = model.longest_frames // model.tokenizer.downsampling
    true = [
        CaptionedMotion(latents_SC[:most], tuple(caption.text for caption in item.captions))
        for latents_SC, item in zip(latents, items, strict=True)
    ]
    return captions, validation_loss(model.model, CaptionTable(true, model.model, device))["val_loss"]
