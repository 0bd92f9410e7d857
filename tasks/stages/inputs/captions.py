"""Texts that a language model or a text encoder is made of: captions of a split, and further folders."""

from typing import Literal

from lamp_core.config import LanguageModel, LexicalText
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.m2t.texts import Texts, read_texts
from tasks.dvc.content import folder_hash
from tasks.stage.process import StageContext


def captions_of(features: FeatureSet, split: str) -> list[str]:
    """All captions of a split, but empty ones."""
    captions = (caption.text for index in features.of_split(split) for caption in features.captions[index])
    return [caption for caption in captions if caption.strip()]


def further_texts(stage: StageContext, section: Literal["language_model", "lexical_text"]) -> Texts:
    """The texts of ``SECTION.texts``, the same content that the parameters were written for.

    Raises:
        LampError: a folder is not there, or holds something else.
    """
    settings: LanguageModel | LexicalText = getattr(stage.config, section)
    folders = [stage.data.parent / folder for folder in settings.texts]
    try:
        texts = read_texts(folders)
    except LampError as error:
        raise LampError(f"{section}.texts: {error}") from error
    if " ".join(map(folder_hash, folders)) != settings.texts_hash:
        raise LampError(
            f"the folders of {section}.texts are not what params.yaml was written for; `lamp run` notes "
            "their content"
        )
    return texts
