"""The BERT that the text transformer starts from: a small one, a packaged one, or any checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from lamp_core.config.base import FROM_SCRATCH
from lamp_core.config.models import Pretrain, TextBackbone
from lamp_core.errors import LampError
from lamp_core.lamp.minilm import minilm_folder
from lamp_core.lamp.text import FILE, TextTokenizer, train_vocabulary
from lamp_core.lamp.transformer import JointTransformer
from lamp_core.training.dropout import Dropout


@dataclass(frozen=True)
class Backbone:
    """Sizes of the text transformer, its vocabulary, and weights to start from.

    Args:
        weights: state dictionary in the names of a BERT model; None for random weights.
    """

    layers: int
    hidden_dim: int
    heads: int
    feed_forward_dim: int
    max_positions: int
    tokenizer: TextTokenizer
    weights: dict[str, Tensor] | None


def load_backbone(settings: Pretrain, captions: Sequence[str]) -> Backbone:
    """Return the backbone that ``pretrain.backbone`` names.

    Args:
        settings: the whole section.
        captions: of the train split; the own vocabulary is trained on them.

    Raises:
        LampError: the checkpoint is no folder with a BERT in it, nor to be had by name.
    """
    if settings.backbone.checkpoint == FROM_SCRATCH:
        return _from_scratch(settings.backbone, settings.max_text_tokens, captions)
    return _pretrained(_folder_or_name(settings.backbone.checkpoint), settings.max_text_tokens)


def _from_scratch(settings: TextBackbone, max_text_tokens: int, captions: Sequence[str]) -> Backbone:
    tokenizer = train_vocabulary(captions, settings.vocabulary_size, max_text_tokens)
    width = settings.hidden_dim
    return Backbone(settings.layers, width, settings.heads, 4 * width, max_text_tokens, tokenizer, None)


def _folder_or_name(checkpoint: str) -> str:
    return str(minilm_folder()) if checkpoint == "minilm" else checkpoint


def _pretrained(checkpoint: str, max_text_tokens: int) -> Backbone:
    from transformers import AutoTokenizer, BertModel

    try:
        bert = BertModel.from_pretrained(checkpoint, add_pooling_layer=False)
    except (OSError, ValueError) as error:
        raise LampError(
            f"pretrain.backbone.checkpoint '{checkpoint}' is no BERT folder and was not found by name; "
            "known here: from-scratch, minilm, or a folder with config.json, model.safetensors and "
            "tokenizer.json"
        ) from error
    if (Path(checkpoint) / FILE).exists():
        tokenizer = TextTokenizer.load(Path(checkpoint), max_text_tokens)
    else:
        tokenizer = TextTokenizer(
            AutoTokenizer.from_pretrained(checkpoint).backend_tokenizer, max_text_tokens
        )
    config = bert.config
    return Backbone(
        layers=config.num_hidden_layers,
        hidden_dim=config.hidden_size,
        heads=config.num_attention_heads,
        feed_forward_dim=config.intermediate_size,
        max_positions=config.max_position_embeddings,
        tokenizer=tokenizer,
        weights=bert.state_dict(),
    )


class TextEmbedding(nn.Module):
    """BERT's input: word piece, position and (one) segment, normalised."""

    def __init__(self, vocabulary: int, positions: int, width: int, dropout: float) -> None:
        super().__init__()
        self.word = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(positions, width)
        self.segment = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = Dropout(dropout)

    def forward(self, words_BLH: Tensor) -> Tensor:
        """Add position and segment to word vectors (B, L, H)."""
        length = words_BLH.shape[1]
        embedded: Tensor = self.dropout(
            self.norm(words_BLH + self.position.weight[:length] + self.segment.weight[0])
        )
        return embedded


EMBEDDING_NAMES = {
    "word": "word_embeddings",
    "position": "position_embeddings",
    "segment": "token_type_embeddings",
    "norm": "LayerNorm",
}
BLOCK_NAMES = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "text_feed_forward.0": "intermediate.dense",
    "text_feed_forward.2": "output.dense",
    "text_norm": "output.LayerNorm",
}


def copy_bert(weights: dict[str, Tensor], embedding: TextEmbedding, transformer: JointTransformer) -> None:
    """Load BERT's weights into the text side, and its feed-forward layers into the queries' own as well."""
    for name, bert_name in EMBEDDING_NAMES.items():
        _copy(embedding.get_submodule(name), weights, f"embeddings.{bert_name}")
    for index, block in enumerate(transformer.blocks):
        for name, bert_name in BLOCK_NAMES.items():
            _copy(block.get_submodule(name), weights, f"encoder.layer.{index}.{bert_name}")
    start_queries_as_text(transformer)


def start_queries_as_text(transformer: JointTransformer) -> None:
    """Start the queries' feed-forward layers from the text's."""
    for block in transformer.blocks:
        for own, text in (("query_feed_forward", "text_feed_forward"), ("query_norm", "text_norm")):
            block.get_submodule(own).load_state_dict(block.get_submodule(text).state_dict())


def _copy(module: nn.Module, weights: dict[str, Tensor], prefix: str) -> None:
    module.load_state_dict({name: weights[f"{prefix}.{name}"] for name in module.state_dict()})
