"""Batches of text to motion, and its validation."""

import numpy as np
import torch

from lamp_core.config.models import Optimisation, TextToMotion
from lamp_core.t2m.token_table import MotionText, TokenTable
from lamp_core.t2m.training import masked_losses, train_t2m, validation_losses
from lamp_core.t2m.transformer import MaskedMotionTransformer

CPU = torch.device("cpu")
SETTINGS = TextToMotion(
    layers=1,
    heads=2,
    hidden_dim=16,
    feed_forward_dim=16,
    dropout=0.0,
    training=Optimisation(steps=40, batch_size=4, learning_rate=1e-2, warmup_steps=0),
)


def _items() -> list[MotionText]:
    return [
        MotionText(torch.randint(9, (2 + i,)), [torch.randn(1 + n, 5) for n in range(1 + i % 3)])
        for i in range(6)
    ]


def test_a_batch_holds_the_items_that_were_asked_for() -> None:
    items = _items()
    table = TokenTable(items, CPU)
    drawn = set()
    for chosen in ([5, 0, 2], [4], [3, 1]) * 20:
        codes_BS, lengths_B, condition = table.batch(np.array(chosen))
        assert codes_BS.shape[1] == int(lengths_B.max())
        for row, index in enumerate(chosen):
            assert torch.equal(codes_BS[row, : lengths_B[row]], items[index].codes_S)
            said_PW = condition.states_BPW[row][condition.valid_BP[row]]
            place = len(said_PW) - 1  # the n-th caption of an item has n vectors here
            assert torch.equal(said_PW, items[index].conditions[place])
            assert not condition.states_BPW[row, place + 1 :].any()
            drawn.add((index, place))
    assert drawn == {(index, place) for index in range(6) for place in range(1 + index % 3)}


def test_validation_is_the_same_every_time_and_leaves_no_gradient() -> None:
    items = _items()
    model = MaskedMotionTransformer(9, 5, 10, SETTINGS).eval()
    first, second = (validation_losses(model, items, CPU) for _ in range(2))
    assert first == second
    assert set(first) == {"val_loss", "val_accuracy"}
    torch.manual_seed(0)
    losses = masked_losses(model, items, CPU)
    assert losses["loss"].requires_grad
    assert not losses["accuracy"].requires_grad


def test_the_weights_with_the_lowest_validation_loss_are_kept() -> None:
    torch.manual_seed(0)
    train, unseen = _items(), _items()
    settings = SETTINGS.model_copy(
        update={"training": SETTINGS.training.model_copy(update={"validate_every": 5})}
    )
    logged: list[float] = []
    model = train_t2m(
        train,
        settings,
        9,
        10,
        device=CPU,
        validation=unseen,
        on_log=lambda step, scalars: logged.extend(v for name, v in scalars.items() if name == "val_loss"),
    )
    assert len(logged) == 8
    assert validation_losses(model, unseen, CPU)["val_loss"] == min(logged) < logged[-1]
