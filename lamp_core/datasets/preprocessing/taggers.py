"""Who tags a caption that comes without tags: spaCy when the user has its English model, else the built-in
tagger (`lamp_core.datasets.preprocessing.tagging`).

The words are those of HumanML3D's own preparation: letters only, verbs and nouns in their base form but for
"left", which a tagger takes for a form of "leave".
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lamp_core.datasets.captions import BUILT_IN, Caption
from lamp_core.errors import LampError

SPACY_MODEL = "en_core_web_sm"
BASE_FORM_TAGS = {"NOUN", "VERB"}
SIDE = "left"

Retag = Callable[[Caption], Caption]


def retagger(tagger: str) -> Retag:
    """What gives captions without tags of their own their tags.

    Args:
        tagger: ``built-in``, ``spacy``, or ``auto``: spaCy when its model is there.

    Returns:
        A function that returns captions from the source's files unchanged.

    Raises:
        LampError: ``spacy`` without spaCy or its model.
    """
    model = None if tagger == BUILT_IN else _spacy_model()
    if model is None:
        if tagger == "spacy":
            raise LampError(
                f"ingest.tagger is spacy, but spaCy or its model is missing; install the extra spacy and"
                f" the model {SPACY_MODEL}, or set ingest.tagger to built-in"
            )
        return lambda caption: caption
    return lambda caption: _by_spacy(caption, model) if caption.tags_by == BUILT_IN else caption


@lru_cache(maxsize=1)
def _spacy_model() -> Any:
    """The English model, or None when it or spaCy is not installed."""
    try:
        import spacy

        return spacy.load(SPACY_MODEL, exclude=["parser", "ner"])
    except (ImportError, OSError):
        return None


def _by_spacy(caption: Caption, model: Any) -> Caption:
    """The caption with spaCy's words and tags, universal parts of speech.

    As it was where spaCy has no word of letters, a pipeline without a tagger leaves one untagged, or the
    words are of a script that marks letters, which the model does not know.
    """
    if any(not word.isalnum() for word in caption.words):
        return caption
    tokens = [token for token in model(caption.text.replace("-", "")) if token.text.isalpha()]
    tags = tuple(str(token.pos_) for token in tokens)
    if not tags or not all(tags):
        return caption
    words = [
        token.lemma_.lower() or token.text.lower()
        if token.pos_ in BASE_FORM_TAGS and token.text.lower() != SIDE
        else token.text.lower()
        for token in tokens
    ]
    version = model.meta["version"]
    return Caption(
        caption.text, tuple(words), tags, caption.start, caption.end, f"spacy {SPACY_MODEL} {version}"
    )
