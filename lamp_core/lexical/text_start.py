"""What the text encoder starts from: nothing, the packaged MiniLM, or any BERT or DistilBERT checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lamp_core.config.base import FROM_SCRATCH
from lamp_core.config.lexical import LexicalText
from lamp_core.errors import LampError
from lamp_core.io.quiet import no_progress_bar
from lamp_core.lamp.minilm import minilm_folder
from lamp_core.lamp.text import FILE, TextTokenizer, train_vocabulary
from lamp_core.lexical.text_encoder import TextEncoder, TextShape
from lamp_core.lexical.words import Vocabulary

BERT = {
    "embedding.word": "bert.embeddings.word_embeddings",
    "embedding.position": "bert.embeddings.position_embeddings",
    "embedding.segment": "bert.embeddings.token_type_embeddings",
    "embedding.norm": "bert.embeddings.LayerNorm",
    "blocks.N.attention.query": "bert.encoder.layer.N.attention.self.query",
    "blocks.N.attention.key": "bert.encoder.layer.N.attention.self.key",
    "blocks.N.attention.value": "bert.encoder.layer.N.attention.self.value",
    "blocks.N.attention.output": "bert.encoder.layer.N.attention.output.dense",
    "blocks.N.attention_norm": "bert.encoder.layer.N.attention.output.LayerNorm",
    "blocks.N.feed_forward.0": "bert.encoder.layer.N.intermediate.dense",
    "blocks.N.feed_forward.2": "bert.encoder.layer.N.output.dense",
    "blocks.N.norm": "bert.encoder.layer.N.output.LayerNorm",
    "head.transform.0": "cls.predictions.transform.dense",
    "head.transform.2": "cls.predictions.transform.LayerNorm",
}
DISTILBERT = {
    "embedding.word": "distilbert.embeddings.word_embeddings",
    "embedding.position": "distilbert.embeddings.position_embeddings",
    "embedding.norm": "distilbert.embeddings.LayerNorm",
    "blocks.N.attention.query": "distilbert.transformer.layer.N.attention.q_lin",
    "blocks.N.attention.key": "distilbert.transformer.layer.N.attention.k_lin",
    "blocks.N.attention.value": "distilbert.transformer.layer.N.attention.v_lin",
    "blocks.N.attention.output": "distilbert.transformer.layer.N.attention.out_lin",
    "blocks.N.attention_norm": "distilbert.transformer.layer.N.sa_layer_norm",
    "blocks.N.feed_forward.0": "distilbert.transformer.layer.N.ffn.lin1",
    "blocks.N.feed_forward.2": "distilbert.transformer.layer.N.ffn.lin2",
    "blocks.N.norm": "distilbert.transformer.layer.N.output_layer_norm",
    "head.transform.0": "vocab_transform",
    "head.transform.2": "vocab_layer_norm",
}
NAMES = {"bert": BERT, "distilbert": DISTILBERT}
"""Our modules' names and theirs, by the family of the checkpoint; N is the number of a layer."""
HEAD_BIAS = {"bert": "cls.predictions.bias", "distilbert": "vocab_projector.bias"}


def new_text(settings: LexicalText, captions: Sequence[str]) -> tuple[TextEncoder, TextTokenizer]:
    """Return a text encoder with what ``lexical_text.backbone`` names in it, and its vocabulary.

    Args:
        settings: section ``lexical_text``.
        captions: of the train split and from elsewhere; a vocabulary from scratch is made of them.

    Raises:
        LampError: the checkpoint is no folder with a BERT or DistilBERT in it, nor to be had by name.
    """
    if settings.backbone.checkpoint == FROM_SCRATCH:
        return _from_scratch(settings, captions)
    checkpoint = settings.backbone.checkpoint
    return _pretrained(str(minilm_folder()) if checkpoint == "minilm" else checkpoint, settings)


def _from_scratch(settings: LexicalText, captions: Sequence[str]) -> tuple[TextEncoder, TextTokenizer]:
    backbone = settings.backbone
    tokenizer = train_vocabulary(captions, backbone.vocabulary_size, settings.max_text_tokens)
    shape = TextShape(
        layers=backbone.layers,
        hidden_dim=backbone.hidden_dim,
        heads=backbone.heads,
        feed_forward_dim=4 * backbone.hidden_dim,
        max_positions=settings.max_text_tokens,
        vocabulary_size=tokenizer.size,
        max_text_tokens=settings.max_text_tokens,
        decoder_layers=settings.decoder_layers,
        dropout=settings.dropout,
    )
    return TextEncoder(shape, terms_of(tokenizer)), tokenizer


def terms_of(tokenizer: TextTokenizer) -> Tensor:
    """Which word pieces (V,) are terms."""
    return torch.from_numpy(Vocabulary.of(tokenizer).is_term_V)


def _pretrained(checkpoint: str, settings: LexicalText) -> tuple[TextEncoder, TextTokenizer]:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    try:
        with no_progress_bar():
            theirs = AutoModelForMaskedLM.from_pretrained(checkpoint)
            if (Path(checkpoint) / FILE).exists():
                tokenizer = TextTokenizer.load(Path(checkpoint), settings.max_text_tokens)
            else:
                pieces = AutoTokenizer.from_pretrained(checkpoint).backend_tokenizer
                tokenizer = TextTokenizer(pieces, settings.max_text_tokens)
    except (OSError, ValueError) as error:
        raise LampError(
            f"lexical_text.backbone.checkpoint '{checkpoint}' is no BERT folder and was not found by name; "
            "known here: from-scratch, minilm, or a folder with config.json, model.safetensors and "
            "tokenizer.json"
        ) from error
    config = theirs.config
    if config.model_type not in NAMES:
        raise LampError(
            f"lexical_text.backbone.checkpoint '{checkpoint}' is a {config.model_type}; known: "
            f"{', '.join(NAMES)}"
        )
    weights = theirs.state_dict()
    words = weights[f"{NAMES[config.model_type]['embedding.word']}.weight"]
    is_bert = config.model_type == "bert"
    shape = TextShape(
        layers=config.num_hidden_layers,
        hidden_dim=config.hidden_size,
        heads=config.num_attention_heads,
        feed_forward_dim=config.intermediate_size if is_bert else config.hidden_dim,
        max_positions=config.max_position_embeddings,
        vocabulary_size=len(words),
        max_text_tokens=settings.max_text_tokens,
        decoder_layers=settings.decoder_layers,
        dropout=settings.dropout,
    )
    is_term_V = torch.zeros(len(words), dtype=torch.bool)  # a checkpoint may have rows that no piece has
    is_term_V[: tokenizer.size] = terms_of(tokenizer)
    text = TextEncoder(shape, is_term_V)
    copy_weights(text, weights, config.model_type)
    return text, tokenizer


def copy_weights(text: TextEncoder, weights: dict[str, Tensor], family: str) -> None:
    """Load a checkpoint's weights, with the names of its family, into a text encoder."""
    for ours, their in NAMES[family].items():
        for layer in range(text.shape.layers if ".N." in ours else 1):
            module = text.get_submodule(ours.replace(".N.", f".{layer}."))
            prefix = their.replace(".N.", f".{layer}.")
            module.load_state_dict({name: weights[f"{prefix}.{name}"] for name in module.state_dict()})
    if family == "distilbert":  # it knows no segments
        torch.nn.init.zeros_(text.embedding.segment.weight)
    with torch.no_grad():
        text.head.bias_V.copy_(weights[HEAD_BIAS[family]])
