"""One vocabulary for text and motion: words of motion appended to those of a causal language model.

Behind the model's own words stand, side by side: the delimiters, a word for a motion token that is not told,
a word for every length in motion tokens, and a word for every code of every channel of a tokenizer
(MotionGPT-2, section IV-B; the words of length are ours, so that a length can be asked for, and told, in any
language model). The new rows of the embedding are drawn with the mean and the spread of the old ones.
Shapes: V old words, N new words, E embedding width, R channels.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lamp_core.errors import LampError
from lamp_core.io.disk import write_text
from lamp_core.tokenizers.protocol import Channel, MotionTokenizer

FILE = "motion_vocabulary.json"
Layout = Literal["interleaved", "blocks"]
PROBE_WORDS = 6
"""Words of the two texts that show whether a model looks ahead."""


@dataclass(frozen=True)
class MotionVocabulary:
    """Which words of an extended vocabulary say motion.

    Args:
        channels: of the tokenizer.
        downsampling: frames of a motion token.
        tokenizer_identity: of the tokenizer whose codes they are.
        max_tokens: motion tokens of the longest motion.
        layout: ``interleaved``, the channels of a token side by side between one pair of delimiters, or
            ``blocks``, a pair of delimiters a channel (body and hands, MotionGPT-2 section IV-C).
        first: V, the first new word.
        shares_codes: whether a code is the same word in every channel.
        length_every: motion tokens behind which a motion says again how many are still to come; 0: it says so
            at its beginning alone.
    """

    channels: tuple[Channel, ...]
    downsampling: int
    tokenizer_identity: str
    max_tokens: int
    layout: Layout
    first: int
    shares_codes: bool = False
    length_every: int = 0

    @classmethod
    def of(
        cls,
        tokenizer: MotionTokenizer,
        max_tokens: int,
        first: int,
        layout: Layout | None = None,
        *,
        shares_codes: bool = False,
        length_every: int = 0,
    ) -> "MotionVocabulary":
        """The words of a tokenizer; body parts stand in blocks unless another layout is asked for."""
        is_parts = any(channel.kind == "body part" for channel in tokenizer.channels)
        return cls(
            tokenizer.channels,
            tokenizer.downsampling,
            tokenizer.identity(),
            max_tokens,
            layout or ("blocks" if is_parts else "interleaved"),
            first,
            shares_codes,
            length_every,
        )

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Names between the angle brackets of the delimiters."""
        if self.layout == "interleaved":
            return ("motion",)
        return tuple(f"motion_{_plain(channel.name)}" for channel in self.channels)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All new words in the order of their ids."""
        opening = [word for part in self.parts for word in (f"<{part}>", f"</{part}>")]
        lengths = [f"<motion_length_{tokens}>" for tokens in range(1, self.max_tokens + 1)]
        return (*opening, "<motion_untold>", *lengths, *self._code_words)

    @property
    def _code_words(self) -> list[str]:
        if self.shares_codes or len(self.channels) == 1:
            return [f"<motion_{code}>" for code in range(self._most_codes)]
        return [
            f"<motion_{_plain(channel.name)}_{code}>"
            for channel in self.channels
            for code in range(channel.codebook_size)
        ]

    @property
    def _most_codes(self) -> int:
        return max(channel.codebook_size for channel in self.channels)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def end(self) -> int:
        """The word behind the last new one."""
        return self.first + len(self)

    @property
    def opens(self) -> tuple[int, ...]:
        """The words that begin a motion, or each part of one."""
        return tuple(self.first + 2 * place for place in range(len(self.parts)))

    @property
    def closes(self) -> tuple[int, ...]:
        """The words that end it."""
        return tuple(word + 1 for word in self.opens)

    @property
    def untold(self) -> int:
        """The word for a motion token that is not told."""
        return self.first + 2 * len(self.parts)

    @property
    def first_length(self) -> int:
        """The word for the length of one motion token; longer ones follow."""
        return self.untold + 1

    def length(self, tokens: int) -> int:
        """The word for a length in motion tokens."""
        return self.first_length + tokens - 1

    @property
    def first_ids_R(self) -> tuple[int, ...]:
        """The word that code 0 of each channel is."""
        first, found = self.first_length + self.max_tokens, []
        if self.shares_codes:
            return (first,) * len(self.channels)
        for channel in self.channels:
            found.append(first)
            first += channel.codebook_size
        return tuple(found)

    def check_tokenizer(self, tokenizer: MotionTokenizer, where: str) -> None:
        """Refuse a tokenizer whose codes mean something else.

        Raises:
            LampError: it is another one.
        """
        if tokenizer.identity() != self.tokenizer_identity:
            raise LampError(
                f"the motion words of {where} are codes of another tokenizer "
                f"({self.tokenizer_identity[:12]}) than the one beside it ({tokenizer.identity()[:12]}); "
                f"`lamp run --force {Path(where).name}` trains it anew"
            )

    def save(self, folder: Path) -> None:
        """Write ``motion_vocabulary.json``."""
        write_text(folder / FILE, json.dumps(asdict(self), indent=2) + "\n", f"{folder.name}/{FILE}")

    @classmethod
    def load(cls, folder: Path) -> "MotionVocabulary":
        """Read ``motion_vocabulary.json``.

        Raises:
            LampError: there is none in ``folder``, or it is no such file.
        """
        path = folder / FILE
        if not path.exists():
            raise LampError(f"no motion vocabulary in {folder}; `lamp run --until {folder.name}` makes it")
        try:
            described = json.loads(path.read_text())
            channels = tuple(Channel(**channel) for channel in described.pop("channels"))
            return cls(channels, **described)
        except (TypeError, KeyError, ValueError) as error:
            raise LampError(f"{path} describes no motion vocabulary ({error})") from error


def extend(model: Any, text: Any, vocabulary: MotionVocabulary, seed: int) -> None:
    """Append words of motion to a causal language model and to its text tokenizer, in place.

    Args:
        model: of transformers; its embedding grows where it has no room.
        text: its tokenizer.
        vocabulary: the words, of which the first stands behind all that the tokenizer knows.
        seed: of the new rows.

    Raises:
        LampError: the model is not causal, or has such words already.
    """
    check_causal(model)
    add_words(text, vocabulary)
    rows = model.get_input_embeddings().num_embeddings
    if vocabulary.end > rows:
        model.resize_token_embeddings(vocabulary.end, mean_resizing=False)
    draws = torch.Generator().manual_seed(seed)
    for weight in embedding_weights(model):
        draw_rows(weight, vocabulary.first, vocabulary.end, draws)


def add_words(text: Any, vocabulary: MotionVocabulary) -> None:
    """Append words of motion to a text tokenizer, in place.

    Raises:
        LampError: it has such words already.
    """
    from tokenizers import AddedToken

    if known := set(vocabulary.words) & set(text.get_vocab()):
        raise LampError(
            f"the language model has the word {min(known)} already; take one that knows no motion, "
            "or go on from it by stage `instruction`"
        )
    added = [AddedToken(word, special=True, normalized=False) for word in vocabulary.words]
    text.add_tokens(added, special_tokens=True)
    assert text.convert_tokens_to_ids(vocabulary.words[-1]) == vocabulary.end - 1


def check_causal(model: Any) -> None:
    """Raise LampError for a model that looks ahead: what it says of a word may not depend on later ones."""
    device = next(model.parameters()).device
    words = min(PROBE_WORDS, model.get_input_embeddings().num_embeddings)
    one_1X = torch.arange(words, device=device)[None]
    other_1X = one_1X.clone()
    other_1X[0, -1] = 0
    was_training = model.training
    model.eval()
    with torch.no_grad():
        one, other = (model(input_ids=ids_1X).logits[0, :-1].float() for ids_1X in (one_1X, other_1X))
    model.train(was_training)
    if not torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max())):
        raise LampError(
            f"{type(model).__name__} is no causal language model: what it says of a word depends on later "
            "words; set language_model.checkpoint to a GPT-2, OPT or LLaMA"
        )


def embedding_weights(model: Any) -> list[nn.Parameter]:
    """The weights with a row a word: the embedding's, and the output's where they are others."""
    found = [model.get_input_embeddings().weight]
    output = model.get_output_embeddings()
    if output is not None and output.weight is not found[0]:
        found.append(output.weight)
    return found


@torch.no_grad()
def draw_rows(weight_VE: Tensor, first: int, end: int, draws: torch.Generator) -> None:
    """Draw the rows from ``first`` to ``end`` with mean and deviation of the rows before them."""
    old_VE = weight_VE[:first].float().cpu()
    noise_NE = torch.randn(end - first, weight_VE.shape[1], generator=draws)
    rows_NE = old_VE.mean(dim=0) + noise_NE * old_VE.std(dim=0, correction=0)
    weight_VE[first:end] = rows_NE.to(weight_VE)


def text_pieces(text: Any, texts: Sequence[str]) -> list[list[int]]:
    """Word pieces of texts, none of them a word of motion whatever the texts say."""
    if not texts:
        return []
    encoded = text(
        list(texts),
        add_special_tokens=False,
        return_attention_mask=False,
        split_special_tokens=True,
        verbose=False,  # of texts that are longer than the model's: they are cut, or refused, here
    )
    return [list(ids) for ids in encoded["input_ids"]]


def _plain(name: str) -> str:
    return name.replace(" ", "_")
