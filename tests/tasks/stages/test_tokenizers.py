"""The stages of the system `tokenizers`, one after the other in one process, on a few clips."""

from pathlib import Path

import pytest

from lamp_core.config import Config, override
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.catalogue import KINDS, kind_of, metric_of
from lamp_core.evaluation.results import read_results
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokens.cache import read_tokens
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.inputs.clips import normalised_clips
from tests.small_project import make_small_project, small_config
from tests.stages_in_process import run_stages

PARTS = ["root", "positions", "rotations", "velocities", "contacts"]
STAGES = ("tokenizer_grid", "tokens_grid", "evaluate_tokenizers")


def config() -> Config:
    return override(small_config(), ["tokenizer_grid.training.steps=4", "evaluate.max_frames=64"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("tokenizers") / "data"
    make_small_project(data)
    return data


@pytest.fixture(scope="module")
def metrics(data: Path) -> dict[str, dict[str, float]]:
    """What every stage reports, run in the catalogue's order."""
    return run_stages(STAGES, data, config())


def test_training_measures_every_part_and_all_of_them(metrics: dict[str, dict[str, float]]) -> None:
    found, suffixes = metrics["tokenizer_grid"], ("", *(f"_{part}" for part in range(1, 5)), "_pooled")
    ranking = CATALOGUE.ranking("tokenizer_grid")
    assert ranking is not None and found[ranking.metric] > 0
    for suffix in suffixes:
        assert 0 < found[f"val_code_utilisation{suffix}"] <= 1
        assert 1 <= found[f"val_code_perplexity{suffix}"] <= config().tokenizer_grid.codebook_size
    assert found["train_code_utilisation_pooled"] >= found["val_code_utilisation_pooled"]
    assert found["bits_a_token"] == len(PARTS) * config().tokenizer_grid.bits
    for split in ("val", "train"):
        assert 0 < found[f"{split}_code_utilisation_mean"] <= 1
        of_parts = [found[f"{split}_code_perplexity{suffix}"] for suffix in suffixes[:-1]]
        assert found[f"{split}_code_perplexity_mean"] == pytest.approx(sum(of_parts) / len(PARTS))
        assert 0 < found[f"{split}_code_utilisation_mean_if_uniform"] < 1
    name = "code_utilisation_pooled_if_uniform"
    assert found[f"train_{name}"] > found[f"val_{name}"] > 0


def test_clips_that_train_nothing_are_counted(metrics: dict[str, dict[str, float]], data: Path) -> None:
    train = normalised_clips(FeatureSet.load(data / "features"), "train")
    window = config().tokenizer_grid.window_frames
    assert metrics["tokenizer_grid"]["train_clips_too_short"] == sum(len(clip) < window for clip in train) > 0


def test_the_cache_has_a_channel_for_every_part(metrics: dict[str, dict[str, float]], data: Path) -> None:
    features = FeatureSet.load(data / "features")
    cache = read_tokens(
        data / "tokens_grid" / "tokens.parquet",
        load_tokenizer(data / "tokenizer_grid"),
        feature_hash=features.feature_hash,
        split_hash=features.split_hash,
    )
    assert [channel.name for channel in cache.channels] == PARTS
    assert {codes_SR.shape[1] for codes_SR in cache.codes_SR} == {len(PARTS)}
    assert metrics["tokens_grid"]["items"] == len(cache.clips)


def test_reconstruction_stands_in_the_common_store(metrics: dict[str, dict[str, float]], data: Path) -> None:
    rows = read_results(data / "evaluate" / "tokenizers" / RESULTS_FILE)
    assert {"ground truth", "mean pose", "untrained", "2D-LFQ"} <= {row.system for row in rows}
    assert {KINDS[kind_of(row)].family for row in rows} == {"tokenizer"}
    assert [row for row in rows if metric_of(row) is None] == []
    measured_of = {row.metric for row in rows if row.system == "2D-LFQ"}
    assert {"MPJPE", "FID"} <= measured_of
