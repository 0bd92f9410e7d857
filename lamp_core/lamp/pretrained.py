"""A LaMP that was pretrained elsewhere, on another data set, taken as it is (LaMP, appendix A.4)."""

import shutil
from pathlib import Path

from lamp_core.errors import LampError
from lamp_core.lamp.model import LaMPShape
from lamp_core.training.model_files import read_model_config, read_settings


def take_over(source: Path, target: Path, code_dim: int) -> LaMPShape:
    """Copy a pretrained model with its vocabulary and curves, when it fits the tokenizer of this data set.

    The text side, which conditions text to motion, carries over. The motion side reads the latents of another
    tokenizer, so retrieval and matching with it say little.

    Args:
        source: folder that `save_lamp` wrote.
        target: folder to write to.
        code_dim: numbers a code of the tokenizer here.

    Raises:
        LampError: there is no model in ``source``, or it reads latents of another width.
    """
    shape = read_settings(source, LaMPShape, read_model_config(source))
    if shape.code_dim != code_dim:
        raise LampError(
            f"the LaMP in {source} reads codes of width {shape.code_dim}, the tokenizer here writes "
            f"{code_dim}; use --set tokenizer.code_dim={shape.code_dim}"
        )
    shutil.copytree(source, target, dirs_exist_ok=True)
    return shape
