"""The stage `residual` in one process, on a few clips: what is generated has all layers of the codes."""

import math
from pathlib import Path

import numpy as np
import pytest

from lamp_core.config import Config, override
from lamp_core.errors import LampError
from lamp_core.t2m.generator import load_generator
from tests.small_project import make_small_project, small_config
from tests.stages_in_process import run_stages

LAYERS = 3


def _config(kind: str) -> Config:
    steps = [f"{stage}.training.steps=4" for stage in ("tokenizer", "pretrain", "length", "t2m", "residual")]
    return override(
        small_config(), [f"tokenizer.kind={kind}", f"tokenizer.quantiser_layers={LAYERS}", *steps]
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("residual") / "data"
    make_small_project(data)
    return data


def test_one_codebook_has_no_further_layers(data: Path) -> None:
    with pytest.raises(LampError, match=r"no further layers; set tokenizer\.kind: rvq"):
        run_stages(("residual",), data, _config("vqvae"))
    assert load_generator(data).residual is None


def test_what_is_generated_has_all_layers(data: Path) -> None:
    reported = run_stages(
        ("tokenizer", "tokens", "pretrain", "length", "t2m", "residual"), data, _config("rvq")
    )
    found = reported["residual"]
    assert {"val_loss", "val_accuracy", *(f"val_loss_{layer}" for layer in range(1, LAYERS))} == set(found)
    assert all(math.isfinite(value) for value in found.values())
    generator = load_generator(data)
    assert generator.residual is not None
    (motion_TD,) = generator.generate(["a person walks"], [20], 0)
    assert motion_TD.shape[0] == 20
    assert np.isfinite(motion_TD).all()
