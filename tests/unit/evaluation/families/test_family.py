"""What is measured of the trained models."""

import math
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config import Config, override
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.evaluation.cache import KEPT_FILES, EmbeddingCache
from lamp_core.evaluation.families.catalogue import FAMILIES, PROTOCOLS
from lamp_core.evaluation.families.family import Remembering, Systems, measure
from lamp_core.evaluation.families.given_frames import of_captions
from lamp_core.evaluation.results import Result, metric_key
from lamp_core.evaluation.side_by_side import measure_side_by_side
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.lamp import MODELS
from lamp_core.tokenizers.folder import save_tokenizer
from lamp_core.tokenizers.kinds import new_tokenizer

SYSTEMS = {
    "tokenizer": ["ground truth", "truth, other half", "mean pose", "untrained", "VQ-VAE"],
    "text_to_motion": ["ground truth", "truth, other half", "chance", "untrained", "LaMP-T2M"],
    "plausibility": ["ground truth", "VQ-VAE", "untrained", "LaMP-T2M"],
    "completion": ["interpolation", "untrained", "LaMP-T2M", "ground truth", "truth, other half"],
    "retrieval": ["chance", "untrained", "LaMP-Feat", "oracle: actions", "oracle: actions, parameters"],
}


@pytest.fixture(scope="module")
def families(small_data: Path, config: Config) -> dict[str, list[Result]]:
    features = FeatureSet.load(small_data / "features")
    return measure(Trained(small_data, config, features, torch.device("cpu"), MODELS), FAMILIES)


def test_every_family_measures_its_systems_floors_first(families: dict[str, list[Result]]) -> None:
    found = {name: list(dict.fromkeys(row.system for row in rows)) for name, rows in families.items()}
    assert found == SYSTEMS
    unmeasured = [row for rows in families.values() for row in rows if not row.measured]
    assert [row.note for row in unmeasured if not row.note.startswith("not measured: ")] == []
    assert any(row.measured and row.system == "LaMP-T2M" for row in families["text_to_motion"])


def test_lamp_measures_beside_the_dual_encoder(families: dict[str, list[Result]]) -> None:
    rows = families["text_to_motion"]
    assert {row.evaluator for row in rows} == {"guo-own", "lamp"}
    of_lamp = {row.metric for row in rows if row.evaluator == "lamp"}
    assert of_lamp == {*(f"LaMP-R-Precision top {k}" for k in (1, 2, 3)), "LaMP-MM-Dist"}


def test_no_two_numbers_share_a_name(families: dict[str, list[Result]]) -> None:
    for rows in families.values():
        assert len({metric_key(row) for row in rows}) == len(rows)
    assert "LaMP-T2M/prediction_ADE" in {metric_key(row) for row in families["completion"]}
    assert "LaMP-Feat/full_text_to_motion_R1" in {metric_key(row) for row in families["retrieval"]}
    assert "VQ-VAE/MPJPE" in {metric_key(row) for row in families["tokenizer"]}


def test_the_same_seed_measures_the_same(families: dict[str, list[Result]], trained: Trained) -> None:
    again = measure(trained, FAMILIES)
    for name, rows in families.items():
        assert [replace(row, value=0.0, interval=0.0) for row in rows] == [
            replace(row, value=0.0, interval=0.0) for row in again[name]
        ]
        np.testing.assert_array_equal([row.value for row in rows], [row.value for row in again[name]])


def test_two_processes_measure_what_one_does(families: dict[str, list[Result]], trained: Trained) -> None:
    told: list[str] = []
    both = measure_side_by_side(trained, FAMILIES, lambda done, total, what: told.append(what))
    assert list(both) == list(families) and told
    for name, rows in families.items():
        values, of_both = ([row.value for row in each] for each in (rows, both[name]))
        np.testing.assert_allclose(values, of_both, rtol=1e-5, atol=1e-6)
    assert not active_children()


