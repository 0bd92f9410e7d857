import numpy as np
import pytest
import torch

from lamp_core.config.models import Evaluator, Optimisation
from lamp_core.datasets.captions import Caption
from lamp_core.datasets.items import Item
from lamp_core.errors import LampError
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.guo_network import GuoNetwork, margin_loss
from lamp_core.evaluators.guo_training import train_guo
from lamp_core.evaluators.guo_words import Vocabulary
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.metrics.r_precision import matching_scores
from lamp_core.pairs.negatives import equal_pairs

WIDTH = 23
SETTINGS = Evaluator(
    movement_dim=16,
    hidden_dim=16,
    text_hidden_dim=16,
    word_dim=8,
    embedding_dim=12,
    training=Optimisation(steps=100, batch_size=16, learning_rate=5e-3, warmup_steps=5),
)
VERBS = ["walk", "run", "jump", "kick", "turn", "wave", "sit", "bow"]


def caption(*words):
    return Caption(" ".join(words), words, ("NOUN",) * len(words), 0.0, 0.0)


def motion(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, WIDTH)).astype(np.float32)


@pytest.fixture
def evaluator():
    captions = [caption("a", "man", verb) for verb in VERBS]
    return GuoEvaluator.create(Vocabulary.of(captions + captions), WIDTH, SETTINGS)


def test_longer_clips_in_the_batch_change_nothing(evaluator):
    short, long = motion(12), motion(120, 1) * 50
    alone = evaluator.embed_motions([short])
    together = evaluator.embed_motions([long, short, motion(40, 2)])
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)


def test_what_stands_behind_the_true_length_changes_nothing(evaluator):
    features, frames = torch.from_numpy(motion(32))[None], torch.tensor([16])
    changed = features.clone()
    changed[:, 16:] = 1e3
    with torch.no_grad():
        one, other = (evaluator.network.embed_motions(batch, frames) for batch in (features, changed))
    assert torch.equal(one, other)


def test_longer_captions_in_the_batch_change_nothing(evaluator):
    short, long = caption("run"), caption(*["a", "man", "walk"] * 5)
    np.testing.assert_allclose(
        evaluator.embed_texts([long, short])[1], evaluator.embed_texts([short])[0], atol=1e-5
    )


def test_the_order_of_the_items_does_not_matter(evaluator):
    motions = [motion(frames, frames) for frames in (40, 8, 196, 12, 64)]
    captions = [caption("a", verb) for verb in VERBS[:5]]
    for embed, items in ((evaluator.embed_motions, motions), (evaluator.embed_texts, captions)):
        np.testing.assert_allclose(embed(items)[::-1], embed(items[::-1]), atol=1e-5)


def test_contacts_are_not_read_and_every_other_number_is(evaluator):
    base = motion(16)
    for number in range(WIDTH):
        changed = base.copy()
        changed[:, number] += 1.0
        same = np.array_equal(evaluator.embed_motions([base]), evaluator.embed_motions([changed]))
        assert same == (number >= WIDTH - 4)


def test_frames_beyond_the_last_movement_are_cut(evaluator):
    np.testing.assert_allclose(
        evaluator.embed_motions([motion(19)]), evaluator.embed_motions([motion(19)[:16]]), atol=1e-6
    )


def test_a_broken_motion_touches_no_other(evaluator):
    broken = np.full((16, WIDTH), np.nan, dtype=np.float32)
    embeddings = evaluator.embed_motions([motion(16), broken])
    assert np.isnan(embeddings[1]).all()
    np.testing.assert_allclose(embeddings[0], evaluator.embed_motions([motion(16)])[0], atol=1e-5)


def test_what_cannot_be_embedded_is_named(evaluator):
    with pytest.raises(LampError, match="no motions"):
        evaluator.embed_motions([])
    with pytest.raises(LampError, match=r"motion 1 of 2 has shape \(3, 23\)"):
        evaluator.embed_motions([motion(8), motion(3)])
    with pytest.raises(LampError, match=r"motion 0 of 1 has shape \(8, 22\)"):
        evaluator.embed_motions([motion(8)[:, 1:]])
    with pytest.raises(LampError, match="no captions"):
        evaluator.embed_texts([])


def test_gradient_reaches_every_parameter(evaluator):
    captions = [caption("a", "man", verb) for verb in VERBS] + [caption("zebra")]
    equal = torch.eye(9, dtype=torch.bool)
    loss = evaluator.losses([motion(20, seed) for seed in range(9)], captions, equal)["loss"]
    loss.backward()
    for name, parameter in evaluator.network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert (evaluator.network.text.words.weight.grad.abs().sum(dim=1) > 0).all()


