"""The published evaluator of Guo et al. 2022, from a folder of the user's: weights only, nothing is run.

The folder holds, at its top or below it, as published: ``finest.tar`` (of ``text_mot_match``), the word
vectors ``our_vab_data.npy``, ``our_vab_words.pkl`` and ``our_vab_idx.pkl``, and the evaluator's ``mean.npy``
and ``std.npy`` (of ``Comp_v6_KLD*/meta``). Those deviations are the training code's own, in which root and
contacts are divided by 25; motions that were normalised otherwise are turned into them. Without both files
the evaluator reads motions as the data set normalises them, and its label says so: then
``features.std_root_divisor`` has to be 25 for numbers that compare with published ones.

Shapes: V words, E numbers a word vector, D feature numbers a frame.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from lamp_core.config.models import Evaluator
from lamp_core.errors import LampError
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.guo_network import GuoNetwork, read_numbers
from lamp_core.evaluators.guo_words import SPECIAL, TAG_COUNT, Vocabulary
from lamp_core.features.statistics import FeatureStatistics

LABEL = "guo"
LABEL_WITHOUT_STATISTICS = "guo, statistics of the data set"
CHECKPOINT = "finest.tar"
DATA, WORDS, INDEX = "our_vab_data.npy", "our_vab_words.pkl", "our_vab_idx.pkl"
MEAN, STD = "mean.npy", "std.npy"
NETWORKS: Mapping[str, Mapping[str, str]] = {
    "movement_encoder": {
        "main.0": "movement.conv_1",
        "main.3": "movement.conv_2",
        "out_net": "movement.output",
    },
    "motion_encoder": {
        "input_emb": "motion.input",
        "gru": "motion.gru",
        "hidden": "motion.initial",
        "output_net": "motion.output",
    },
    "text_encoder": {
        "pos_emb": "text.tags",
        "input_emb": "text.sequence.input",
        "gru": "text.sequence.gru",
        "hidden": "text.sequence.initial",
        "output_net": "text.sequence.output",
    },
}
"""State dictionaries of the checkpoint: the names in them, and what our network calls the same."""


@dataclass(frozen=True)
class PublishedFiles:
    """Where the files stand; the statistics may be missing."""

    checkpoint: Path
    data: Path
    words: Path
    index: Path
    statistics: Path | None

    @classmethod
    def find(cls, folder: Path) -> "PublishedFiles":
        """Look for the files in a folder and below it.

        Raises:
            LampError: a file that is not there, or several of one kind.
        """
        if not folder.is_dir():
            raise LampError(f"evaluator.published: there is no folder {folder}")
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        checkpoints = [path for path in paths if path.name == CHECKPOINT]
        matching = [path for path in checkpoints if "text_mot_match" in path.parts]
        statistics = [path.parent for path in paths if path.name == MEAN and path.with_name(STD) in paths]
        of_evaluator = [path for path in statistics if path.parent.name.startswith("Comp_v6")]
        data, words, index = (
            _only(folder, name, [path for path in paths if path.name == name])
            for name in (DATA, WORDS, INDEX)
        )
        return cls(
            _only(folder, CHECKPOINT, matching or checkpoints),
            data,
            words,
            index,
            _only(folder, f"{MEAN} with {STD}", of_evaluator or statistics) if statistics else None,
        )


def load_published(folder: Path, feature_count: int, device: torch.device | str = "cpu") -> GuoEvaluator:
    """Load the published evaluator.

    Args:
        folder: see the module.
        feature_count: numbers a frame of the data set, 263 or 251.
        device: where the network runs.

    Raises:
        LampError: a file is missing, ambiguous, damaged or holds more than weights and plain lists, or the
            evaluator is of another skeleton.
    """
    files = PublishedFiles.find(folder)
    weights = _read_weights(files.checkpoint)
    words, vectors_VE = _read_vectors(files)
    settings = _settings(files.checkpoint, weights, feature_count)
    if vectors_VE.shape[1] != settings.word_dim:
        raise LampError(
            f"{files.data} has {vectors_VE.shape[1]} numbers a word, "
            f"{files.checkpoint} reads {settings.word_dim}"
        )
    network = GuoNetwork(feature_count, len(words), settings, published=True)
    state = {**weights, "text.words.weight": torch.from_numpy(vectors_VE)}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise LampError(
            f"{files.checkpoint} is not the published network: {str(error).splitlines()[1].strip()}"
        ) from error
    own = _read_statistics(files.statistics, feature_count) if files.statistics else None
    return GuoEvaluator(
        network,
        words,
        settings,
        feature_count,
        device,
        label=LABEL if own else LABEL_WITHOUT_STATISTICS,
        own_statistics=own,
    )


class PlainUnpickler(pickle.Unpickler):
    """Reads lists, dictionaries, text and numbers; anything that names a class or a function is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse.

        Raises:
            UnpicklingError: always.
        """
        raise pickle.UnpicklingError(
            f"it names {module}.{name}, and only plain lists and dictionaries are read"
        )


def read_plain_pickle(path: Path) -> Any:
    """Return the lists and dictionaries in a pickle, running no code.

    Raises:
        LampError: it is damaged or holds anything else.
    """
    try:
        with path.open("rb") as file:
            return PlainUnpickler(file).load()
    # A damaged pickle fails in many ways; none of them has run foreign code.
    except (
        pickle.UnpicklingError,
        EOFError,
        OSError,
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise LampError(f"{path} cannot be read: {error}") from error


def _only(folder: Path, name: str, found: list[Path]) -> Path:
    if not found:
        raise LampError(f"evaluator.published: there is no {name} in {folder} or below it")
    if len(found) > 1:
        places = ", ".join(str(path.relative_to(folder)) for path in found)
        raise LampError(f"evaluator.published: {folder} holds {name} several times ({places}); keep one")
    return found[0]


def _read_weights(path: Path) -> dict[str, Tensor]:
    """The weights under our names."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        return {
            _renamed(name, names): tensor.float()
            for network, names in NETWORKS.items()
            for name, tensor in checkpoint[network].items()
        }
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise LampError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise LampError(f"{path} has no entries {', '.join(NETWORKS)} of weights: {error}") from error


