"""A trained model and the tokenizer whose codes or latents it learned: ``tokenizer.json`` beside its weights.

With another tokenizer its numbers would mean something else, and nothing else would notice.
"""

import json
from pathlib import Path

from lamp_core.errors import LampError
from lamp_core.io.disk import write_text
from lamp_core.tokenizers.protocol import MotionTokenizer

FILE = "tokenizer.json"


def bind(folder: Path, tokenizer: MotionTokenizer) -> None:
    """Note beside a model which tokenizer it was trained with.

    Raises:
        LampError: the disk is full.
    """
    text = json.dumps({"identity": tokenizer.identity()}, indent=2) + "\n"
    write_text(folder / FILE, text, f"{folder.name}/{FILE}")


def check_bound(folder: Path, tokenizer: MotionTokenizer) -> None:
    """Refuse a model that was trained with another tokenizer than the one at hand.

    Raises:
        LampError: it was, or nothing says with which.
    """
    path = folder / FILE
    found = str(json.loads(path.read_text())["identity"]) if path.exists() else "unknown"
    if found != tokenizer.identity():
        raise LampError(
            f"the model in {folder} was trained with another tokenizer ({found[:12]}) than the one beside it "
            f"({tokenizer.identity()[:12]}); `lamp run --force {folder.name}` trains it anew"
        )
