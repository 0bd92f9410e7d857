"""Captions to word pieces: a vocabulary trained on the captions, or that of a BERT checkpoint.

Shapes: B batch, L word pieces.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer as PieceTokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor

from lamp_core.errors import LampError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FILE = "tokenizer.json"


class TextTokenizer:
    """Word pieces between [CLS] and [SEP].

    Args:
        pieces: a tokenizer of the `tokenizers` library with BERT's special tokens.
        max_text_tokens: most word pieces of a caption, the two special tokens included.
    """

    def __init__(self, pieces: PieceTokenizer, max_text_tokens: int) -> None:
        self.pieces = pieces
        self.max_text_tokens = max_text_tokens
        self.padding = pieces.token_to_id("[PAD]") or 0
        pieces.enable_truncation(max_text_tokens)
        pieces.enable_padding(pad_id=self.padding, pad_token="[PAD]")

    @property
    def size(self) -> int:
        """Word pieces in the vocabulary."""
        return int(self.pieces.get_vocab_size())

    def __call__(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return ids (B, L) and mask (B, L; false is padding), L the longest of the batch."""
        encoded = self.pieces.encode_batch(list(captions))
        ids_BL = torch.tensor([row.ids for row in encoded])
        mask_BL = torch.tensor([row.attention_mask for row in encoded], dtype=torch.bool)
        return ids_BL, mask_BL

    def text(self, ids: Sequence[int]) -> str:
        """Return the words of ids, special tokens left out."""
        return str(self.pieces.decode(list(ids)))

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` by rename."""
        folder.mkdir(parents=True, exist_ok=True)
        self.pieces.save(str(folder / (FILE + ".tmp")))
        os.replace(folder / (FILE + ".tmp"), folder / FILE)

    @classmethod
    def load(cls, folder: Path, max_text_tokens: int) -> "TextTokenizer":
        """Read ``tokenizer.json``.

        Raises:
            LampError: it is missing.
        """
        path = folder / FILE
        if not path.exists():
            raise LampError(f"no vocabulary at {path}; a BERT folder needs {FILE}")
        return cls(PieceTokenizer.from_file(str(path)), max_text_tokens)


def train_vocabulary(captions: Iterable[str], size: int, max_text_tokens: int) -> TextTokenizer:
    """Make a lower-case WordPiece vocabulary of captions: their characters, then their most frequent words.

    Other words are spelt out. The trainers of the `tokenizers` library break ties differently from run to
    run; here the same captions give the same vocabulary, in whatever order they come.
    """
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(caption)))
    letters = sorted({letter for word in counts for letter in word})
    base = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    frequent = sorted((word for word in counts if len(word) > 1), key=lambda word: (-counts[word], word))
    vocabulary = [*base, *frequent[: max(0, size - len(base))]]
    pieces = PieceTokenizer(
        models.WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    pieces.normalizer = normalizer
    pieces.pre_tokenizer = splitter
    pieces.decoder = decoders.WordPiece()
    pieces.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary.index("[SEP]")), ("[CLS]", vocabulary.index("[CLS]"))
    )
    pieces.add_special_tokens(SPECIAL)
    return TextTokenizer(pieces, max_text_tokens)