def test_the_other_process_ends_when_this_one_fails(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> dict[str, list[Result]]:
        raise KeyboardInterrupt

    monkeypatch.setattr("lamp_core.evaluation.side_by_side.measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure_side_by_side(trained, FAMILIES)
    assert not active_children()


def test_only_the_wanted_protocols_are_measured_and_only_their_models_loaded(
    small_data: Path, config: Config, tmp_path: Path
) -> None:
    for stage in ("features", "tokenizer", "evaluator"):
        (tmp_path / stage).symlink_to(small_data / stage)
    features = FeatureSet.load(tmp_path / "features")
    wanted = override(config, ["evaluate.protocols=[reconstruction]"])
    found = measure(Trained(tmp_path, wanted, features, torch.device("cpu"), MODELS), FAMILIES)
    assert list(found) == ["tokenizer"]
    with pytest.raises(LampError, match="no trained model that can generate; `lamp run --until t2m`"):
        measure(Trained(tmp_path, config, features, torch.device("cpu"), MODELS), FAMILIES)


def test_a_residual_tokenizer_is_measured_with_all_layers_and_with_the_first(
    small_data: Path, config: Config, tmp_path: Path
) -> None:
    for stage in ("features", "evaluator"):
        (tmp_path / stage).symlink_to(small_data / stage)
    wanted = override(
        config,
        ["tokenizer.kind=rvq", "tokenizer.quantiser_layers=3", "evaluate.protocols=[reconstruction]"],
    )
    tokenizer = new_tokenizer(263, wanted.tokenizer)
    tokenizer.start_at_random()
    save_tokenizer(tmp_path / "tokenizer", tokenizer)
    features = FeatureSet.load(tmp_path / "features")
    rows = measure(Trained(tmp_path, wanted, features, torch.device("cpu"), MODELS), FAMILIES)["tokenizer"]
    systems = list(dict.fromkeys(row.system for row in rows))
    assert systems == [
        *("ground truth", "truth, other half", "mean pose"),
        *("untrained", "RVQ-VAE", "RVQ-VAE, first layer"),
    ]
    errors = {row.system: row.value for row in rows if row.metric == "MPJPE"}
    assert errors["RVQ-VAE"] != errors["RVQ-VAE, first layer"]


def test_every_protocol_of_a_capability_is_measured_by_a_family() -> None:
    assert {name for names in PROTOCOLS.values() for name in names} == {
        name for family in FAMILIES for name in family.protocols
    }


def test_motions_that_were_made_before_are_not_made_again() -> None:
    calls = []

    def generate(captions: list[str], frames: list[int], seed: int) -> list[np.ndarray]:
        calls.append(seed)
        return [np.full((2, 2), seed)]

    remembering = Remembering(generate)  # type: ignore[arg-type]
    for seed in (0, 1, 0, 2):
        assert remembering(["a"], [2], seed)[0][0, 0] == seed  # type: ignore[list-item]
    assert calls == [0, 1, 2]


def test_completed_motions_keep_what_was_given(trained: Trained) -> None:
    from lamp_core.evaluation.protocols.common import TestItems
    from lamp_core.evaluation.protocols.joints import first_given, masked_at_random

    test = TestItems.of(trained.items, trained.features.statistics)
    draws = np.random.default_rng(0)
    for choose in (
        lambda tokens: first_given(tokens, 0.2),
        lambda tokens: masked_at_random(tokens, 0.5, draws),
    ):
        given = [choose(len(motion) // 4) for motion in test.motions]
        captions = test.captions_at(test.draw_captions(trained.settings, 0))
        complete = of_captions(Systems(trained).completing["LaMP-T2M"].complete)
        made = complete(captions, test.motions, given, 3)
        for motion, true, flags in zip(made, test.motions, given, strict=True):
            assert motion.shape == true.shape
            np.testing.assert_array_equal(motion[flags], true[flags])
            assert np.isfinite(motion).all()
        # What is missing is not looked at: other motion in its place completes the same.
        changed = [
            np.where(flags[:, None], true, 9.0) for true, flags in zip(test.motions, given, strict=True)
        ]
        for motion, other in zip(made, complete(captions, changed, given, 3), strict=True):
            np.testing.assert_array_equal(motion, other)


def test_embeddings_are_computed_once_in_a_run_and_across_runs(trained: Trained, tmp_path: Path) -> None:
    from lamp_core.evaluation.protocols.common import TestItems

    test = TestItems.of(trained.items, trained.features.statistics)
    asked = []

    def identity_of(label: str) -> str:
        asked.append(label)
        return f"weights of {label}"

    class Counting:
        label, prefix, calls = "guo-own", "", 0

        def embed_motions(self, motions: list[np.ndarray]) -> np.ndarray:
            self.calls += 1
            return trained.guo.embed_motions(motions)

        def embed_texts(self, captions: list) -> np.ndarray:
            return trained.guo.embed_texts(captions)

    counting = Counting()
    caches = [EmbeddingCache(identity_of, tmp_path / "cache") for _ in range(2)]
    first = caches[0].embed(test, counting)
    for cache in (*caches, *caches):
        again = cache.embed(TestItems.of(trained.items, trained.features.statistics), counting)
        np.testing.assert_array_equal(again.motions, first.motions)
        np.testing.assert_array_equal(again.texts_CE, first.texts_CE)
    assert counting.calls == 1
    fewer = TestItems.of(trained.items[:-1], trained.features.statistics)
    assert len(caches[1].embed(fewer, counting).motions) == len(trained.items) - 1
    assert counting.calls == 2
    EmbeddingCache(lambda label: "other weights", tmp_path / "cache").embed(test, counting)
    assert counting.calls == 3
    assert set(asked) == {"guo-own"}


def test_the_cache_forgets_what_was_not_used_for_long(tmp_path: Path) -> None:
    cache = EmbeddingCache(str, tmp_path)
    for number in range(KEPT_FILES + 4):
        cache.arrays(f"key{number}", lambda number=number: {"a": np.array([number])})
    kept = sorted(path.stem for path in tmp_path.iterdir())
    assert len(kept) == KEPT_FILES
    found = EmbeddingCache(str, tmp_path).arrays(f"key{KEPT_FILES + 3}", lambda: {"a": np.array([math.nan])})
    assert found["a"] == KEPT_FILES + 3
