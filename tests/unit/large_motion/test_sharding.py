"""Two processes with half of the weights each train as two that have all, and as one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from lamp_core.errors import LampError
from lamp_core.large_motion.model import layers_of
from lamp_core.training.checkpoints import CheckpointWarning
from lamp_core.training.model_files import state_tensors
from tests.unit.large_motion.sharded_jobs import KILLED_AT, STEPS, killed, train
from tests.unit.motion_language.conftest import causal
from tests.unit.training.processes import ended_well, start_two

ROUNDING = 2e-4


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    weights: dict[str, Tensor]
    numbers: dict[str, float]
    curve: list[tuple[int, dict[str, float]]]

    @classmethod
    def of(cls, model: Any, numbers: dict[str, float], curve: list[Any]) -> "Trained":
        return cls(state_tensors(model), numbers, [(step, scalars) for step, scalars in curve])

    @classmethod
    def read(cls, folder: Path, name: str) -> "Trained":
        numbers, curve = json.loads((folder / f"{name}.json").read_text())
        weights = load_file(folder / f"{name}.safetensors")
        return cls(weights, numbers, [(step, scalars) for step, scalars in curve])


def _require_close(found: Trained, expected: Trained) -> None:
    """Equal up to rounding: weights, losses, and what is measured."""
    assert found.weights.keys() == expected.weights.keys()
    for name, weights in expected.weights.items():
        assert torch.allclose(found.weights[name], weights, atol=ROUNDING), name
    assert found.numbers == pytest.approx(expected.numbers, abs=ROUNDING)
    steps = dict.fromkeys(step for step, _ in found.curve)
    logged = [(step, scalars) for step, scalars in expected.curve if step in steps]
    for (step, scalars), (other, wanted) in zip(found.curve, logged, strict=True):
        assert step == other and scalars == pytest.approx(wanted, abs=ROUNDING), step


@pytest.fixture(scope="module")
def one() -> Trained:
    """One process that has all weights."""
    return Trained.of(*train("none"))


@dataclass(frozen=True)
class Two:
    """The folder of what two processes wrote, and what the first has printed."""

    folder: Path
    printed: str


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    folder = tmp_path_factory.mktemp("two")
    with killed():
        train("fsdp", folder / "one")
    outputs = ended_well(start_two("tests.unit.large_motion.sharded_jobs", str(folder)))
    return Two(folder, outputs[0])


@pytest.mark.slow
def test_shards_train_as_replicas_and_as_one_process(one: Trained, two: Two) -> None:
    shards = Trained.read(two.folder, "shards")
    assert [step for step, _ in shards.curve][-1] == STEPS.steps
    assert {"val_loss", "val_accuracy", "val_codes"} <= shards.numbers.keys()
    _require_close(shards, Trained.read(two.folder, "replicas"))
    _require_close(shards, one)


@pytest.mark.slow
def test_plain_transformers_opens_what_was_trained_in_shards(two: Two) -> None:
    opened = AutoModelForCausalLM.from_pretrained(two.folder / "shards")
    assert opened.get_output_embeddings().weight is opened.get_input_embeddings().weight
    weights = Trained.read(two.folder, "shards").weights
    for name, tensor in opened.state_dict().items():
        assert torch.equal(weights[f"language.{name}"], tensor), name


@pytest.mark.slow
def test_each_process_holds_half(two: Two) -> None:
    held = [json.loads((two.folder / f"bytes-{rank}.json").read_text()) for rank in range(2)]
    assert held[0]["all"] == held[1]["all"] == held[0]["here"] + held[1]["here"]
    for each in held:
        assert each["here"] == pytest.approx(each["all"] / 2, rel=0.1)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_bit(two: Two) -> None:
    shards, resumed = (Trained.read(two.folder, name) for name in ("shards", "resumed"))
    assert resumed.numbers == shards.numbers
    assert resumed.curve == [each for each in shards.curve if each[0] > STEPS.checkpoint_every]
    for name, weights in shards.weights.items():
        assert torch.equal(resumed.weights[name], weights), name


@pytest.mark.slow
def test_another_number_of_processes_goes_on_to_the_same(one: Trained, two: Two) -> None:
    _require_close(Trained.read(two.folder, "from-one"), one)
    assert "step-000003 is of a training in 1 processes; it goes on in 2" in two.printed
    with pytest.warns(
        CheckpointWarning, match=r"step-000006 is of a training in 2 processes; it goes on in 1"
    ):
        _require_close(Trained.of(*train("fsdp", two.folder / "two")), one)


def test_one_process_that_shards_nothing_trains_and_resumes_to_the_bit(one: Trained, tmp_path: Path) -> None:
    with killed() as runs:
        train("fsdp", tmp_path)
    assert runs[0].done == KILLED_AT
    resumed = Trained.of(*train("fsdp", tmp_path))
    assert resumed.numbers == one.numbers
    for name, weights in one.weights.items():
        assert torch.equal(resumed.weights[name], weights), name


def test_a_model_is_sharded_by_its_layers(kind: str) -> None:
    model = causal(kind).model
    layers = layers_of(model)
    assert len(layers) == 2 and len({type(layer) for layer in layers}) == 1
    model._no_split_modules = None
    with pytest.raises(
        LampError, match=r"names no layers to shard it by; set large_motion\.sharding to none"
    ):
        layers_of(model)
