"""What a text says to text to motion in words of the lexical vocabulary (lexical pretraining, Table 4).

The paper puts its text encoder in the place of CLIP's, one vector a text, and does not say which. Here it is
the lexical vector, carried by the word embeddings: their mean under the weights of the words, normalised. It
is as wide as the encoder whatever the vocabulary, and knows nothing but the words.

Shapes: N captions, V vocabulary, H width of the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.lamp.prompt import losses
from lamp_core.lexical.folder import load_lexical
from lamp_core.lexical.vectors import LexicalVectors, units


@dataclass(frozen=True)
class LexicalConditions:
    """One vector of the frozen lexical text encoder for each caption.

    Args:
        vectors: of the lexical model.
    """

    vectors: LexicalVectors

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "LexicalConditions":
        """Load what the stage `lexical_contrast` wrote.

        Raises:
            LampError: it has not run, or its vectors are dense.
        """
        model, tokenizer = load_lexical(folder)
        if not model.is_lexical:
            raise LampError(
                f"{folder} has dense vectors, which have no words; set {folder.name}.representation"
            )
        return cls(LexicalVectors(model.to(device), tokenizer))

    def losses(self, prompt: str) -> list[str]:
        """What of a prompt the text encoder does not know or does not read."""
        return losses(self.vectors.tokenizer, prompt)

    @torch.no_grad()
    def __call__(self, captions: Sequence[str]) -> list[Tensor]:
        """Return the vectors (1, H)."""
        words_VH = self.vectors.model.text.words_VH.float().cpu()
        states_NH = torch.from_numpy(units(self.vectors.text_weights(captions))) @ words_VH
        return list(F.layer_norm(states_NH, words_VH.shape[1:])[:, None])
