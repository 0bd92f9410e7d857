"""Words of the captions that a model was trained on."""

from pathlib import Path

from lamp_core.datasets.clip_list import ClipList
from lamp_core.lamp.text import TextTokenizer
from lamp_core.lexical.words import split_words


def training_words(tokenizer: TextTokenizer, features: Path) -> dict[tuple[int, ...], str]:
    """Words in several pieces, by these: those of the train split's captions.

    Args:
        tokenizer: of the model.
        features: folder of the clips.
    """
    clips = ClipList.load(features)
    of_train = (
        caption.text
        for split, captions in zip(clips.splits, clips.captions, strict=True)
        for caption in (captions if split == "train" else ())
    )
    return split_words(tokenizer, of_train)
