"""What is measured of the trained models, a family a function; floors and untrained models beside each.

Shapes: N items, T frames, D feature numbers a frame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lamp_core.config.models import Evaluate
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import DOWNSAMPLING
from lamp_core.evaluation.baselines import UNTRAINED
from lamp_core.evaluation.cache import digest
from lamp_core.evaluation.captioning import CAPTIONING, measure_captioning
from lamp_core.evaluation.completing import completing
from lamp_core.evaluation.lamp_bert_score import PROTOCOL as LAMP_BERT_SCORE
from lamp_core.evaluation.lamp_bert_score import measure_lamp_bert_score
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.joints import MakeMotions, evaluate_completion, evaluate_plausibility
from lamp_core.evaluation.protocols.reconstruction import Reconstruction, evaluate_tokenizer
from lamp_core.evaluation.protocols.retrieval import evaluate_retrieval
from lamp_core.evaluation.protocols.text_to_motion import Generate, evaluate_text_to_motion
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.trained import Trained
from lamp_core.lamp.backbone import has_minilm
from lamp_core.metrics.recall import scaled_cosine
from lamp_core.metrics.sentence_similarity import sentence_embeddings
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.tokenizers.clips import code_usage, encode_clips, reconstruct_clips
from lamp_core.tokenizers.kinds import kind_of, untrained_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.seeds import seed_everything

T2M, FEAT = "LaMP-T2M", "LaMP-Feat"
RETRIEVAL = ("full", "distinct", "threshold", "dissimilar", "batches")
STAGES = {
    "tokenizer": ("reconstruction",),
    "t2m": ("text-to-motion", "plausibility", "completion", LAMP_BERT_SCORE),
    "m2t": (CAPTIONING,),
    "retrieval": RETRIEVAL,
}
"""The stages that can be measured, and the protocols of each."""


def measure(trained: Trained, on_progress: OnProgress | None = None) -> dict[str, list[Result]]:
    """Return the rows of every family of which ``evaluate.protocols`` names a protocol."""
    wanted = set(trained.settings.protocols)
    systems = Systems(trained)
    return {
        family: rows(systems, on_progress)
        for family, (protocols, rows) in FAMILIES.items()
        if wanted & set(protocols)
    }


class Systems:
    """The trained and untrained systems that several families measure; what one made, the next need not.

    Args:
        trained: the models.
    """

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self._models: dict[str, MotionGenerator] = {}
        self._generators: dict[str, Generate] = {}

    def models(self, name: str) -> MotionGenerator:
        """LaMP-T2M, or an untrained model of its shape."""
        if name not in self._models:
            trained = self.trained.generator
            is_trained = name == T2M
            seed = self.trained.settings.seed
            self._models[name] = trained if is_trained else untrained_generator(trained, seed)
        return self._models[name]

    def generator(self, name: str) -> Generate:
        """What generates with them; it remembers what it first made."""
        if name not in self._generators:
            true_length = self.trained.settings.length == "true"
            self._generators[name] = Remembering(generate_with(self.models(name), true_length))
        return self._generators[name]


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


def untrained_generator(generator: MotionGenerator, seed: int) -> MotionGenerator:
    """Return the generator with a masked motion transformer of the same shape and random weights."""
    seed_everything(seed)
    shape = generator.transformer
    random = type(shape)(shape.codebook_size, shape.condition_dim, shape.max_tokens, shape.settings)
    return replace(generator, transformer=random.eval().to(next(shape.parameters()).device))


def generate_with(generator: MotionGenerator, true_length: bool) -> Generate:
    """Return what the protocols call: captions and true lengths to motions."""

    def generate(captions: Sequence[Caption], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        texts = [caption.text for caption in captions]
        lengths = frames if true_length else generator.lengths(texts, seed)
        return generator.generate(texts, lengths, seed)

    return generate


def _tokenizer(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained
    tokenizer = trained.tokenizer
    seed_everything(trained.settings.seed)
    measured = {UNTRAINED: _reconstruction(untrained_tokenizer(tokenizer))}
    name = kind_of(tokenizer).label
    measured[name] = _reconstruction(tokenizer)
    if tokenizer.min_channels == 1 < len(tokenizer.channels):
        # What text to motion can reach at best: it generates the codes of the first channel.
        measured[f"{name}, first layer"] = _reconstruction(tokenizer, channels=1)
    return evaluate_tokenizer(
        trained.items,
        measured,
        trained.guo,
        trained.features.skeleton,
        trained.features.statistics,
        trained.settings,
        embed=trained.cache.embed,
    )


def _reconstruction(tokenizer: MotionTokenizer, channels: int | None = None) -> Reconstruction:
    def usage(clips: Sequence[np.ndarray]) -> Sequence[float]:
        """Mean over the channels of the share of codes in use and of the perplexity."""
        codes = encode_clips(tokenizer, clips)
        of_channels = [
            code_usage([codes_SR[:, place] for codes_SR in codes], channel.codebook_size)
            for place, channel in enumerate(tokenizer.channels[:channels])
        ]
        means: list[float] = np.mean(of_channels, axis=0).tolist()
        return means

    return Reconstruction(lambda clips: reconstruct_clips(tokenizer, clips, channels=channels), usage)


def _text_to_motion(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained
    return evaluate_text_to_motion(
        trained.items,
        {T2M: systems.generator(T2M)},
        trained.guo,
        trained.features.statistics,
        trained.settings,
        matching=trained.further_evaluators,
        floors={UNTRAINED: systems.generator(UNTRAINED)},
        embed=trained.cache.embed,
        on_progress=on_progress,
    )


def _plausibility(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    features = systems.trained.features
    made_by = _one_motion_an_item(systems)
    return evaluate_plausibility(systems.trained.items, made_by, features.skeleton, features.statistics)


def _lamp_bert_score(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    return measure_lamp_bert_score(systems.trained, _one_motion_an_item(systems), on_progress)


def _one_motion_an_item(systems: Systems) -> dict[str, MakeMotions]:
    """What reconstructs the true motions, and what generates from captions, untrained and trained."""
    trained = systems.trained
    tokenizer = trained.tokenizer
    generating = {
        name: _first_generation(systems.generator(name), trained.settings) for name in (UNTRAINED, T2M)
    }
    reconstructing = kind_of(tokenizer).label
    return {reconstructing: lambda test: reconstruct_clips(tokenizer, test.motions), **generating}


def _first_generation(generate: Generate, settings: Evaluate) -> MakeMotions:
    """The motions of the first repeat of text to motion."""
    return lambda test: generate(
        test.captions_at(test.draw_captions(settings, 0)), [item.frames for item in test.items], settings.seed
    )


def _completion(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained
    longest = trained.generator.transformer.max_tokens * DOWNSAMPLING
    items = [item for item in trained.items if item.frames <= longest]
    rows = evaluate_completion(
        items,
        {name: completing(systems.models(name)) for name in (UNTRAINED, T2M)},
        trained.features.skeleton,
        trained.features.statistics,
        trained.settings,
        on_progress,
    )
    lost = len(trained.items) - len(items)
    note = f"{lost} items longer than the model's {longest} frames left out"
    return [replace(row, note="; ".join(filter(None, (row.note, note)))) for row in rows] if lost else rows


def _retrieval(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained
    gallery, scores_NN = trained.gallery
    similarities = {
        UNTRAINED: trained.embedded_gallery(trained.untrained_lamp)[1],
        FEAT: scores_NN,
    }
    alike_NN = _sentence_similarity(trained, gallery.captions)
    rows = [
        result
        for system, similarity_NN in similarities.items()
        for result in evaluate_retrieval(
            similarity_NN, gallery.captions, trained.settings, system=system, sentence_similarity_NN=alike_NN
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
    "retrieval": (RETRIEVAL, _retrieval),
    "captioning": ((CAPTIONING,), _captioning),
    "lamp_bert_score": ((LAMP_BERT_SCORE,), _lamp_bert_score),
}
"""Protocols of each family, and what measures it."""
