"""Search with the trained models below a project's data folder."""

from pathlib import Path

import torch

from lamp_core.datasets.motion_file import Gate, read_motion
from lamp_core.errors import LampError
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import load_lamp
from lamp_core.lamp.prompt import say_what_is_lost
from lamp_core.retrieval.gallery import Gallery, Hit
from lamp_core.tokenizers.clips import latents_of_clips
from lamp_core.tokenizers.folder import load_tokenizer


def search_text(data: Path, text: str, top: int) -> list[Hit]:
    """Return the test clips whose motion is most similar to a text.

    Raises:
        LampError: an empty text, or the stages up to ``retrieval`` have not run.
    """
    if not text.strip():
        raise LampError("the text is empty; say what the person does")
    gallery = Gallery.load(data / "retrieval")
    features = LampFeatures(*load_lamp(data / "pretrain"))
    say_what_is_lost(features.tokenizer, text)
    return gallery.motions_for(features.text_embeddings([text])[0], top)


def search_motion(data: Path, path: Path, top: int, gate: Gate | None = None) -> list[Hit]:
    """Return the captions of test clips most similar to the motion in a file (.npy joints or features, .bvh).

    Raises:
        LampError: the file cannot be used, or the stages up to ``retrieval`` have not run.
    """
    gallery = Gallery.load(data / "retrieval")
    motion_TD = read_motion(path, data / "features", gate)
    latents = latents_of_clips(load_tokenizer(data / "tokenizer"), [motion_TD])
    with torch.no_grad():
        motion_QP = LampFeatures(*load_lamp(data / "pretrain")).motion_embeddings(latents)[0]
    return gallery.captions_for(motion_QP, top)
