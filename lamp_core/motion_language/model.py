"""A causal language model that learns to speak motion, by LoRA or as a whole (MotionGPT-2, section IV).

Shapes: B batch, L words from the first predicted one on, V vocabulary.
"""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from lamp_core.config.motion_language import LanguageTuning
from lamp_core.errors import LampError
from lamp_core.motion_language.vocabulary import MotionVocabulary
from lamp_core.segments import SegmentBatch, next_token_logits
from lamp_core.training.partly_trained import PartlyTrained

EVERY_LINEAR_LAYER = "all-linear"
"""What peft calls all linear layers but the output: the paper's 89 million numbers of a LLaMA 3 of 8 billion
are these at rank 32, and the rows of the words of motion."""


class MotionLanguageModel(PartlyTrained):
    """The language model while it is tuned.

    Its state is what is trained and nothing else, so that checkpoints are small whatever the model is.

    Args:
        language: causal model of transformers, frozen, that knows the words of motion.
        vocabulary: these words.
        settings: how it is tuned.

    Raises:
        LampError: LoRA finds nothing to adapt.
    """

    def __init__(self, language: Any, vocabulary: MotionVocabulary, settings: LanguageTuning) -> None:
        super().__init__()
        if settings.gradient_checkpointing:
            language.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        self.is_adapted = settings.tuning == "lora"
        if self.is_adapted:
            self.language = with_lora(language, vocabulary, settings)
        else:
            self.language = language.float().requires_grad_(True)
        self.note_trained()

    def forward(self, batch: SegmentBatch) -> Tensor:
        """Return float32 logits (B, L, V) of each predicted word, given what stands before it."""
        return next_token_logits(self.language, batch)

    @torch.no_grad()
    def merged(self) -> Any:
        """Return the plain model of transformers, what was trained put into its weights, in float32; once.

        Frozen weights of bfloat16 would round small updates away.
        """
        return self.language.float().merge_and_unload() if self.is_adapted else self.language


def with_lora(language: Any, vocabulary: MotionVocabulary, settings: LanguageTuning) -> Any:
    """Return the frozen model with LoRA on its linear layers, and the rows of the words of motion trained.

    Raises:
        LampError: there is no layer of the given names.
    """
    from peft import LoraConfig, get_peft_model

    rows = list(range(vocabulary.first, vocabulary.end))
    targets = list(settings.target_modules) or EVERY_LINEAR_LAYER
    how = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets,
        trainable_token_indices=dict.fromkeys(_word_layers(language), rows),
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that will change in peft, and of tied weights
            adapted = get_peft_model(language, how)
    except ValueError as error:
        raise LampError(f"target_modules {targets}: {str(error).splitlines()[0]}") from error
    for parameter in adapted.parameters():
        if parameter.requires_grad:  # small steps are lost in bfloat16, whatever the frozen weights are
            parameter.data = parameter.data.float()
    return adapted


def _word_layers(language: Any) -> list[str]:
    """Names of the layers that have a row a word: the embedding, and the output where it is another."""
    embedding, output = language.get_input_embeddings(), language.get_output_embeddings()
    wanted = [embedding] if output is None or output.weight is embedding.weight else [embedding, output]
    names = {id(module): name.rpartition(".")[2] for name, module in language.named_modules()}
    return [names[id(layer)] for layer in wanted]


def parameters_of(model: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
