"""Words look at frames: shapes, sums, and what the weights are made of."""

import numpy as np
import pytest
import torch

from lamp_core.errors import LampError
from lamp_core.m2t.attention import (
    cross_attention,
    soft_token_attention,
    word_attention,
    word_numbers,
    word_places,
)
from lamp_core.m2t.motions import Motions
from tests.unit.m2t.conftest import READS, MakeCaptioner, some_states

CAPTION = "a person kicks, left."


@READS
def test_every_word_spreads_one_over_the_frames(reads: str, make_captioner: MakeCaptioner) -> None:
    found = word_attention(make_captioner(reads=reads), torch.randn(5, 6), CAPTION, 22)
    assert found.words == ("a", "person", "kicks,", "left.")
    assert found.frames.shape == (4, 22) and found.frames.dtype == np.float32
    np.testing.assert_allclose(found.frames.sum(axis=1), 1, rtol=1e-5)
    assert (found.frames[:, :20] > 0).all() and not found.frames[:, 20:].any()
    assert (found.frames[:, :20].reshape(4, 5, 4).std(axis=2) == 0).all()  # a token's four frames are alike


def test_queries_that_look_at_one_token_make_every_word_look_there(make_captioner: MakeCaptioner) -> None:
    model = make_captioner()
    latents_SC = torch.zeros(5, 6)
    latents_SC[3] = torch.tensor([9.0, -9, 9, -9, 9, -9])
    with cross_attention(model.lamp) as seen:
        model.query_states(latents_SC[None], torch.ones(1, 5, dtype=torch.bool))
    assert len(seen) == 1 and seen[0].shape == (3, 5)  # of two blocks, the first crosses
    torch.testing.assert_close(seen[0].sum(dim=1), torch.ones(3))
    block = model.lamp.transformer.blocks[0].cross
    block.query.weight.data.zero_()
    block.query.bias.data = 50 * block.key(model.lamp.latent_norm(latents_SC))[3]
    found = word_attention(model, latents_SC, CAPTION, 20)
    assert (found.frames[:, 12:16].sum(axis=1) > 0.99).all()


def test_latents_are_their_own_tokens(make_captioner: MakeCaptioner) -> None:
    model = make_captioner(reads="queries_and_latents", latents_together=2)
    latents_SC = torch.randn(5, 6)
    states = Motions.read(model, [latents_SC]).states([0])
    with cross_attention(model.lamp) as seen:
        model.query_states(latents_SC[None], torch.ones(1, 5, dtype=torch.bool))
    pieces_LN = soft_token_attention(model, states, CAPTION)
    assert pieces_LN.shape[1] == 3 + 3
    _, places = word_places(model, CAPTION)
    of_word_N = pieces_LN[torch.tensor(places[2])].mean(dim=0)
    want_S = of_word_N[:3] @ torch.stack(seen).mean(dim=0) + of_word_N[[3, 3, 4, 4, 5]] * torch.tensor(
        [0.5, 0.5, 0.5, 0.5, 1]
    )
    found = word_attention(model, latents_SC, CAPTION, 20).frames[2].reshape(5, 4).sum(axis=1)
    np.testing.assert_allclose(found, (want_S / want_S.sum()).detach(), rtol=1e-4)


def test_explaining_leaves_the_model_as_it_was(make_captioner: MakeCaptioner) -> None:
    model = make_captioner()
    usual = model.language.get_base_model().config._attn_implementation
    pieces_LQ = soft_token_attention(model, some_states(1), CAPTION)
    assert pieces_LQ.shape == (len(model.words.pieces([CAPTION])[0]), 3)
    assert (pieces_LQ > 0).all() and (pieces_LQ.sum(dim=1) < 1).all()
    assert model.language.get_base_model().config._attn_implementation == usual


def test_word_pieces_belong_to_the_words_they_are_part_of(make_captioner: MakeCaptioner) -> None:
    model = make_captioner()
    words, places = word_places(model, " a  zw kicks, left.")
    assert words == ("a", "zw", "kicks,", "left.")
    pieces = model.words.tokenizer.convert_ids_to_tokens(model.words.pieces(["a zw kicks, left."])[0])
    joined = ["".join(pieces[place].removeprefix("##") for place in own) for own in places]
    assert joined[0] == "a" and joined[2:] == ["kicks[UNK]", "left."]
    assert word_numbers(" ab c") == [-1, 0, 0, -1, 1]


def test_an_empty_caption_has_nothing_to_explain(make_captioner: MakeCaptioner) -> None:
    with pytest.raises(LampError, match="no word to explain"):
        word_attention(make_captioner(), torch.randn(5, 6), "  ", 20)
