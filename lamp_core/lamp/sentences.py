"""Vectors of captions by a frozen sentence encoder, which LaMP may read beside its own text side.

Shapes: N captions, W width of the encoder.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.io.disk import replacing
from lamp_core.lamp.text_encoder import TextEncoder

NO_ENCODER, MINILM = "none", "minilm"
WIDTHS = {NO_ENCODER: 0, MINILM: 384}
SENTENCES = "sentences.safetensors"
"""In the folder of a LaMP: the vectors of the captions that it was trained on."""
VECTORS, CAPTIONS = "vectors", "captions"
REMEDY = "`lamp run --force pretrain` makes it anew, and without it captions are read again"


def sentence_dim(encoder: str) -> int:
    """W of a sentence encoder by its name; 0 for none."""
    return WIDTHS[encoder]


class SentenceVectors:
    """Captions to unit vectors (N, W) on the CPU; each caption is read once.

    Args:
        encoder: frozen.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self._known: dict[str, Tensor] = {}
        self._recalled: set[Path] = set()

    def __call__(self, captions: Sequence[str], *, together: bool = False) -> Tensor:
        """Return the vectors of captions, in their order.

        Args:
            captions: any.
            together: every process that trains asks for these captions, and reads its share of them.
        """
        new = sorted(set(captions) - self._known.keys())
        if new:
            vectors_NW = F.normalize(self.encoder.embeddings(new, together=together), dim=-1)
            self._known.update(zip(new, vectors_NW, strict=True))
        return torch.stack([self._known[caption] for caption in captions])

    def save(self, folder: Path, captions: Sequence[str]) -> None:
        """Write the vectors of captions, so that no later stage reads these again."""
        different = sorted(set(captions))
        vectors_NW = self(different)
        with replacing(folder / SENTENCES, vectors_NW.nbytes, "the vectors of the captions") as path:
            save_file({VECTORS: vectors_NW}, path, {CAPTIONS: json.dumps(different)})

    def recall(self, folder: Path) -> None:
        """Take over what `save` wrote, where it did; once a folder.

        Raises:
            LampError: the file is damaged.
        """
        path = folder / SENTENCES
        if path in self._recalled or not path.exists():
            return
        try:
            with safe_open(path, "pt") as stored:
                captions, vectors_NW = json.loads(stored.metadata()[CAPTIONS]), stored.get_tensor(VECTORS)
            known = dict(zip(captions, vectors_NW, strict=True))
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise LampError(f"{path} is damaged; {REMEDY}") from error
        if not torch.isfinite(vectors_NW).all():
            raise LampError(f"{path} holds what is no number; {REMEDY}")
        self._recalled.add(path)
        self._known = {**known, **self._known}


@cache
def sentence_vectors(encoder: str, device: torch.device) -> SentenceVectors:
    """Return the vectors of a sentence encoder, which all of this process share.

    Args:
        encoder: `minilm`, the packaged one.
        device: where it runs.

    Raises:
        LampError: the extra `minilm` is not installed.
    """
    return SentenceVectors(TextEncoder.load(encoder, device))
