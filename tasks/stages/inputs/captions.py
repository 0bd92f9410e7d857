"""Captions that a text encoder and its vocabulary are made of: those of a split, and of further folders."""

from lamp_core.config import LexicalText
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.m2t.texts import Texts, read_texts
from tasks.dvc.content import folder_hash
from tasks.stage.process import StageContext


def captions_of(features: FeatureSet, split: str) -> list[str]:
    """All captions of a split, but empty ones."""
    captions = (caption.text for index in features.of_split(split) for caption in features.captions[index])
    return [caption for caption in captions if caption.strip()]


def further_texts(stage: StageContext, settings: LexicalText) -> Texts:
    """The texts of ``lexical_text.texts``, the same content that the parameters were written for.

    Raises:
        LampError: a folder is not there, or holds something else.
    """
    folders = [stage.data.parent / folder for folder in settings.texts]
    try:
        texts = read_texts(folders)
    except LampError as error:  # it names the parameter of the language model
        raise LampError(f"lexical_text.texts: {str(error).partition(': ')[2]}") from error
    if " ".join(map(folder_hash, folders)) != settings.texts_hash:
        raise LampError(
            "the folders of lexical_text.texts are not what params.yaml was written for; `lamp run` notes "
            "their content"
        )
    return texts