def _renamed(name: str, names: Mapping[str, str]) -> str:
    for theirs, ours in names.items():
        if name == theirs or name.startswith(f"{theirs}."):
            return ours + name[len(theirs) :]
    raise KeyError(name)


def _settings(path: Path, weights: Mapping[str, Tensor], feature_count: int) -> Evaluator:
    """The widths that the weights have."""
    try:
        read = weights["movement.conv_1.weight"].shape[1]
        tags = weights["text.tags.weight"].shape[1]
        settings = Evaluator(
            published=str(path.parent),
            movement_dim=weights["movement.conv_2.weight"].shape[0],
            hidden_dim=weights["motion.gru.weight_hh_l0"].shape[1],
            text_hidden_dim=weights["text.sequence.gru.weight_hh_l0"].shape[1],
            word_dim=weights["text.tags.weight"].shape[0],
            embedding_dim=weights["motion.output.3.weight"].shape[0],
        )
    except (KeyError, IndexError) as error:
        raise LampError(f"{path} is not the published network: it has no {error}") from error
    expected = read_numbers(feature_count)
    if (read, tags) != (expected, TAG_COUNT):
        raise LampError(
            f"{path} reads {read} numbers a frame and {tags} parts of speech, of this data set it would read "
            f"{expected} and {TAG_COUNT}; use the checkpoint of the same skeleton"
        )
    return settings


def _read_vectors(files: PublishedFiles) -> tuple[Vocabulary, np.ndarray]:
    """The words, the special ones first, and their vectors (V, E) in that order."""
    listed, place_of = read_plain_pickle(files.words), read_plain_pickle(files.index)
    try:
        vectors = np.load(files.data, allow_pickle=False)
        known = [word for word in dict.fromkeys(listed) if word not in SPECIAL]
        words = Vocabulary((*SPECIAL, *known))
        return words, np.asarray(vectors[[place_of[word] for word in words.words]], dtype=np.float32)
    except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError) as error:
        raise LampError(
            f"{files.data}, {files.words.name} and {files.index.name} do not fit each other: {error!r}"
        ) from error


def _read_statistics(folder: Path, feature_count: int) -> FeatureStatistics:
    statistics = FeatureStatistics.load(folder)
    shapes = {statistics.mean_D.shape, statistics.std_D.shape}
    if shapes != {(feature_count,)} or not (
        np.isfinite(statistics.mean_D).all() and (statistics.std_D > 0).all()
    ):
        raise LampError(
            f"{folder / MEAN} and {STD} are not {feature_count} finite means and positive deviations"
        )
    return statistics
