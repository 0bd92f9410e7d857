"""Stage ``evaluate``: tokenizer, text to motion and retrieval, each beside a floor and an untrained model.

By hand: ``python -m tasks.evaluate``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item, items_of
from lamp_core.generation import MaskedMotionTransformer, MotionGenerator, load_generator
from lamp_core.lamp import LampFeatures, load_lamp, untrained_copy
from lamp_core.lamp.backbone import has_minilm
from lamp_core.metrics.evaluation import (
    Generate,
    evaluate_text_to_motion,
    evaluate_tokenizer,
    protocol_items,
)
from lamp_core.metrics.guo import GuoEvaluator
from lamp_core.metrics.recall import scaled_cosine
from lamp_core.metrics.results import Result, write_results
from lamp_core.metrics.retrieval import evaluate_retrieval
from lamp_core.metrics.sentences import sentence_embeddings
from lamp_core.retrieval import Gallery
from lamp_core.tokenizers import VQVAE, reconstruct_clips
from lamp_core.training import seed_everything
from tasks.body import StageContext, main
from tasks.inputs import item_latents

UNTRAINED = "untrained"


@dataclass(frozen=True)
class Trained:
    """Everything that is evaluated, and what evaluates it."""

    features: FeatureSet
    items: list[Item]
    generator: MotionGenerator
    evaluator: GuoEvaluator
    gallery: Gallery
    gallery_scores_NN: np.ndarray

    @classmethod
    def load(cls, stage: StageContext) -> "Trained":
        """Load the outputs of the stages before; items are those of the test split within the protocol."""
        features = FeatureSet.load(stage.input("features"))
        rate = features.skeleton.frames_per_second
        return cls(
            features,
            protocol_items(items_of(features, "test"), rate, stage.config.evaluate),
            load_generator(stage.data, stage.device),
            GuoEvaluator.load(stage.input("evaluator"), stage.device),
            Gallery.load(stage.input("retrieval")),
            np.load(stage.input("retrieval") / "similarity.npy"),
        )


def run(stage: StageContext) -> dict[str, float]:
    """Measure, and keep every number with its protocol, evaluator, repeats and interval."""
    trained = Trained.load(stage)
    families = {
        "tokenizer": _tokenizer(stage, trained),
        "text_to_motion": _text_to_motion(stage, trained),
        "retrieval": _retrieval(stage, trained),
    }
    results = [result for rows in families.values() for result in rows]
    metadata = {"data": trained.features.dataset, "data_version": trained.features.version}
    write_results(stage.output / "results.parquet", results, metadata)
    _write_generated(stage, trained)
    return {
        f"{family}/{metric_key(result)}": result.value
        for family, rows in families.items()
        for result in rows
        if result.measured
    }


def metric_key(result: Result) -> str:
    """Name of a result among the stage's metrics: system, protocol of a retrieval, metric."""
    protocol = f"{result.protocol} " if result.metric.startswith(("text to motion", "motion to text")) else ""
    return re.sub(r"[^A-Za-z0-9@/_-]+", "_", f"{result.system}/{protocol}{result.metric}").replace("@", "")


def _tokenizer(stage: StageContext, trained: Trained) -> list[Result]:
    tokenizer = trained.generator.tokenizer
    seed_everything(stage.config.evaluate.seed)
    untrained = VQVAE(tokenizer.feature_count, tokenizer.settings).eval().to(stage.device)
    untrained.codebook.codes_KC.normal_()
    return evaluate_tokenizer(
        trained.items,
        {
            UNTRAINED: lambda clips: reconstruct_clips(untrained, clips),
            "VQ-VAE": lambda clips: reconstruct_clips(tokenizer, clips),
        },
        trained.evaluator,
        trained.features.skeleton,
        trained.features.statistics,
        stage.config.evaluate,
    )


def _text_to_motion(stage: StageContext, trained: Trained) -> list[Result]:
    settings = stage.config.evaluate
    generator = trained.generator
    seed_everything(settings.seed)
    shape = generator.transformer
    random = MaskedMotionTransformer(shape.codes, shape.condition_width, shape.max_tokens, shape.settings)
    untrained = replace(generator, transformer=random.eval().to(stage.device))
    return evaluate_text_to_motion(
        trained.items,
        {
            UNTRAINED: _generate_with(untrained, settings.length == "true"),
            "LaMP-T2M": _generate_with(generator, settings.length == "true"),
        },
        trained.evaluator,
        trained.features.statistics,
        settings,
        generations=settings.generations,
        on_progress=stage.on_progress,
    )


def _generate_with(generator: MotionGenerator, true_length: bool) -> Generate:
    def generate(captions: Sequence[Caption], frames: Sequence[int], seed: int) -> list[np.ndarray]:
        texts = [caption.text for caption in captions]
        lengths = frames if true_length else generator.lengths(texts, seed)
        return generator.generate(texts, lengths, seed)

    return generate


def _retrieval(stage: StageContext, trained: Trained) -> list[Result]:
    settings = stage.config.evaluate
    captions = trained.gallery.captions
    # Without the extra minilm the protocol `threshold` is left out.
    alike_NN = scaled_cosine(sentence_embeddings(captions)) if has_minilm() else None
    scores = {
        UNTRAINED: _untrained_gallery(stage, trained).similarity().numpy(),
        "LaMP-Feat": trained.gallery_scores_NN,
    }
    rows = [
        result
        for system, scores_NN in scores.items()
        for result in evaluate_retrieval(
            scores_NN, captions, settings, system=system, sentence_similarity_NN=alike_NN
        )
    ]
    return list(dict.fromkeys(rows))  # the chance rows come with each system


def _untrained_gallery(stage: StageContext, trained: Trained) -> Gallery:
    lamp, words = load_lamp(stage.input("pretrain"))
    features = LampFeatures(untrained_copy(lamp).to(stage.device), words)
    items = items_of(trained.features, "test")
    frames = stage.config.pretrain.max_frames
    latents = item_latents(trained.generator.tokenizer, trained.features, items, frames)
    gallery = trained.gallery
    return Gallery.embed(features, gallery.clips, latents, gallery.captions, gallery.over_queries)


def _write_generated(stage: StageContext, trained: Trained) -> None:
    """Keep motions of a few test captions, spread over the split, for the report."""
    wanted = min(stage.config.report.players, len(trained.items))
    places = np.linspace(0, len(trained.items) - 1, wanted).astype(int)
    items = [trained.items[place] for place in places]
    captions = [item.captions[0] for item in items]
    generate = _generate_with(trained.generator, stage.config.evaluate.length == "true")
    made = generate(captions, [item.frames for item in items], stage.config.evaluate.seed)
    raw = [trained.features.statistics.denormalise(motion_TD) for motion_TD in made]
    table = pa.table(
        {
            "clip": [item.clip for item in items],
            "start": [item.start for item in items],
            "caption": [caption.text for caption in captions],
            "frames": [len(motion_TD) for motion_TD in raw],
            "features": [np.asarray(motion_TD, dtype=np.float32).ravel() for motion_TD in raw],
        }
    )
    pq.write_table(table, stage.output / "generated.parquet")


if __name__ == "__main__":
    main("evaluate", run)
