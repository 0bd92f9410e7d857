"""A motion language model on disk: a folder that plain transformers opens, and what its words mean.

``config.json``, weights and tokenizer are those of transformers, adapters merged into the weights;
``motion_vocabulary.json`` says which words are motion, ``motion_language.json`` what it was trained on.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from lamp_core.errors import LampError
from lamp_core.io.disk import write_text
from lamp_core.io.quiet import no_progress_bar
from lamp_core.m2t.language_model import BASE, CONFIG, STAGE, CausalModel, identity_of, load_checkpoint
from lamp_core.motion_language.prompts import template_hash
from lamp_core.motion_language.vocabulary import FILE as VOCABULARY_FILE
from lamp_core.motion_language.vocabulary import MotionVocabulary
from lamp_core.motion_language.words import MotionWords
from lamp_core.skeleton.skeleton import Skeleton

FILE = "motion_language.json"
ALIGNED = "alignment"
"""Stage whose model is tuned further."""


@dataclass(frozen=True)
class Origin:
    """What a motion language model was made of.

    Args:
        base_identity: of the language model that it started from (`identity_of`).
        skeleton: of its motions.
        frames_per_second: of its motions.
        max_text_tokens: most word pieces of a caption.
        prompts: name of its prompt file; empty before instruction tuning.
        prompts_hash: of that file's content.
        settings: that decide how it answers.
        parts: of the body whose captions it was trained on.
    """

    base_identity: str
    skeleton: str
    frames_per_second: float
    max_text_tokens: int
    prompts: str
    prompts_hash: str
    settings: dict[str, Any]
    parts: Sequence[str] = ()

    @classmethod
    def of(cls, base: CausalModel, skeleton: Skeleton, settings: "Spoken", prompts: str = "") -> "Origin":
        """What a model that starts from ``base`` is made of; its prompt file is read now."""
        return cls(
            base.identity,
            skeleton.name,
            skeleton.frames_per_second,
            settings.max_text_tokens,
            prompts,
            template_hash(prompts) if prompts else "",
            settings.model_dump(mode="json"),
        )


class Spoken(Protocol):
    """Settings of a model that reads captions."""

    @property
    def max_text_tokens(self) -> int:
        """Most word pieces of a caption."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """All values."""


@dataclass(frozen=True)
class Speaker:
    """A motion language model as it was saved.

    Args:
        base: model and tokenizer, frozen, in evaluation mode.
        vocabulary: its words of motion.
        origin: what it was made of.
    """

    base: CausalModel
    vocabulary: MotionVocabulary
    origin: Origin

    def words(self, prompts: str = "") -> MotionWords:
        """Instructions by its prompt file, or by another one."""
        name = prompts or self.origin.prompts
        return MotionWords(self.base.tokenizer, self.vocabulary, name, self.origin.max_text_tokens)

    @property
    def positions(self) -> int | None:
        """Most words of a sequence; None where any number goes."""
        return positions_of(self.base.model)


def positions_of(model: Any) -> int | None:
    """Most words of a sequence of a model; None where any number goes."""
    found = getattr(model.config, "max_position_embeddings", None)
    return None if found is None else int(found)


def save_speaker(folder: Path, model: Any, words: MotionWords, origin: Origin) -> None:
    """Write the folder; what is trained has been merged into the model.

    Raises:
        LampError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with no_progress_bar():
        model.save_pretrained(folder)
    words.text.save_pretrained(folder)
    words.vocabulary.save(folder)
    write_text(
        folder / FILE, json.dumps(asdict(origin), indent=2, sort_keys=True) + "\n", f"{folder.name}/{FILE}"
    )


def load_speaker(folder: Path, device: torch.device) -> Speaker:
    """Load it, frozen, in evaluation mode, in the numbers that it was saved in (bfloat16 on a card alone).

    Raises:
        LampError: there is none in ``folder``, its prompt file is no longer the one that it was trained with,
            the language model beside it is another, or its text tokenizer has other words of motion.
    """
    if not (folder / FILE).exists():
        raise LampError(f"no motion language model in {folder}; `lamp run --until {folder.name}` makes it")
    try:
        origin = Origin(**json.loads((folder / FILE).read_text()))
    except (TypeError, ValueError) as error:
        raise LampError(f"{folder / FILE} is of another version; `lamp run --force {folder.name}`") from error
    if origin.prompts and template_hash(origin.prompts) != origin.prompts_hash:
        raise LampError(
            f"the prompt file {origin.prompts} is not the one that {folder} was trained with; "
            f"`lamp run --force {folder.name}` trains it anew"
        )
    _check_base(folder, origin)
    base = load_checkpoint(str(folder), device, is_from_scratch=not _is_half(folder))
    vocabulary = MotionVocabulary.load(folder)
    _check_words(folder, base.tokenizer, vocabulary)
    return Speaker(base, vocabulary, origin)


def _is_half(folder: Path) -> bool:
    """Whether the weights were saved in bfloat16."""
    config = json.loads((folder / CONFIG).read_text())
    return "bfloat16" in str(config.get("dtype", config.get("torch_dtype")))


def _check_base(folder: Path, origin: Origin) -> None:
    """Refuse a model that started from none of those beside it, where one is there."""
    recorded = folder.parent / STAGE / BASE
    if not recorded.exists():
        return
    is_its_own = json.loads(recorded.read_text())["identity"] == origin.base_identity
    aligned = folder.parent / ALIGNED
    if not is_its_own and aligned.is_dir() and aligned != folder:
        is_its_own = identity_of(str(aligned)) == origin.base_identity
    if not is_its_own:
        raise LampError(
            f"{folder} started from another language model ({origin.base_identity[:12]}) than the one in "
            f"{folder.parent / STAGE}; `lamp run --force {folder.name}` trains it anew"
        )


def _check_words(folder: Path, text: Any, vocabulary: MotionVocabulary) -> None:
    known = text.convert_tokens_to_ids(list(vocabulary.words))
    if known != list(range(vocabulary.first, vocabulary.end)):
        raise LampError(
            f"{folder / VOCABULARY_FILE} gives words of motion other ids than the text tokenizer beside it; "
            f"`lamp run --force {folder.name}` trains it anew"
        )
