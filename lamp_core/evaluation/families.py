"""What is measured of the trained models, a family a function; floors and untrained models beside each.

Shapes: N items, T frames, D feature numbers a frame.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from typing import TypeVar

import numpy as np

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.datasets.labelled_actions import check_named
from lamp_core.evaluation.baselines import UNTRAINED, is_baseline
from lamp_core.evaluation.cache import digest
from lamp_core.evaluation.captioning import CAPTIONING, measure_captioning
from lamp_core.evaluation.held_out import measure_by_action
from lamp_core.evaluation.lamp_bert_score import PROTOCOL as LAMP_BERT_SCORE
from lamp_core.evaluation.lamp_bert_score import measure_lamp_bert_score
from lamp_core.evaluation.oracles import label_groups, label_names, oracle_similarities
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.control import evaluate_control
from lamp_core.evaluation.protocols.joints import (
    Complete,
    MakeMotions,
    evaluate_completion,
    evaluate_plausibility,
)
from lamp_core.evaluation.protocols.reconstruction import Reconstruction, evaluate_tokenizer
from lamp_core.evaluation.protocols.retrieval import evaluate_retrieval
from lamp_core.evaluation.protocols.text_to_motion import TASK, Generate, evaluate_text_to_motion
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.route import embed_by
from lamp_core.evaluation.trained import Trained
from lamp_core.lamp.minilm import has_minilm
from lamp_core.metrics.recall import scaled_cosine
from lamp_core.metrics.sentence_similarity import sentence_embeddings
from lamp_core.systems.capabilities import (
    CAPTION,
    COMPLETE,
    CONTROL,
    EDIT_PARTS,
    GENERATE,
    RECONSTRUCT,
    SIMILARITY,
    ChoosesAnswers,
    Completes,
    Controls,
    Generates,
    HasFloor,
    Reconstructs,
)
from lamp_core.systems.model import Model

RETRIEVAL = ("full", "distinct", "threshold", "dissimilar", "batches")
PROTOCOLS: Mapping[str, tuple[str, ...]] = {
    RECONSTRUCT: ("reconstruction",),
    GENERATE: ("text-to-motion", "plausibility", LAMP_BERT_SCORE),
    COMPLETE: ("completion",),
    CONTROL: ("control",),
    CAPTION: (CAPTIONING,),
    SIMILARITY: RETRIEVAL,
    EDIT_PARTS: (),
}
"""By what each capability is measured."""


def protocols_of_stages(models: Sequence[Model]) -> dict[str, tuple[str, ...]]:
    """The stages whose models can be measured, and the protocols of each."""
    return {
        model.stage: tuple(chain.from_iterable(PROTOCOLS[each] for each in model.capabilities))
        for model in models
    }


def families_of(settings: Evaluate) -> list[str]:
    """The families of which ``evaluate.protocols`` names a protocol."""
    wanted = set(settings.protocols)
    return [family for family, (protocols, _) in FAMILIES.items() if wanted & set(protocols)]


def measure(
    trained: Trained, on_progress: OnProgress | None = None, families: Collection[str] = ()
) -> dict[str, list[Result]]:
    """Return the rows of every family that the settings ask for, or of those of them that are named."""
    systems = Systems(trained)
    return {
        family: FAMILIES[family][1](systems, on_progress)
        for family in families_of(trained.settings)
        if not families or family in families
    }


class Systems:
    """The trained and untrained systems that several families measure; what one made, the next need not.

    Args:
        trained: the models.
    """

    def __init__(self, trained: Trained) -> None:
        self.trained = trained

    @cached_property
    def completing(self) -> dict[str, Completes]:
        """What completes motions, an untrained model first."""
        return with_floor(self.trained.completing, self.trained.settings.seed)

    @cached_property
    def generating(self) -> dict[str, Generate]:
        """What generates, an untrained model first; each remembers what it first made."""
        true_length = self.trained.settings.length == "true"
        every = with_floor(self.trained.generating, self.trained.settings.seed)
        return {name: Remembering(generate_with(model, true_length)) for name, model in every.items()}


M = TypeVar("M")


def with_floor(models: Mapping[str, M], seed: int) -> dict[str, M]:
    """The models, behind one of the shape of the first that has random weights, where it can say so."""
    first = next((model for model in models.values() if isinstance(model, HasFloor)), None)
    return {**({UNTRAINED: first.untrained(seed)} if first is not None else {}), **models}


class Remembering:
    """A generator that keeps the motions of its first call, to be asked for again.

    Args:
        generate: the generator.
    """

    def __init__(self, generate: Generate) -> None:
        self._generate = generate
        self._asked: tuple[list[Caption], list[int], int] | None = None
        self._made: Sequence[np.ndarray] = ()

    def __call__(self, captions: Sequence[Caption], frames: Sequence[int], seed: int) -> Sequence[np.ndarray]:
        """Generate, or return what was generated for the same."""
        asked = (list(captions), list(frames), seed)
        if asked == self._asked:
            return self._made
        made = self._generate(captions, frames, seed)
        if self._asked is None:
            self._asked, self._made = asked, made
        return made


def generate_with(model: Generates, true_length: bool) -> Generate:
    """Return what the protocols call: captions and true lengths to motions."""

    def generate(captions: Sequence[Caption], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        texts = [caption.text for caption in captions]
        lengths = frames if true_length else model.lengths(texts, seed)
        return model.generate(texts, lengths, seed)

    return generate


def _tokenizer(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained
    every: dict[str, Reconstructs] = {}
    for name, model in with_floor(trained.reconstructing, trained.settings.seed).items():
        every |= {name: model, **(model.parts() if name != UNTRAINED else {})}
    return evaluate_tokenizer(
        trained.items,
        {name: Reconstruction(model.reconstruct, model.usage) for name, model in every.items()},
        trained.guo,
        trained.features.skeleton,
        trained.features.statistics,
        trained.settings,
        embed=embed_by(trained.settings.route, trained.features, trained.cache.embed),
    )


def _text_to_motion(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained

    def measured(items: Sequence[Item], task: str) -> list[Result]:
        return evaluate_text_to_motion(
            items,
            {name: generate for name, generate in systems.generating.items() if not is_baseline(name)},
            trained.guo,
            trained.features.statistics,
            trained.settings,
            matching=trained.further_evaluators,
            floors={name: generate for name, generate in systems.generating.items() if is_baseline(name)},
            embed=embed_by(trained.settings.route, trained.features, trained.cache.embed),
            on_progress=on_progress,
            task=task,
        )

    settings, label = trained.settings, trained.guo.label
    if trained.own_data:
        check_named(trained.features.labels, settings.held_out_label, settings.held_out, "evaluate.held_out")
    rows = measured(trained.items, TASK)
    return [*rows, *measure_by_action(trained.items, measured, settings, trained.generating, label)]


def _plausibility(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    features = systems.trained.features
    made_by = _one_motion_an_item(systems)
    return evaluate_plausibility(
        systems.trained.items, made_by, features.skeleton, features.statistics, features.reference_J3
    )


def _lamp_bert_score(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    """What generates stands before what reconstructs: an experiment's table shows a row's first system."""
    made_by = _one_motion_an_item(systems)
    generated = {name: made_by[name] for name in systems.generating}
    return measure_lamp_bert_score(systems.trained, generated | made_by, on_progress)


def _one_motion_an_item(systems: Systems) -> dict[str, MakeMotions]:
    """What reconstructs the true motions, and what generates from captions, untrained and trained."""
    trained = systems.trained
    made_by: dict[str, MakeMotions] = {
        name: _reconstructed(model) for name, model in trained.reconstructing.items()
    }
    return made_by | {
        name: _first_generation(generate, trained.settings) for name, generate in systems.generating.items()
    }


def _reconstructed(model: Reconstructs) -> MakeMotions:
    return lambda test: model.reconstruct(test.motions)


def _first_generation(generate: Generate, settings: Evaluate) -> MakeMotions:
    """The motions of the first repeat of text to motion."""
    return lambda test: generate(
        test.captions_at(test.draw_captions(settings, 0)), [item.frames for item in test.items], settings.seed
    )


def _control(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    controlling = systems.trained.controlling
    called = {name: of_captions(model.control) for name, model in controlling.items()}
    forced = {name: of_captions(partial(model.control, forced=True)) for name, model in controlling.items()}
    first = {
        name: model.answering_once()
        for name, model in controlling.items()
        if isinstance(model, ChoosesAnswers) and model.chooses_poses
    }
    once = {name: of_captions(model.control) for name, model in first.items()}
    evaluate = partial(evaluate_control, forced=forced, evaluator=systems.trained.guo, once=once)
    return _from_given(evaluate, called, controlling, systems.trained, on_progress)


def _completion(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    completing = systems.completing
    called = {name: of_captions(model.complete) for name, model in completing.items()}
    trained = systems.trained
    evaluate = partial(evaluate_completion, evaluator=trained.guo, reference_J3=trained.features.reference_J3)
    return _from_given(evaluate, called, completing, trained, on_progress)


def of_captions(make: Callable[..., list[np.ndarray]]) -> Complete:
    """What a protocol calls of a model that makes motions of texts and given frames: captions for texts."""
    return lambda captions, motions, given, seed: make(
        [caption.text for caption in captions], motions, given, seed
    )


def _from_given(
    evaluate: Callable[..., list[Result]],
    called: Mapping[str, Complete],
    models: Mapping[str, Completes] | Mapping[str, Controls],
    trained: Trained,
    on_progress: OnProgress | None,
) -> list[Result]:
    """Measure by a protocol that gives frames, on the items that the models look at whole."""
    if not models:
        return []
    longest = min(model.longest_frames for model in models.values())
    items = [item for item in trained.items if item.frames <= longest]
    lost = len(trained.items) - len(items)
    note = f"{lost} items longer than the model's {longest} frames left out" if lost else ""
    space = trained.features
    rows = evaluate(items, called, space.skeleton, space.statistics, trained.settings, on_progress)
    return [replace(row, note="; ".join(filter(None, (row.note, note)))) for row in rows]


def _retrieval(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained
    captions = trained.retrieval_captions
    alike_NN = _sentence_similarity(trained, captions)
    every = with_floor(trained.comparing, trained.settings.seed)
    similarities = {name: trained.scores(model) for name, model in every.items()}
    labels = [item.labels for item in trained.every_item]
    oracles = oracle_similarities(labels)
    groups_N = label_groups(labels, label_names(labels)) if oracles else None
    rows = [
        result
        for system, similarity_NN in (similarities | oracles).items()
        for result in evaluate_retrieval(
            similarity_NN,
            captions,
            trained.settings,
            system=system,
            sentence_similarity_NN=alike_NN,
            label_groups_N=groups_N,
        )
    ]
    return list(dict.fromkeys(rows))  # the chance rows come with each system


def _captioning(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    return measure_captioning(systems.trained, on_progress)


def _sentence_similarity(trained: Trained, captions: Sequence[str]) -> np.ndarray | None:
    """Of the captions, scaled to 0..1, where a protocol needs it and the extra minilm is there."""
    if not {"threshold", "dissimilar"} & set(trained.settings.protocols) or not has_minilm():
        return None
    key = digest([b"minilm", *(caption.encode() for caption in captions)])
    found = trained.cache.arrays(key, lambda: {"embeddings": sentence_embeddings(captions)})
    return scaled_cosine(found["embeddings"])


Family = Callable[[Systems, OnProgress | None], list[Result]]

FAMILIES: Mapping[str, tuple[Sequence[str], Family]] = {
    "tokenizer": (("reconstruction",), _tokenizer),
    "text_to_motion": (("text-to-motion",), _text_to_motion),
    "plausibility": (("plausibility",), _plausibility),
    "completion": (("completion",), _completion),
    "control": (("control",), _control),
    "retrieval": (RETRIEVAL, _retrieval),
    "captioning": ((CAPTIONING,), _captioning),
    "lamp_bert_score": ((LAMP_BERT_SCORE,), _lamp_bert_score),
}
"""Protocols of each family, and what measures it."""
OF_GENERATED = ("text_to_motion", "plausibility", "lamp_bert_score")
"""Families of the same generated motions, which are made once."""
