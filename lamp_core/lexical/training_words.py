"""Words of the captions that a model was trained on."""

from pathlib import Path

from lamp_core.datasets.columns import captions_of
from lamp_core.datasets.features_store import FEATURES_FILE
from lamp_core.datasets.schema import FEATURES
from lamp_core.io.parquet import open_parquet
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.words import split_words


def training_words(tokenizer: TextTokenizer, features: Path) -> dict[tuple[int, ...], str]:
    """Words in several pieces, by these: those of the train split's captions, which alone are read.

    Args:
        tokenizer: of the model.
        features: folder of the stage ``features``.

    Raises:
        LampError: the folder holds no features.
    """
    table = open_parquet(features / FEATURES_FILE, FEATURES).read(columns=["split", "captions"])
    captions = (captions for chunk in table["captions"].chunks for captions in captions_of(chunk))
    of_clips = zip(table["split"].to_pylist(), captions, strict=True)
    return split_words(
        tokenizer, (caption.text for split, said in of_clips if split == "train" for caption in said)
    )
