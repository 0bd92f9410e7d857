"""From the folders of a project to captions, and what is refused on the way."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lamp_core.config.models import Tokenizer
from lamp_core.errors import LampError
from lamp_core.lamp.folder import save_lamp
from lamp_core.lamp.text import train_vocabulary
from lamp_core.m2t.captioner import Captioner, load_captioner
from lamp_core.m2t.decoding import Search
from lamp_core.m2t.folder import save_m2t
from lamp_core.m2t.language_model import load_base
from lamp_core.m2t.training import new_captioner
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.tokenizers.binding import bind
from lamp_core.tokenizers.folder import save_tokenizer
from lamp_core.tokenizers.kinds import new_tokenizer, untrained_tokenizer
from lamp_core.training.seeds import seed_everything
from tests.unit.m2t.conftest import CAPTIONING, CPU, SENTENCES, tiny_lamp, write_base

KINDS = {
    "frozen": {"train_motion_transformer": False},
    "along": {"train_motion_transformer": True},
    "latents": {
        "train_motion_transformer": False,
        "reads": "queries_and_latents",
        "latents_together": 2,
    },
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS.keys())
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an untrained model of every stage that captioning needs."""
    data = tmp_path_factory.mktemp("project") / "data"
    seed_everything(0)
    tokenizer = new_tokenizer(263, Tokenizer(hidden_dim=8, code_dim=6, codebook_size=8, residual_depth=1))
    save_tokenizer(data / "tokenizer", tokenizer)
    save_lamp(data / "pretrain", tiny_lamp(), train_vocabulary(SENTENCES, 30, 12))
    base = load_base(write_base(data / "language_model", seed=0), CPU)
    settings = CAPTIONING.model_copy(update={**request.param, "max_text_tokens": 8})
    model = new_captioner(base, tiny_lamp(), settings, CPU)
    for _, parameter in model.named_parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    save_m2t(data / "m2t", model, base.identity, load_skeleton("smpl22"))
    bind(data / "m2t", tokenizer)
    return data


@pytest.fixture
def motions() -> list[np.ndarray]:
    draws = np.random.default_rng(0)
    return [draws.normal(size=(frames, 263)).astype(np.float32) for frames in (40, 4, 23, 8)]


def test_a_saved_captioner_says_the_same_again(project: Path, motions: list[np.ndarray]) -> None:
    first, second = load_captioner(project), load_captioner(project)
    assert first.captions(motions) == second.captions(motions)
    assert not any(parameter.requires_grad for parameter in first.model.parameters())
    assert (first.feature_count, first.shortest_frames, first.longest_frames) == (263, 4, 40)
    assert (first.skeleton, first.frames_per_second) == ("smpl22", 20.0)
    along = (project / "m2t" / "motion_transformer.safetensors").exists()
    assert along == first.model.settings.train_motion_transformer
    latents = (project / "m2t" / "latent_projection.safetensors").exists()
    assert latents == (first.model.latent_projection is not None)


def test_a_motions_caption_is_the_same_alone_and_among_others(
    project: Path, motions: list[np.ndarray]
) -> None:
    captioner = load_captioner(project)
    shown: list[tuple[int, int]] = []
    together = captioner.captions(motions, on_progress=lambda done, total, text: shown.append((done, total)))
    assert together == [captioner.captions([motion])[0] for motion in motions]
    assert captioner.captions([]) == [] and shown == [(4, 4)]


def test_the_same_files_are_written_for_the_same_model(project: Path, tmp_path: Path) -> None:
    captioner = load_captioner(project)
    identity = json.loads((project / "m2t" / "config.json").read_text())["base_identity"]
    save_m2t(tmp_path, captioner.model, identity, load_skeleton("smpl22"))
    bind(tmp_path, captioner.tokenizer)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {path.name for path in (project / "m2t").iterdir()}
    for name in written - {"adapter_config.json"}:
        assert (tmp_path / name).read_bytes() == (project / "m2t" / name).read_bytes()


def test_an_adapter_for_another_language_model_is_refused(project: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(project, data)
    write_base(data / "language_model", seed=7)
    with pytest.raises(LampError, match=r"trained on another language model .* --force m2t"):
        load_captioner(data)


def test_a_captioner_of_another_tokenizer_is_refused(project: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(project, data)
    save_tokenizer(data / "tokenizer", untrained_tokenizer(load_captioner(project).tokenizer))
    with pytest.raises(LampError, match=r"trained with another tokenizer .* --force m2t"):
        load_captioner(data)


def test_a_stage_that_has_not_run_is_named(project: Path, tmp_path: Path) -> None:
    for stage in ("m2t", "language_model", "pretrain", "tokenizer"):
        data = tmp_path / stage
        shutil.copytree(project, data)
        shutil.rmtree(data / stage)
        with pytest.raises(LampError, match=f"--until {stage}"):
            load_captioner(data)


@pytest.fixture
def captioner(project: Path) -> Captioner:
    return load_captioner(project)


@pytest.mark.parametrize(
    ("motion_TD", "message"),
    [
        (np.zeros((3, 263)), r"the motion has 3 feature frames; the captioner needs at least 4"),
        (np.zeros((8, 251)), r"the shape \(8, 251\); the captioner knows features \(T, 263\) of smpl22"),
        (np.zeros((8, 22, 3)), r"the shape \(8, 22, 3\)"),
        (np.full((8, 263), np.nan), "holds values that are not finite"),
    ],
)
def test_what_cannot_be_captioned_is_refused(
    motion_TD: np.ndarray, message: str, captioner: Captioner
) -> None:
    for ask in (captioner.check, lambda motion: captioner.captions([motion])):
        with pytest.raises(LampError, match=message):
            ask(motion_TD)
    with pytest.raises(LampError, match="motion 1 "):
        captioner.captions([np.zeros((8, 263)), motion_TD])


def test_a_motion_longer_than_the_longest_is_refused_whole_and_read_from_its_beginning(
    captioner: Captioner,
) -> None:
    long_TD = np.random.default_rng(0).normal(size=(60, 263))
    with pytest.raises(LampError, match=r"lasts 3\.0 s; one caption is for at most 2\.0 s, `--windows`"):
        captioner.check(long_TD)
    assert captioner.captions([long_TD]) == captioner.captions([long_TD[:40]])
    assert captioner.explain(long_TD, "a person walks").frames.shape == (3, 60)


def test_a_search_of_ones_own_takes_the_place_of_the_configured_one(
    captioner: Captioner, motions: list[np.ndarray]
) -> None:
    one = captioner.captions(motions, Search(max_text_tokens=1))
    assert all(len(caption.split()) <= 1 for caption in one)
    assert captioner.captions(motions) == captioner.captions(motions, captioner.search)
