"""Training: it learns, resumes exactly, measures motion alone, and refuses what it cannot do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamp_core.config.base import Optimisation
from lamp_core.errors import LampError
from lamp_core.large_motion.train_items import ItemsInMemory, example
from lamp_core.large_motion.training import Items, mean_losses, train_large_motion
from lamp_core.motion_language.decoding import answer
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.grammar import MotionGrammar
from lamp_core.motion_language.tasks import TASKS
from lamp_core.segments import collate, next_token_logits, token_losses
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.training.watching import Watching
from tests.unit.large_motion.conftest import CONTEXT, QUICK, SETTINGS, items_of, spoken
from tests.unit.motion_language.conftest import causal


def trained(rvq: MotionTokenizer, changes: dict[str, Any] | None = None, **options: Any) -> Any:
    items = items_of(spoken(), val=spoken()[:3])
    settings = SETTINGS.model_copy(update=changes or {})
    return train_large_motion(causal(), rvq, settings, items, Watching(**options))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss_on": "motion", "codes": "by_channel"},
        {"start": "scratch"},
        {"words": "least_used"},
    ],
    ids=["paper", "motion alone", "from scratch", "least used words"],
)
@pytest.mark.slow
def test_eight_motions_are_learnt_by_heart(changes: dict[str, Any], rvq: MotionTokenizer) -> None:
    training = Optimisation(steps=250, batch_size=8, learning_rate=4e-3, warmup_steps=10, weight_decay=0.0)
    model, words, _ = train_large_motion(
        causal(), rvq, SETTINGS.model_copy(update={**changes, "training": training}), items_of(spoken())
    )
    prompts = [words.prompt(TASKS["text-to-motion"], item.captions[0]) for item in spoken()]
    free = answer(model.language.eval(), prompts, MotionGrammar(words.vocabulary, [None] * 8), words.padding)
    for ids, item in zip(free, spoken(), strict=True):
        assert np.array_equal(words.codes(ids), item.codes_SR)


def test_a_motion_is_read_from_each_of_its_first_frames() -> None:
    whole, later = np.array([[0], [1]]), (np.array([[2], [3]]), np.array([[4]]))
    item, draws = SpokenMotion(whole, ("a person walks",), begun_later=later), np.random.default_rng(0)
    assert {tuple(item.drawn_codes(draws).ravel().tolist()) for _ in range(60)} == {(0, 1), (2, 3), (4,)}


def test_a_motion_with_one_first_frame_takes_no_draw() -> None:
    draws = np.random.default_rng(0)
    assert SpokenMotion(np.array([[7]]), ("a person walks",)).drawn_codes(draws).tolist() == [[7]]
    assert draws.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("stop_at", [1, 6])
def test_resumed_training_equals_uninterrupted(stop_at: int, rvq: MotionTokenizer, tmp_path: Path) -> None:
    changes = {"training": QUICK.model_copy(update={"accumulate": 2, "ema_decay": 0.9})}
    whole, _, numbers = trained(rvq, changes)

    def stop(done: int, total: int, text: str) -> None:
        if done > stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(rvq, changes, checkpoints=tmp_path, on_progress=stop)
    resumed, _, again = trained(rvq, changes, checkpoints=tmp_path)
    assert again == numbers
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_all_weights_are_trained_and_both_losses_measure_motion_alone(rvq: MotionTokenizer) -> None:
    items = spoken()
    for loss_on in ("all", "motion"):
        model, words, found = trained(rvq, {"loss_on": loss_on})
        assert all(parameter.requires_grad for parameter in model.parameters())
        loss, accuracy = mean_losses(model, words, CONTEXT, items[:3])
        sequences = [example(words, each.captions[0], each.codes_SR) for each in items[:3]]
        batch = collate(sequences, words.padding)
        with torch.no_grad():
            each_B = token_losses(next_token_logits(model.language, batch), batch)
        assert loss == pytest.approx(float(each_B.sum()) / int(batch.counted_BL.sum()), rel=1e-4)
        assert found["val_loss"] == pytest.approx(loss) and found["val_accuracy"] == pytest.approx(accuracy)
        assert {"val_codes"} <= set(found)


def test_held_out_actions_are_measured_apart(rvq: MotionTokenizer) -> None:
    items = items_of(spoken()[:5], val=spoken()[:2], unseen=spoken()[5:])
    model, words, found = train_large_motion(causal(), rvq, SETTINGS, items)
    assert found["unseen_loss"] == pytest.approx(mean_losses(model, words, CONTEXT, items.unseen)[0])
    assert found["unseen_loss"] != found["val_loss"]


def test_what_cannot_be_trained_is_refused(rvq: MotionTokenizer) -> None:
    with pytest.raises(LampError, match="there is no motion with a caption to train on"):
        train_large_motion(causal(), rvq, SETTINGS, Items(ItemsInMemory([], SETTINGS.data)))
    with pytest.raises(
        LampError, match=r"longest clip takes 3\d words \(3 a motion token, .*a row has 30; raise"
    ):
        trained(rvq, {"context": 30})
    with pytest.raises(ValueError, match="layers is of a model from scratch"):
        type(SETTINGS)(layers=2)
