"""The checks at their smallest: each passes on the CPU, and fails when what it looks for is wrong."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.card import agreement, answers, processes, project, speed
from benchmarks.card.agreement import Tolerance, compiled, precision
from benchmarks.card.catalogue import all_checks
from benchmarks.card.check import Failed, Form, Skipped
from benchmarks.card.processes import KILLED_AT, resumed, shared
from benchmarks.card.project import Curve, small_project
from benchmarks.card.settings import environment, shortened, without_dropout
from benchmarks.card.work import CLOCKED_STEPS
from lamp_core.config import profile_config
from lamp_core.training import learner
from lamp_core.training.seeds import seed_everything
from tasks.stages.catalogue import CATALOGUE
from tasks.system import resources


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Form]:
    """The dry form, with a tokenizer and what stands before it."""
    dry = Form("cpu", tmp_path_factory.mktemp("card"))
    with environment(LAMP_THREADS="1"):
        small_project(dry).made("tokenizer")
        yield dry


def test_every_trained_stage_and_every_stage_for_a_card_is_checked(form: Form) -> None:
    names = [check.name for check in all_checks(form)]
    assert len(set(names)) == len(names)
    assert {f"bfloat16 {name}" for name in CATALOGUE.trained()} <= set(names)
    assert {f"gpu {name}" for name, stage in CATALOGUE.stages.items() if stage.wants_card} <= set(names)
    assert {"generate LaMP-T2M", "caption LaMP-M2T", "caption with 4 bits", "FSDP large_motion"} <= set(names)


def test_losses_in_bfloat16_are_near_those_in_float32(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    found = precision("tokenizer", form)
    assert 0 < found.numbers["difference_bfloat16"] < 0.01
    monkeypatch.setitem(agreement.TOLERANCES, "bfloat16", Tolerance(0.1, 1e-9))
    with pytest.raises(Failed, match=r"cpu in bfloat16 the loss is .* apart in the first step"):
        precision("tokenizer", form)


def test_losses_that_are_no_numbers_are_not_alike() -> None:
    assert Curve((2.0, 4.0)).difference(Curve((2.0, 5.0))) == pytest.approx(0.2)
    with pytest.raises(Failed):
        agreement._require_close(Curve((float("nan"),)), Curve((1.0,)), Tolerance(1, 1), "card")
    with pytest.raises(Failed, match="1 losses were logged, and 2 beside them"):
        Curve((2.0,)).difference(Curve((2.0, 5.0)))


@pytest.fixture(autouse=True)
def _threads_of_a_job() -> Iterator[None]:
    """As many threads as the processes of the checks have: other tests of this process set others."""
    before = torch.get_num_threads()
    torch.set_num_threads(resources.threads())
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_compiled_networks_lose_alike(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled("tokenizer", form).numbers["graphs"] > 0
    monkeypatch.setattr(learner.Replicas, "compile", lambda held: None)
    with pytest.raises(Failed, match="nothing was compiled"):
        compiled("tokenizer", form)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_bit(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resumed("tokenizer", form).said.startswith(f"killed at step {KILLED_AT} of")
    draws = itertools.count()
    monkeypatch.setattr(learner, "seed_everything", lambda *parts: seed_everything(next(draws)))
    other = Form("cpu", form.folder / "other")
    other.folder.mkdir()
    (other.folder / "small").symlink_to(form.folder / "small")
    with pytest.raises(Failed, match="other bits than without a kill: "):
        resumed("tokenizer", other)


@pytest.mark.slow
def test_a_group_of_one_trains_as_one_without(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shared("tokenizer", form).numbers == {"difference": 0.0, "processes": 1}
    monkeypatch.setattr(processes, "ended", lambda command, device: (1, "no card / out of memory"))
    with pytest.raises(Failed, match="torchrun ended with status 1: no card / out of memory"):
        shared("tokenizer", form)


def test_a_profile_is_timed_beside_the_limits(form: Form) -> None:
    speed.limits(form)
    numbers = speed.profile_stage("tokenizer", form).numbers
    assert numbers["times_the_limit"] > 1
    assert numbers["steps_per_second"] > 0 and numbers["gigaflop_a_step"] > 0
    assert set(speed.profile_stage("tokens", form).numbers) == {"stage_seconds", "peak_gib"}


def test_what_is_not_on_the_machine_is_replaced_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "has_minilm", lambda: False)
    monkeypatch.setattr(speed, "_is_here", lambda checkpoint: False)
    found, said = speed._with_what_is_here(profile_config("gpu"))
    assert said == [
        "without MiniLM (the extra minilm): random weights",
        "without facebook/opt-125m: random weights",
    ]
    assert found.language_model.hidden_dim == 768
    assert {found.pretrain.backbone.checkpoint, found.language_model.checkpoint} == {"from-scratch"}


def test_a_stage_that_failed_skips_what_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, *arguments: object, **options: object) -> None:
        if name == "features":
            raise ValueError("no memory")

    monkeypatch.setattr(project, "run_stage", broken)
    small = small_project(Form("cpu", tmp_path))
    with pytest.raises(ValueError, match="no memory"):
        small.made("tokenizer")
    with pytest.raises(Skipped, match="the stage features, which it needs, has failed before"):
        small.made("evaluator")


class _Model:
    """Makes other motions and captions at every call, as many as it is told to be apart."""

    made_of = ()
    longest_frames = 40

    def __init__(self, apart: int) -> None:
        self.apart, self.calls = apart, itertools.count()

    def load(self, data: Path, device: torch.device) -> "_Model":
        return self

    def generate(self, texts: list[str], frames: list[int], seed: int) -> list[np.ndarray]:
        call = next(self.calls)
        return [np.full((4, 3), float(call * (row < self.apart))) for row in range(len(texts))]

    def captions(self, motions: list[np.ndarray]) -> list[str]:
        call = next(self.calls)
        return [f"{row} {call * (row < self.apart)}" for row in range(len(motions))]


@pytest.mark.parametrize(("apart", "passes"), [(0, True), (2, True), (3, False)])
def test_a_quarter_of_what_is_made_may_be_other(
    apart: int, passes: bool, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    for check in (answers.generation, answers.captioning):
        model = _Model(apart)
        monkeypatch.setattr(answers, "model_of", lambda name, model=model: model)
        if passes:
            assert check("any", form).numbers["alike"] == 1 - apart / answers.COUNT
        else:
            with pytest.raises(Failed, match="75 % are to be"):
                check("any", form)


def test_weights_of_four_bits_are_skipped_without_a_card(form: Form) -> None:
    with pytest.raises(Skipped, match="need a CUDA card"):
        answers.quantised(form)


def test_every_training_is_shortened_and_no_network_drops_anything() -> None:
    config = without_dropout(shortened(profile_config("smoke"), CLOCKED_STEPS, batch_size=2))
    trainings = [getattr(config, CATALOGUE.section(name)).training for name in CATALOGUE.trained()]
    for training in (*trainings, config.evaluator.minilm.training):
        assert (training.steps, training.batch_size, training.validate_every) == (CLOCKED_STEPS, 2, 0)
    assert (config.t2m.dropout, config.m2t.lora_dropout) == (0, 0)
    assert config.t2m.condition_dropout == profile_config("smoke").t2m.condition_dropout


def test_the_environment_is_as_before() -> None:
    with environment(LAMP_PRECISION="bfloat16"):
        assert os.environ["LAMP_PRECISION"] == "bfloat16"
    assert "LAMP_PRECISION" not in os.environ
