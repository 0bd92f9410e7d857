"""A frozen text encoder by name or folder: a CLIP text model, a BERT, or a sentence encoder.

Shapes: B batch, N captions, L word pieces, H width of the states, W width of the embeddings.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lamp_core.errors import LampError
from lamp_core.io.quiet import no_progress_bar
from lamp_core.lamp.minilm import minilm_folder
from lamp_core.lamp.prompt import losses_by
from lamp_core.training.distribution import gather_objects, share

MAX_TEXT_TOKENS = 128
BATCH_CAPTIONS = 256
CLIP = ("clip", "clip_text_model")


class TextEncoder:
    """Captions to one vector each.

    A CLIP model gives the projected state of the end of the text; any other the mean of its word states.

    Args:
        model: of transformers, frozen, in evaluation mode.
        tokenizer: of transformers; what it cuts must fit the model's positions.
        max_text_tokens: most word pieces of a caption.
    """

    def __init__(self, model: Any, tokenizer: Any, max_text_tokens: int) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_text_tokens = max_text_tokens

    @classmethod
    def load(cls, name: str, device: torch.device | None = None) -> "TextEncoder":
        """Load `minilm` (packaged, offline), or a model by its name or folder.

        Raises:
            LampError: the extra `minilm` is not installed, or no text model has this name.
        """
        from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextModelWithProjection

        source = str(minilm_folder()) if name == "minilm" else name
        try:
            config = AutoConfig.from_pretrained(source)
            kind = CLIPTextModelWithProjection if config.model_type in CLIP else AutoModel
            with no_progress_bar():
                model = kind.from_pretrained(source)
            tokenizer = AutoTokenizer.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise LampError(
                f"text encoder '{name}' is no folder of a text model and was not found by name; known here: "
                "minilm, or a folder with config.json, model.safetensors and tokenizer.json"
            ) from error
        positions = getattr(model.config, "max_position_embeddings", MAX_TEXT_TOKENS)
        model = model.to(device or torch.device("cpu")).eval().requires_grad_(False)
        return cls(model, tokenizer, min(MAX_TEXT_TOKENS, positions, tokenizer.model_max_length))

    def losses(self, prompt: str) -> list[str]:
        """A line for the words of a prompt that are unknown, and one for what is cut, where there are any."""
        return losses_by(self.tokenizer, prompt, self.max_text_tokens)

    @torch.no_grad()
    def embeddings(self, captions: Sequence[str], *, together: bool = False) -> Tensor:
        """Return (N, W) embeddings, not normalised, on the CPU.

        Args:
            captions: at least one.
            together: every process that trains asks for the same captions, and reads its share of the
                batches; each is read as one process reads it.
        """
        # Captions of similar length are read together, so that less is padded.
        order = sorted(range(len(captions)), key=lambda place: len(captions[place]))
        starts = range(0, len(order), BATCH_CAPTIONS)
        parts = {
            start: self._embed([captions[place] for place in order[start : start + BATCH_CAPTIONS]])
            for start in (share(starts) if together else starts)
        }
        if together:
            parts = {start: part for found in gather_objects(parts) for start, part in found.items()}
        return torch.cat([parts[start] for start in starts])[torch.tensor(order).argsort()]

    def _embed(self, captions: list[str]) -> Tensor:
        words = self.tokenizer(
            captions, padding=True, truncation=True, max_length=self.max_text_tokens, return_tensors="pt"
        ).to(self.model.device)
        output = self.model(**words)
        if hasattr(output, "text_embeds"):
            embedded_BW: Tensor = output.text_embeds
            return embedded_BW.cpu()
        states_BLH, mask_BL1 = output.last_hidden_state, words["attention_mask"][..., None].float()
        means_BH: Tensor = ((states_BLH * mask_BL1).sum(1) / mask_BL1.sum(1)).cpu()
        return means_BH
