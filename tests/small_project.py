"""A project's data folder with features and models of every stage: tiny, and trained on nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml

from lamp_core.config import Config, override, profile_config
from lamp_core.config.base import FROM_SCRATCH
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING, items_of
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import load_source
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.guo_words import Vocabulary
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.folder import save_lamp
from lamp_core.lamp.model import LaMP, LaMPShape
from lamp_core.lamp.text import train_vocabulary
from lamp_core.m2t.folder import save_m2t
from lamp_core.m2t.language_model import identity_of, load_base, record_base
from lamp_core.m2t.own_language_model import own_model, own_tokenizer, save_own
from lamp_core.m2t.training import new_captioner
from lamp_core.motion_language.folder import Origin, save_speaker
from lamp_core.motion_language.vocabulary import MotionVocabulary, extend
from lamp_core.motion_language.words import MotionWords
from lamp_core.retrieval.build import build_gallery
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.t2m.conditions import reader_of
from lamp_core.t2m.folder import save_t2m
from lamp_core.t2m.length_estimator import LengthEstimator, save_length
from lamp_core.t2m.transformer import MaskedMotionTransformer
from lamp_core.tokenizers.binding import bind
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.kinds import new_tokenizer

CLIPS = 110
SMALL = (
    "evaluate.repeats=2",
    "evaluate.generations=2",
    "evaluate.floor_generations=1",
    "evaluate.batch_size=4",
    "evaluate.diversity_pairs=5",
    "evaluate.multimodality_texts=2",
    "evaluate.multimodality_motions=3",
    "evaluate.multimodality_pairs=2",
    "evaluate.completions=1",
    "evaluate.protocols=[reconstruction, text-to-motion, plausibility, completion, full, distinct, batches]",
    "t2m.sampling_steps=2",
    "t2m.attention_infer=bidirectional",  # random motions that differ from the true
    "t2m.guidance=4",
)


def small_config() -> Config:
    """Profile smoke, with less to measure."""
    return override(profile_config("smoke"), SMALL)


def make_small_project(data: Path) -> None:
    """Fill the data folder of a project as if it had run."""
    (data / "sources").mkdir(parents=True)
    source = {"name": "procedural", "kind": "procedural"}
    (data / "sources" / "procedural.yaml").write_text(yaml.safe_dump(source))
    make_features(data, "smpl22", CLIPS)
    make_models(data, small_config())


def make_features(data: Path, skeleton: str, clips: int) -> None:
    """Ingest the procedural data set and compute its features."""
    source = load_source(data, "procedural")
    ingest(source, load_skeleton(skeleton), data / "ingest", procedural=(clips, 0), workers=1)
    extract_features(data / "ingest", data / "features")


def make_models(data: Path, config: Config) -> None:
    """Write an untrained model for every stage, and the gallery."""
    torch.manual_seed(0)
    features = FeatureSet.load(data / "features")
    captions = [caption for item in items_of(features) for caption in item.captions]
    tokenizer = new_tokenizer(features.skeleton.feature_count, config.tokenizer).eval()
    tokenizer.start_at_random()
    save_tokenizer(data / "tokenizer", tokenizer)
    words = train_vocabulary((caption.text for caption in captions), 300, config.pretrain.max_text_tokens)
    lamp = LaMP(_shape(config, words.size)).eval()
    save_lamp(data / "pretrain", lamp, words)
    make_captioner(data, config, lamp, features, [caption.text for caption in captions])
    codes, width = config.tokenizer.codebook_size, lamp.shape.hidden_dim
    reader = reader_of(config.t2m, lamp)
    save_t2m(data / "t2m", MaskedMotionTransformer(codes, width, lamp.shape.max_tokens, config.t2m, reader))
    for stage in ("t2m", "m2t"):
        bind(data / stage, tokenizer)
    save_length(data / "length", LengthEstimator(width, config.length))
    vocabulary = Vocabulary.of(captions)
    GuoEvaluator.create(vocabulary, tokenizer.feature_count, config.evaluator).save(data / "evaluator")
    gallery, scores_NN = build_gallery(
        LampFeatures(lamp, words),
        tokenizer,
        items_of(features, "test"),
        features.statistics,
        config.retrieval,
    )
    gallery.save(data / "retrieval")
    np.save(data / "retrieval" / "similarity.npy", scores_NN.detach().numpy())


def make_captioner(
    data: Path, config: Config, lamp: LaMP, features: FeatureSet, sentences: list[str]
) -> None:
    """Write an untrained language model and LaMP-M2T."""
    folder = data / "language_model"
    words = own_tokenizer(sentences, config.m2t.prompt, config.language_model)
    save_own(folder, own_model(words, config.language_model), words)
    record_base(folder, FROM_SCRATCH, identity_of(str(folder)))
    base = load_base(folder, torch.device("cpu"))
    model = new_captioner(base, lamp, config.m2t, torch.device("cpu"))
    save_m2t(data / "m2t", model, base.identity, features.skeleton)


def make_speaker(data: Path, config: Config) -> None:
    """Write an untrained motion language model over the language model and the tokenizer that are there."""
    base, tokenizer = (
        load_base(data / "language_model", torch.device("cpu")),
        load_tokenizer(data / "tokenizer"),
    )
    settings, skeleton = config.alignment, FeatureSet.load(data / "features").skeleton
    most = settings.max_frames // tokenizer.downsampling
    vocabulary = MotionVocabulary.of(tokenizer, most, len(base.tokenizer))
    extend(base.model, base.tokenizer, vocabulary, seed=0)
    prompts = config.instruction.prompts
    origin = Origin.of(base, skeleton, settings, prompts)
    origin = replace(origin, settings=config.instruction.model_dump(mode="json"))
    words = MotionWords(base.tokenizer, vocabulary, prompts, settings.max_text_tokens)
    save_speaker(data / "instruction", base.model, words, origin)


def _shape(config: Config, vocabulary: int) -> LaMPShape:
    backbone = config.pretrain.backbone
    return LaMPShape(
        layers=backbone.layers,
        hidden_dim=backbone.hidden_dim,
        heads=backbone.heads,
        feed_forward_dim=2 * backbone.hidden_dim,
        max_positions=config.pretrain.max_text_tokens,
        vocabulary_size=vocabulary,
        queries=config.pretrain.queries,
        projection_dim=config.pretrain.projection_dim,
        cross_attention_every=2,
        code_dim=config.tokenizer.code_dim,
        codebook_size=config.tokenizer.codebook_size,
        max_tokens=config.pretrain.max_frames // DOWNSAMPLING,
        max_text_tokens=config.pretrain.max_text_tokens,
        dropout=0.0,
        temperature=0.07,
        motion_decoding="autoregressive",
    )
