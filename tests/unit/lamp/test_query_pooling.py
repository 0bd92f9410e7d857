"""How the queries' similarities become one: the best query's, or softly all of them at first."""

import pytest
import torch

from lamp_core.config.models import Pretrain
from lamp_core.lamp.objectives import pooled_queries, query_softness

SIMILAR_BBQ = torch.tensor([[[0.1, 0.5, 0.3], [-0.2, 0.0, 0.9]], [[0.4, 0.4, 0.4], [0.7, -1.0, 0.6]]])


def test_without_softness_it_is_the_maximum() -> None:
    assert torch.equal(pooled_queries(SIMILAR_BBQ, 0.0), SIMILAR_BBQ.amax(dim=-1))


@pytest.mark.parametrize("softness", [1e-4, 0.01, 0.1, 1.0, 100.0])
def test_it_lies_between_the_mean_and_the_maximum(softness: float) -> None:
    pooled_BB = pooled_queries(SIMILAR_BBQ, softness)
    assert (pooled_BB <= SIMILAR_BBQ.amax(dim=-1) + 1e-4).all()
    assert (pooled_BB >= SIMILAR_BBQ.mean(dim=-1) - 1e-4).all()


def test_it_turns_into_the_maximum_and_starts_near_the_mean() -> None:
    torch.testing.assert_close(pooled_queries(SIMILAR_BBQ, 1e-5), SIMILAR_BBQ.amax(dim=-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(pooled_queries(SIMILAR_BBQ, 1e3), SIMILAR_BBQ.mean(dim=-1), atol=1e-3, rtol=0)


def test_every_query_is_trained_where_it_is_soft_and_one_where_it_is_not() -> None:
    for softness, trained in ((0.1, 3), (0.0, 1)):
        similar = torch.tensor([[[0.1, 0.5, 0.3]]], requires_grad=True)
        pooled_queries(similar, softness).sum().backward()
        assert similar.grad is not None
        assert int((similar.grad != 0).sum()) == trained
        torch.testing.assert_close(similar.grad.sum(), torch.tensor(1.0))


def test_the_softness_falls_with_the_training_to_none() -> None:
    softened = Pretrain(query_pooling="softened", query_softness=0.2)
    assert [query_softness(softened, done) for done in (0.0, 0.5, 1.0)] == [0.2, 0.1, 0.0]
    assert query_softness(Pretrain(), 0.0) == 0.0
