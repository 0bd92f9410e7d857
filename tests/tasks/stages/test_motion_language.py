"""The stages of the system `motion-language`, one after the other in one process, on a few clips."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lamp_core.config import Config, override
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import NEIGHBOUR, OTHER_HALF
from lamp_core.evaluation.catalogue import KINDS, kind_of, metric_of
from lamp_core.evaluation.results import Result, read_results
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.systems.motion_language import MODELS
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.kinds import untrained_tokenizer
from tasks.stages.catalogue import CATALOGUE
from tests.small_project import make_small_project, small_config
from tests.stages_in_process import run_stages

CPU = torch.device("cpu")
(MODEL,) = MODELS
STAGES = ("tokens", "alignment", "instruction", "evaluate_motion_language")


def config() -> Config:
    few = (
        *(f"{stage}.training.steps=4" for stage in ("alignment", "instruction")),
        "alignment.length_every=2",
        *(f"instruction.{task}_draws=2" for task in ("pose", "text", "completion")),
        "instruction.reads_caption_back=true",
        "evaluate.protocols=[text-to-motion, completion, captioning]",
        "evaluate.generations=1",
        "evaluate.max_frames=64",
    )
    return override(small_config(), few)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("motion-language") / "data"
    make_small_project(data)
    return data


@pytest.fixture(scope="module")
def metrics(data: Path) -> dict[str, dict[str, float]]:
    """What every stage reports, run in the catalogue's order."""
    return run_stages(STAGES, data, config())


def test_both_trainings_measure_themselves_by_what_they_are_ranked_by(
    metrics: dict[str, dict[str, float]],
) -> None:
    for name in ("alignment", "instruction"):
        ranking = CATALOGUE.ranking(name)
        assert ranking is not None
        assert np.isfinite(metrics[name][ranking.metric])
    assert {"val_text_perplexity", "val_text_perplexity_before"} <= set(metrics["alignment"])
    assert {"val_captioning_words", "val_last_pose_kept", "val_in_betweening_codes"} <= set(
        metrics["instruction"]
    )


def families_of(rows: list[Result]) -> set[str]:
    return {KINDS[kind_of(row)].family for row in rows}


def test_every_task_stands_in_the_common_store(metrics: dict[str, dict[str, float]], data: Path) -> None:
    rows = read_results(data / "evaluate" / "motion-language" / RESULTS_FILE)
    named = {MODEL.name, f"{MODEL.name}, text alone", f"{MODEL.name}, one answer"}
    named |= {f"{MODEL.name}, poses forced"}
    assert {"untrained", "interpolation", NEIGHBOUR, *named} <= {row.system for row in rows}
    found = [row for row in rows if row.system == NEIGHBOUR]
    assert {KINDS[kind_of(row)].family for row in found} == families_of(rows)
    assert families_of(rows) == {"text_to_motion", "completion", "captioning", "control"}
    assert [row for row in rows if metric_of(row) is None] == []
    control = [row for row in rows if row.protocol.startswith("control, ")]
    assert len({row.protocol for row in control}) == 3
    assert all(row.measured for row in control if row.evaluator == "none" or row.metric == "FID")
    poses = {row.metric for row in control if row.evaluator == "none"}
    assert poses == {"Recon", "Recon summed", "Vel", "Vel summed"}
    for protocols in ("control", "prediction", "in-betweening"):
        seen = {row.system for row in rows if row.protocol.startswith(protocols) and row.metric == "FID"}
        assert {MODEL.name, NEIGHBOUR, OTHER_HALF} <= seen, protocols
    held = [row for row in control if row.system == "interpolation" and row.metric == "Recon"]
    assert all(row.value == pytest.approx(0, abs=1e-3) for row in held)


def test_plain_transformers_opens_both_folders(metrics: dict[str, dict[str, float]], data: Path) -> None:
    for name in ("alignment", "instruction"):
        model = AutoModelForCausalLM.from_pretrained(data / name)
        text = AutoTokenizer.from_pretrained(data / name)
        asked = text("a person walks <motion>", return_tensors="pt", return_token_type_ids=False)
        made = model.generate(**asked, max_new_tokens=3, do_sample=False)
        assert made.shape[1] > asked["input_ids"].shape[1]


def test_given_frames_come_back_and_the_same_seed_the_same(
    metrics: dict[str, dict[str, float]], data: Path
) -> None:
    assistant = MODEL.load(data, CPU)
    features = FeatureSet.load(data / "features")
    motion_TD = features.statistics.normalise(features.features[0][:40]).astype(np.float32)
    given_T = np.arange(40) < 8
    one, other = (assistant.complete(["walk"], [motion_TD], [given_T], 3)[0] for _ in range(2))
    assert np.array_equal(one, other) and one.shape == motion_TD.shape
    assert np.array_equal(one[:8], motion_TD[:8])
    poisoned_TD = np.where(given_T[:, None], motion_TD, 99).astype(np.float32)
    assert np.array_equal(assistant.complete(["walk"], [poisoned_TD], [given_T], 3)[0], one)
    lengths = assistant.lengths(["a person walks", "a person runs"], 0)
    made = assistant.generate(["a person walks", "a person runs"], lengths, 0)
    assert [len(each) for each in made] == lengths
    alone = assistant.generate(["a person walks"], lengths[:1], 0)[0]
    assert np.allclose(alone, made[0], atol=1e-4)  # convolutions of other batches round otherwise


def test_forced_poses_stand_at_their_places(metrics: dict[str, dict[str, float]], data: Path) -> None:
    assistant = MODEL.load(data, CPU)
    features = FeatureSet.load(data / "features")
    motion_TD = features.statistics.normalise(features.features[0][:40]).astype(np.float32)
    given_T = np.repeat(np.isin(np.arange(10), (0, 6, 9)), 4)
    (code_SR,) = assistant._known_codes([motion_TD], [given_T])
    said: list[np.ndarray] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(assistant), "_features", lambda self, codes: said.extend(codes) or codes)
        for forced in (True, False):
            assistant.control(["a person walks"], [motion_TD], [given_T], 0, forced=forced)
    kept, free = ((made_SR == code_SR).all(axis=1)[[0, 6, 9]] for made_SR in said)
    assert kept.all() and not free.all()


def test_another_tokenizer_is_refused(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path
) -> None:
    (tmp_path / "instruction").symlink_to(data / "instruction")
    save_tokenizer(tmp_path / "tokenizer", untrained_tokenizer(load_tokenizer(data / "tokenizer")))
    with pytest.raises(LampError, match="codes of another tokenizer"):
        MODEL.load(tmp_path, CPU)
