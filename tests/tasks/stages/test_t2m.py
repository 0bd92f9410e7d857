"""The stage ``t2m`` in one process, on a few clips."""

import math
from pathlib import Path

import pytest

from lamp_core.config import Config, override
from tasks.stages.catalogue import CATALOGUE
from tests.small_project import make_small_project, small_config
from tests.stages_in_process import run_stages


def _config(validate_by: str) -> Config:
    training = ["t2m.training.steps=4", "t2m.training.validate_every=2"]
    return override(small_config(), [*training, f"t2m.validate_by={validate_by}"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("t2m") / "data"
    make_small_project(data)
    return data


def test_decoded_motions_rank_a_version_where_they_are_measured(data: Path) -> None:
    ranking = CATALOGUE.ranking("t2m")
    assert ranking is not None
    by_decoding = run_stages(("tokens", "t2m"), data, _config("decoding"))["t2m"]
    by_loss = run_stages(("t2m",), data, _config("loss"))["t2m"]
    assert ranking.of(by_decoding).metric == "val_decoded"
    assert math.isfinite(by_decoding["val_decoded"])
    assert 0 <= by_decoding["val_r_precision_1"] <= by_decoding["val_r_precision_3"] <= 1
    assert ranking.of(by_loss).metric == "val_loss"
    assert set(by_loss) == {"val_loss", "val_accuracy"}
    assert set(by_loss) < set(by_decoding)
