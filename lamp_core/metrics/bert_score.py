"""BERTScore of captions (Zhang et al. 2020) through the package bert-score.

Shapes: N captions.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from lamp_core.errors import LampError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

NO_SCORER = "BERTScore needs the packaged model of the extra minilm"
NO_REAL_LENGTH = 10**6
"""A tokenizer that knows no length limit says a number beyond this, which overflows when it truncates."""
POSITIONS_OF_ANY_MODEL = 512

Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class BertScores:
    """F1 of captions.

    Args:
        f1_N: of each caption, at most 1; under 0 is possible when rescaled.
        empty: captions without a word, which score 0.
        weightless: captions without an idf weight, or whose references have none, since their word pieces
            stand in every reference; they score 0.
    """

    f1_N: np.ndarray
    empty: int
    weightless: int

    @property
    def mean(self) -> float:
        """Mean over all captions."""
        return float(self.f1_N.mean())

    @property
    def note(self) -> str:
        """What a record has to say of the captions that score 0."""
        counts = {"empty": self.empty, "without any weighted word": self.weightless}
        return ", ".join(f"{count} captions {name}" for name, count in counts.items() if count)


class BertScorer:
    """BERTScore with one model; what it is stands in `label`, which is part of every result.

    Args:
        model: a folder with a model and its tokenizer, or a name known to the hub of transformers. The papers
            use ``roberta-large``.
        known_as: name of the model that a folder is a copy of; it decides the default layer, the baseline and
            the label.
        layer: whose states are compared; by default the one that bert-score found best for this model, or
            the last.
        idf: weigh word pieces by how few references have them, as the papers do.
        rescale: move the scores so that unrelated sentences score about 0, as the papers do. It needs the
            baseline of this very model and layer, which bert-score ships for some; without one the scores
            stay as they are, and `label` says so.
        device: where the model runs.
        batch_size: sentences a forward pass.

    Raises:
        LampError: there is no such model, or it has no such layer.
    """

    def __init__(
        self,
        model: str = "roberta-large",
        *,
        known_as: str = "",
        layer: int | None = None,
        idf: bool = True,
        rescale: bool = True,
        device: torch.device | str = "cpu",
        batch_size: int = 64,
    ) -> None:
        from bert_score.utils import get_model, get_tokenizer, model2layers

        name = known_as or model
        try:
            config = _config(model)
            self.layer = model2layers.get(name, config.num_hidden_layers) if layer is None else layer
            if not 0 <= self.layer <= config.num_hidden_layers:
                raise LampError(
                    f"BERTScore's model {name} has {config.num_hidden_layers} layers, not {layer}"
                )
            self._tokenizer = get_tokenizer(model, use_fast=True)
            self._model = get_model(model, self.layer).to(device)
        except (OSError, ValueError) as error:
            raise LampError(
                f"no model {model} for BERTScore: give a folder with a model and its tokenizer"
            ) from error
        self._tokenizer.model_max_length = _longest(self._tokenizer, config)
        self._device, self._batch_size, self._idf = str(device), batch_size, idf
        self._baseline = _baseline(name, self.layer) if rescale else None
        self.label = _label(name, self.layer, idf, rescale, self._baseline)

    def scores(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> BertScores:
        """F1 of each caption with the best of its references.

        Args:
            captions: a caption a motion; an empty one scores 0 and is counted.
            references: the true captions of each motion.

        Raises:
            LampError: no captions, not as many lists of references, a list without a word, or idf weights
                wanted of a single reference.
        """
        return self.scores_of({"": captions}, references)[""]

    def scores_of(
        self,
        systems: Mapping[str, Sequence[str]],
        references: Sequence[Sequence[str]],
        weighed_by: Sequence[str] = (),
    ) -> dict[str, BertScores]:
        """`scores` of several systems' captions of the same motions; what returns is compared once.

        The idf weights are those of ``weighed_by``, of all references without it.
        """
        known = [[text for text in listed if text.strip()] for listed in references]
        for captions in systems.values():
            if not captions or len(captions) != len(known) or not all(known):
                raise LampError(
                    f"{len(captions)} captions and {len(known)} lists of references, "
                    f"{sum(not listed for listed in known)} of them without a word; BERTScore needs one a "
                    "caption"
                )
        every = [caption for captions in systems.values() for caption in captions]
        weighing = list(weighed_by) or [text for listed in known for text in listed]
        f1 = self._best(every, known * len(systems), weighing)
        by_system = zip(systems.items(), np.split(f1, len(systems)), strict=True)
        return {system: self._summary(captions, f1_N) for (system, captions), f1_N in by_system}

    def _best(
        self, captions: Sequence[str], references: Sequence[Sequence[str]], weighing: list[str]
    ) -> np.ndarray:
        """F1 of each caption with the best of its references, minus infinity where there is none."""
        pairs = [
            (place, (captions[place], reference))
            for place, listed in enumerate(references)
            if captions[place].strip()
            for reference in listed
        ]
        different = list(dict.fromkeys(pair for _, pair in pairs))
        scores_of = dict(zip(different, self._compare(different, weighing), strict=True))
        f1_N = np.full(len(captions), -np.inf)
        for place, pair in pairs:
            precision, recall, f1 = scores_of[pair]
            # Without any weight on either side the package divides 0 by 0 and calls the F1 of it 0.
            if np.isfinite(precision) and np.isfinite(recall):
                f1_N[place] = max(f1_N[place], f1)
        return f1_N

    def _summary(self, captions: Sequence[str], f1_N: np.ndarray) -> BertScores:
        scored_N = np.isfinite(f1_N)
        empty = sum(not caption.strip() for caption in captions)
        if self._baseline is not None:
            f1_N = (f1_N - self._baseline) / (1.0 - self._baseline)
        return BertScores(np.where(scored_N, f1_N, 0.0), empty, int((~scored_N).sum()) - empty)

    def _compare(self, pairs: Sequence[Pair], weighing: list[str]) -> np.ndarray:
        """Precision, recall and F1 of each pair of caption and reference."""
        from bert_score.utils import bert_cos_score_idf, get_idf_dict

        if not pairs:
            return np.empty((0, 3))
        if self._idf and len(set(weighing)) < 2:
            raise LampError("idf weights need two different references at least; turn idf off for fewer")
        weights: dict[int, float] = defaultdict(lambda: 1.0)
        weights.update({self._tokenizer.sep_token_id: 0.0, self._tokenizer.cls_token_id: 0.0})
        if self._idf:
            weights = get_idf_dict(weighing, self._tokenizer, nthreads=0)
        scores = bert_cos_score_idf(
            self._model,
            [reference for _, reference in pairs],
            [caption for caption, _ in pairs],
            self._tokenizer,
            weights,
            batch_size=self._batch_size,
            device=self._device,
        )
        scores_N3: np.ndarray = scores.cpu().double().numpy()
        return scores_N3


def _config(source: str) -> "PretrainedConfig":
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(source)


def _longest(tokenizer: "PreTrainedTokenizerBase", config: "PretrainedConfig") -> int:
    """Word pieces a sentence; models of RoBERTa's family leave the first two positions unused."""
    if tokenizer.model_max_length < NO_REAL_LENGTH:
        return int(tokenizer.model_max_length)
    return int(getattr(config, "max_position_embeddings", POSITIONS_OF_ANY_MODEL + 2)) - 2


def _baseline(name: str, layer: int) -> float | None:
    """F1 of unrelated English sentences, or None when bert-score does not ship it."""
    import bert_score

    table = Path(bert_score.__file__).parent / "rescale_baseline" / "en" / f"{name}.tsv"
    if Path(name).is_absolute() or not table.is_file():
        return None
    with table.open(encoding="utf-8") as file:
        found = {int(row["LAYER"]): float(row["F"]) for row in csv.DictReader(file)}
    return found.get(layer)


def _label(name: str, layer: int, idf: bool, rescale: bool, baseline: float | None) -> str:
    rescaled = "rescaled" if baseline is not None else "not rescaled"
    reason = " (no baseline of this model and layer)" if rescale and baseline is None else ""
    return f"{Path(name).name} layer {layer}, {'idf' if idf else 'no idf'}, {rescaled}{reason}"
