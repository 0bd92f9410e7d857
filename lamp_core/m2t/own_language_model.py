"""The language model that is trained here: a small OPT over word pieces of the captions.

On disk it is an ordinary folder of transformers, which its Auto classes load.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import processors

from lamp_core.config.captioning import LanguageModel
from lamp_core.io.quiet import no_progress_bar
from lamp_core.lamp.text import train_vocabulary

BEGIN, END, PADDING = "[CLS]", "[SEP]", "[PAD]"


def own_tokenizer(sentences: Iterable[str], prompt: str, settings: LanguageModel) -> Any:
    """Return a tokenizer of transformers over the words of the prompt and the most frequent words.

    Args:
        sentences: that the model is trained on; the same ones give the same vocabulary.
        prompt: its words are in the vocabulary however rare they are.
        settings: section ``language_model``.
    """
    from transformers import PreTrainedTokenizerFast

    sentences = list(sentences)
    weighted = [*sentences, *[prompt] * len(sentences)]
    pieces = train_vocabulary(weighted, settings.vocabulary_size, settings.max_positions).pieces
    pieces.no_truncation()
    pieces.no_padding()
    begin = (BEGIN, pieces.token_to_id(BEGIN))
    pieces.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[begin]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        model_max_length=settings.max_positions,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PADDING,
        unk_token="[UNK]",
        padding_side="right",
    )


def own_model(tokenizer: Any, settings: LanguageModel) -> Any:
    """Return an untrained OPT of the configured size over the tokenizer's vocabulary."""
    from transformers import OPTConfig, OPTForCausalLM

    config = OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_dim,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        ffn_dim=settings.feed_forward_dim,
        max_position_embeddings=settings.max_positions,
        dropout=settings.dropout,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return OPTForCausalLM(config)


def save_own(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write ``config.json``, ``model.safetensors`` and the tokenizer's files."""
    with no_progress_bar():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
