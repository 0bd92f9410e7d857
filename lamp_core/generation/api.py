"""Text to motion with the trained models below a project's data folder.

Shapes: T frames, J joints.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.datasets.motion_file import FeatureSpace
from lamp_core.errors import LampError
from lamp_core.features.decode import decode
from lamp_core.generation.generator import MotionGenerator, load_generator
from lamp_core.skeleton.skeleton import Skeleton


@dataclass(frozen=True)
class GeneratedMotions:
    """Motions of one text.

    Args:
        joints: (T, J, 3) each, in the skeleton's unit.
        skeleton: of the data set that the models were trained on.
    """

    joints: list[np.ndarray]
    skeleton: Skeleton


def generate(
    data: Path, text: str, count: int = 1, seconds: float | None = None, seed: int = 0
) -> GeneratedMotions:
    """Generate motions of a text.

    Args:
        data: the project's data folder.
        text: what the person does.
        count: how many motions.
        seconds: their length; estimated from the text without it.
        seed: same seed, text and models, same motions.

    Raises:
        LampError: an empty text, a length that the model cannot make, or stages that have not run.
    """
    if not text.strip():
        raise LampError("the text is empty; say what the person does")
    if count < 1:
        raise LampError(f"{count} motions asked for; at least 1")
    space = FeatureSpace.load(data / "features")
    generator = load_generator(data)
    captions = [text] * count
    frames = (
        generator.lengths(captions, seed) if seconds is None else [_frames(seconds, space, generator)] * count
    )
    motions = generator.generate(captions, frames, seed)
    joints = [
        decode(torch.as_tensor(space.statistics.denormalise(motion)), space.skeleton).numpy()
        for motion in motions
    ]
    return GeneratedMotions(joints, space.skeleton)


def _frames(seconds: float, space: FeatureSpace, generator: MotionGenerator) -> int:
    rate = space.skeleton.frames_per_second
    longest = generator.transformer.max_tokens * DOWNSAMPLING
    frames = round(seconds * rate)
    if not DOWNSAMPLING <= frames <= longest:
        raise LampError(
            f"{seconds:g} s cannot be generated; between {DOWNSAMPLING / rate:g} and {longest / rate:g} s can"
        )
    return frames
