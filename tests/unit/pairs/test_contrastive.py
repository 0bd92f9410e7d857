"""The symmetric contrastive loss."""

import torch

from lamp_core.pairs.contrastive import contrastive_loss


def test_it_is_the_mean_of_both_cross_entropies_and_equals_do_not_count() -> None:
    logits, equal = torch.randn(4, 4), torch.eye(4, dtype=torch.bool)
    reference = torch.nn.functional.cross_entropy
    target = torch.arange(4)
    expected = 0.5 * (
        reference(logits, target, label_smoothing=0.1) + reference(logits.T, target, label_smoothing=0.1)
    )
    torch.testing.assert_close(contrastive_loss(logits, equal, 0.1), expected)
    equal[0, 1] = equal[1, 0] = True
    far = logits.clone()
    far[0, 1] = far[1, 0] = 1e4
    torch.testing.assert_close(contrastive_loss(logits, equal, 0.1), contrastive_loss(far, equal, 0.1))


def test_no_gradient_reaches_equals() -> None:
    logits = torch.randn(5, 5, requires_grad=True)
    equal = torch.eye(5, dtype=torch.bool)
    equal[1, 3] = equal[3, 1] = True
    contrastive_loss(logits, equal, 0.1).backward()
    assert ((logits.grad == 0) == (equal & ~torch.eye(5, dtype=torch.bool))).all()
    alike = torch.ones(5, 5, dtype=torch.bool)
    assert float(contrastive_loss(logits.detach(), alike)) == 0.0