def test_the_loss_is_that_of_a_loop():
    draws = torch.Generator().manual_seed(0)
    texts, motions = (torch.randn(6, 4, generator=draws) * 3 for _ in range(2))
    labels = torch.tensor([0, 1, 1, 2, 3, 4])
    found = margin_loss(texts, motions, labels[:, None] != labels[None, :], margin=10.0)
    positive = torch.stack([(texts[item] - motions[item]).norm() ** 2 for item in range(6)]).mean()
    pushes = [
        max(0.0, 10.0 - float((texts[one] - motions[other]).norm())) ** 2
        for one in range(6)
        for other in range(6)
        if labels[one] != labels[other]
    ]
    assert len(pushes) == 28
    assert float(found["positive"]) == pytest.approx(float(positive), rel=1e-5)
    assert float(found["negative"]) == pytest.approx(np.mean(pushes), rel=1e-5)
    assert float(found["loss"]) == pytest.approx(float(positive) + np.mean(pushes), rel=1e-5)


def test_a_batch_of_one_caption_has_no_negatives(evaluator):
    same = [caption("a", "man", "walk")] * 4
    equal = equal_pairs(["a", "b", "c", "d"], [caption.text for caption in same])
    losses = evaluator.losses([motion(16, seed) for seed in range(4)], same, equal)
    assert losses["negative"].item() == 0.0
    assert losses["loss"].item() == losses["positive"].item()


def test_the_paper_sizes_have_the_published_shapes():
    with torch.device("meta"):
        network = GuoNetwork(263, 100, Evaluator())
    shapes = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    assert shapes["movement.conv_1.weight"] == (512, 259, 4)
    assert shapes["movement.conv_2.weight"] == (512, 512, 4)
    assert shapes["movement.output.weight"] == (512, 512)
    assert shapes["motion.input.weight"] == (1024, 512)
    assert shapes["motion.gru.weight_ih_l0_reverse"] == (3 * 1024, 1024)
    assert shapes["motion.initial"] == (2, 1, 1024)
    assert shapes["motion.output.0.weight"] == (1024, 2048)
    assert shapes["motion.output.3.weight"] == (512, 1024)
    assert shapes["text.tags.weight"] == (300, 15)
    assert shapes["text.sequence.input.weight"] == (512, 300)
    assert shapes["text.sequence.output.3.weight"] == (512, 512)


def test_saved_and_loaded_it_embeds_the_same(evaluator, tmp_path):
    evaluator.save(tmp_path / "evaluator")
    loaded = GuoEvaluator.load(tmp_path / "evaluator")
    captions = [caption("a", "man", verb) for verb in VERBS]
    np.testing.assert_array_equal(loaded.embed_texts(captions), evaluator.embed_texts(captions))
    np.testing.assert_array_equal(loaded.embed_motions([motion(40)]), evaluator.embed_motions([motion(40)]))
    with pytest.raises(LampError, match="no trained model"):
        GuoEvaluator.load(tmp_path / "nothing")


def items_to_learn(count, seed):
    """Motions whose mean tells the verb; some longer than a training item may be."""
    draws = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(VERBS), WIDTH))
    items = []
    for index in range(count):
        kind = index % len(VERBS)
        frames = int(draws.choice([16, 24, 40, 240]))
        features = (5.0 + 3.0 * (centres[kind] + 0.3 * draws.normal(size=(frames, WIDTH)))).astype(np.float32)
        texts = (caption("a", "man", VERBS[kind], str(index % 40)), caption("he", VERBS[kind]))
        items.append(Item(f"clip-{index}", 0, features, texts))
    return items


STATISTICS = FeatureStatistics(np.full(WIDTH, 5.0, dtype=np.float32), np.full(WIDTH, 3.0, dtype=np.float32))


@pytest.mark.slow
def test_training_learns():
    logs = []
    trained = train_guo(
        items_to_learn(80, 0), STATISTICS, SETTINGS, on_log=lambda step, scalars: logs.append((step, scalars))
    )
    assert logs[-1][0] == 100
    assert logs[-1][1]["loss"] < 0.5 * logs[0][1]["loss"]
    test = items_to_learn(8, 1)
    texts = trained.embed_texts([item.captions[1] for item in test])
    motions = trained.embed_motions([STATISTICS.normalise(item.features_TD) for item in test])
    assert matching_scores(texts, motions, np.random.default_rng(0), batch_size=8).r_precision[1] > 0.6


def test_resumed_training_equals_uninterrupted_training(tmp_path):
    def settings(steps):
        training = SETTINGS.training.model_copy(
            update={"steps": steps, "schedule": "constant", "checkpoint_every": 6}
        )
        return SETTINGS.model_copy(update={"training": training})

    items = items_to_learn(40, 0)
    train_guo(items, STATISTICS, settings(6), checkpoints=tmp_path)
    resumed = train_guo(items, STATISTICS, settings(12), checkpoints=tmp_path)
    straight = train_guo(items, STATISTICS, settings(12))
    captions = [item.captions[0] for item in items]
    np.testing.assert_array_equal(resumed.embed_texts(captions), straight.embed_texts(captions))


def test_one_item_is_no_training_set():
    with pytest.raises(LampError, match="cannot train on 1 items"):
        train_guo(items_to_learn(1, 0), STATISTICS, SETTINGS)
