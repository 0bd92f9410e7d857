"""Codebooks: nearest code, EMA, reset, and what several layers leave."""

import pytest
import torch

from lamp_core.tokenizers.codebook import Codebook, quantise


def _codebook(codes: list[list[float]], decay: float, reset_threshold: float) -> Codebook:
    codebook = Codebook(len(codes), len(codes[0]), decay, reset_threshold)
    codebook.codes_KC.copy_(torch.tensor(codes))
    codebook.sums_KC.copy_(torch.tensor(codes))
    codebook.initialised.fill_(True)
    return codebook


def _fitted(layers: int, latents: torch.Tensor) -> list[Codebook]:
    """Codebooks that followed the same latents for a while."""
    codebooks = [Codebook(8, latents.shape[1], 0.8, 1.0) for _ in range(layers)]
    for _ in range(40):
        quantise(codebooks, latents, layers, follow=True)
    return codebooks


def test_the_nearest_code_is_the_nearest_by_euclid() -> None:
    codebook = Codebook(8, 3, 0.99, 1.0)
    codebook.codes_KC.copy_(torch.randn(8, 3))
    latents = torch.randn(50, 3)
    assert torch.equal(codebook.nearest(latents), torch.cdist(latents, codebook.codes_KC).argmin(-1))


def test_the_first_batch_initialises_the_codes_with_its_latents() -> None:
    codebook, latents = Codebook(4, 3, 1.0, 1.0), torch.randn(10, 3)
    quantise([codebook], latents, 1, follow=True)
    assert all(any(torch.equal(code, latent) for latent in latents) for code in codebook.codes_KC)
    assert len(torch.unique(codebook.codes_KC, dim=0)) == 4


def test_fewer_latents_than_codes_initialise_codes_that_differ() -> None:
    codebook = Codebook(8, 3, 0.99, 0.0)
    quantise([codebook], torch.randn(3, 3), 1, follow=True)
    assert len(torch.unique(codebook.codes_KC, dim=0)) == 8


def test_the_codebook_follows_the_mean_of_its_latents() -> None:
    codebook = _codebook([[0.0, 0.0], [10.0, 10.0]], decay=0.0, reset_threshold=0.0)
    quantise([codebook], torch.tensor([[1.0, 0.0], [3.0, 0.0], [9.0, 9.0]]), 1, follow=True)
    torch.testing.assert_close(codebook.codes_KC, torch.tensor([[2.0, 0.0], [9.0, 9.0]]))


def test_the_decay_weighs_the_past() -> None:
    codebook = _codebook([[0.0]], decay=0.75, reset_threshold=0.0)
    quantise([codebook], torch.tensor([[2.0], [4.0], [6.0]]), 1, follow=True)
    # count 0.75 * 1 + 0.25 * 3, sum 0.25 * 12
    torch.testing.assert_close(codebook.codes_KC, torch.tensor([[3.0 / 1.5]]))


def test_an_unused_code_is_replaced_by_a_latent() -> None:
    codebook = _codebook([[0.0], [100.0]], decay=0.5, reset_threshold=1.0)
    quantise([codebook], torch.tensor([[1.0], [2.0], [3.0]]), 1, follow=True)
    assert float(codebook.codes_KC[1]) in (1.0, 2.0, 3.0)
    assert float(codebook.counts_K[1]) == 1.0


def test_without_following_nothing_moves() -> None:
    codebook = _codebook([[0.0], [100.0]], decay=0.5, reset_threshold=1.0)
    before = {name: value.clone() for name, value in codebook.state_dict().items()}
    quantise([codebook], torch.randn(5, 1), 1, follow=False)
    assert all(torch.equal(before[name], value) for name, value in codebook.state_dict().items())


def test_each_layer_quantises_what_the_ones_before_it_leave() -> None:
    coarse = _codebook([[0.0, 0.0], [10.0, 0.0], [-50.0, 0.0]], 0.9, 0.0)
    fine = _codebook([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], 0.9, 0.0)
    latents = torch.tensor([[11.2, 0.1], [0.1, 0.8], [9.0, 0.0]])
    made = quantise([coarse, fine], latents, 2, follow=False)
    assert made.codes_NR.tolist() == [[1, 0], [0, 1], [1, 2]]
    torch.testing.assert_close(made.vectors_NC, torch.tensor([[11.0, 0.0], [0.0, 1.0], [9.0, 0.0]]))


def test_layers_out_of_use_are_measured_but_neither_added_nor_moved() -> None:
    codebooks = _fitted(3, torch.randn(40, 4))
    before = [codebook.codes_KC.clone() for codebook in codebooks]
    latents = torch.randn(40, 4)
    made = quantise(codebooks, latents, 1, follow=True)
    torch.testing.assert_close(made.vectors_NC, before[0][made.codes_NR[:, 0]])
    torch.testing.assert_close(made.commitment, (latents - made.vectors_NC).square().mean())
    moved = [not torch.equal(old, new.codes_KC) for old, new in zip(before, codebooks, strict=True)]
    assert moved == [True, False, False]
    assert (made.utilisation_R > 0).all()


def test_more_layers_never_give_a_larger_error() -> None:
    latents = torch.randn(200, 6)
    codebooks = _fitted(5, latents)
    made = [quantise(codebooks, latents, used, follow=False).vectors_NC for used in range(1, 6)]
    errors = [float((latents - vectors).square().mean()) for vectors in made]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.5 * errors[0]


def test_utilisation_and_perplexity_of_a_batch() -> None:
    codebook = _codebook([[0.0], [1.0], [2.0], [3.0]], 0.9, 0.0)
    made = quantise([codebook], torch.tensor([[0.0], [0.1], [2.9], [3.1]]), 1, follow=False)
    assert float(made.utilisation_R[0]) == 0.5
    assert float(made.perplexity_R[0]) == pytest.approx(2.0)


@pytest.mark.parametrize("batch", [1, 50])
def test_by_share_a_code_is_hardly_used_whatever_the_size_of_a_batch(batch: int) -> None:
    """Four codes chosen 8, 8, 3 and 1 times: one has less than a third of the mean of five."""
    codes = [[0.0], [10.0], [20.0], [30.0]]
    codebook = Codebook(4, 1, 0.0, reset_threshold=1e9, reset_share=1 / 3)
    codebook.codes_KC.copy_(torch.tensor(codes))
    codebook.initialised.fill_(True)
    chosen = torch.tensor([[0.0]] * 8 + [[10.0]] * 8 + [[20.0]] * 3 + [[30.5]]).repeat(batch, 1)
    quantise([codebook], chosen, 1, follow=True)
    assert codebook.codes_KC[:3].tolist() == codes[:3]
    assert [float(codebook.codes_KC[3])] in chosen.tolist()
    assert codebook.counts_K.tolist() == [8 * batch, 8 * batch, 3 * batch, 5 * batch]


def test_by_share_a_replaced_code_is_not_replaced_again_at_once() -> None:
    codebook = Codebook(8, 2, 0.99, reset_threshold=1.0, reset_share=0.5)
    cluster = torch.randn(4000, 2) * 0.01
    quantise([codebook], cluster, 1, follow=True)
    codebook.codes_KC[7] = 100.0
    codebook.counts_K[7] = 0.0
    quantise([codebook], cluster, 1, follow=True)
    replaced = codebook.codes_KC[7].clone()
    assert replaced.abs().max() < 1
    quantise([codebook], cluster + 50, 1, follow=True)  # far from it: it is not chosen, and its count decays
    assert (codebook.codes_KC[7] - replaced).abs().max() < 1
