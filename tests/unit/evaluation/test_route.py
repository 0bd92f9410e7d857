"""Motions through their joints: truth stays what it is, and what contradicts itself no longer does."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.features import moving_clip
from lamp_core.config import Config
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import Item
from lamp_core.evaluation.cache import EmbeddingCache
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.families.family import measure
from lamp_core.evaluation.protocols.common import Embedded, TestItems
from lamp_core.evaluation.protocols.joints import joints_of
from lamp_core.evaluation.route import embed_by, made_anew
from lamp_core.evaluation.trained import Trained
from lamp_core.features.encode import encode
from lamp_core.features.layout import FeatureLayout
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.bones import OF_ROTATIONS, OF_VELOCITIES, body_errors
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from tests.unit.evaluation.perfect import CodeEvaluator


@pytest.fixture
def space(skeleton: Skeleton) -> FeatureSet:
    width = skeleton.feature_count
    statistics = FeatureStatistics(np.full(width, 0.02, np.float32), np.full(width, 0.5, np.float32))
    reference = np.asarray(canonical_reference(skeleton))
    return FeatureSet([], [], [], [], skeleton, statistics, reference, "x", "v", "f", "s")


@pytest.fixture
def raw_TD(skeleton: Skeleton, space: FeatureSet) -> np.ndarray:
    joints = moving_clip(skeleton, 41, np.random.default_rng(0))
    return encode(joints, skeleton, canonical_reference(skeleton)).numpy()


def test_true_features_are_their_own(raw_TD: np.ndarray, space: FeatureSet) -> None:
    (made_TD,) = made_anew([space.statistics.normalise(raw_TD)], space)
    found_TD = space.statistics.denormalise(made_TD)
    assert len(found_TD) == len(raw_TD) - 1
    gaps_TJ = np.linalg.norm(np.subtract(*joints_of([found_TD, raw_TD[:-1]], space.skeleton)), axis=-1)
    assert 100 * space.skeleton.metres_per_unit * gaps_TJ.mean() < 1.0, "centimetres"
    assert len(made_anew([space.statistics.normalise(raw_TD[:4])], space)[0]) == 4


def test_what_contradicts_itself_is_read_by_its_positions(raw_TD: np.ndarray, space: FeatureSet) -> None:
    layout, broken_TD = FeatureLayout.of(space.skeleton), raw_TD.copy()
    broken_TD[:, layout["velocities"]] *= 3.0
    made_TD, of_truth_TD = made_anew(
        [space.statistics.normalise(each) for each in (broken_TD, raw_TD)], space
    )
    np.testing.assert_allclose(made_TD, of_truth_TD, atol=1e-6)
    errors = [
        body_errors([each], space.skeleton, space.reference_J3)
        for each in (broken_TD, space.statistics.denormalise(made_TD))
    ]
    assert errors[0][OF_VELOCITIES] > 1.0 > 0.1 > errors[1][OF_VELOCITIES] and errors[1][OF_ROTATIONS] < 0.1


@pytest.mark.parametrize("skeleton", [load_skeleton("smpl22")])
def test_truth_and_made_motions_go_the_same_way(raw_TD: np.ndarray, space: FeatureSet) -> None:
    item = Item("c", 0, raw_TD[:40], (Caption("walk 0", ("walk", "0"), ("VERB", "NUM"), 0.0, 0.0),))
    test, evaluator = TestItems.of([item], space.statistics), CodeEvaluator([replace(item)])
    assert embed_by("features", space, Embedded.of) == Embedded.of
    judge = embed_by("joints", space, Embedded.of)(test, evaluator)
    np.testing.assert_array_equal(judge.motions, judge.evaluator.embed_motions(test.motions))
    assert not np.array_equal(judge.motions, evaluator.embed_motions(test.motions))
    assert (judge.evaluator.label, judge.evaluator.prefix) == (evaluator.label, evaluator.prefix)


def test_the_protocol_says_which_way(trained: Trained, config: Config) -> None:
    for route, words in (("features", "features as made"), ("joints", "features from joints")):
        changed = {"protocols": ("text-to-motion",), "route": route}
        settings = config.evaluate.model_copy(update=changed)
        measured = measure(
            replace(trained, config=config.model_copy(update={"evaluate": settings})), FAMILIES
        )
        protocols = {result.protocol for result in measured["text_to_motion"]}
        assert len(protocols) == 1 and words in protocols.pop()


def test_evaluators_of_one_stage_share_no_embeddings(raw_TD: np.ndarray) -> None:
    width = raw_TD.shape[1]
    statistics = FeatureStatistics(np.zeros(width, np.float32), np.ones(width, np.float32))
    item = Item("c", 0, raw_TD[:40], (Caption("walk 0", ("walk", "0"), ("VERB", "NUM"), 0.0, 0.0),))
    test, cache = TestItems.of([item], statistics), EmbeddingCache(lambda label: "the same stage")

    class Labelled:
        def __init__(self, label: str, value: float) -> None:
            self.label, self.value = label, value

        def embed_motions(self, motions: list[np.ndarray]) -> np.ndarray:
            return np.full((len(motions), 2), self.value)

        def embed_texts(self, captions: list[Caption]) -> np.ndarray:
            return np.full((len(captions), 2), self.value)

    found = [
        cache.embed(test, Labelled(label, value)).motions[0, 0] for label, value in (("a", 1.0), ("b", 2.0))
    ]
    assert found == [1.0, 2.0]
