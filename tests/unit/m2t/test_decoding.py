"""The search finds the likeliest caption, and draws by seed."""

from itertools import product
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import OPTConfig, OPTForCausalLM, PreTrainedTokenizerFast

from lamp_core.config.captioning import CaptionSearch
from lamp_core.errors import LampError
from lamp_core.m2t.decoding import Search, search_captions
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.training import new_captioner
from lamp_core.motion_language.segments import token_losses
from tests.unit.m2t.conftest import CAPTIONING, CPU, MakeCaptioner, tiny_lamp

LONGEST = 3


@pytest.fixture
def tiny() -> MotionCaptioner:
    """A captioner with five words, of which three are no special tokens."""
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "walk": 3, "run": 4, "jump": 5}
    pieces = Tokenizer(models.WordLevel(vocabulary, unk_token="walk"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    config = OPTConfig(
        vocab_size=6,
        hidden_size=16,
        num_hidden_layers=2,
        ffn_dim=32,
        num_attention_heads=2,
        max_position_embeddings=32,
        dropout=0.0,
        init_std=0.5,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    torch.manual_seed(3)
    base = CausalModel(OPTForCausalLM(config).requires_grad_(False), tokenizer, "tiny", "")
    settings = CAPTIONING.model_copy(update={"prompt": "", "max_text_tokens": LONGEST})
    model = new_captioner(base, tiny_lamp(), settings, CPU)
    torch.nn.init.normal_(model.projection.weight, std=3.0)
    return model.eval()


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_enough_beams_find_what_an_exhaustive_search_finds(penalty: float, tiny: MotionCaptioner) -> None:
    queries_BQH = torch.randn(6, 3, 16)
    found = search_captions(tiny, queries_BQH, Search(beams=200, length_penalty=penalty))
    everything = [
        ids
        for length in range(1, LONGEST + 1)
        for ids in product(range(6), repeat=length)
        if 2 not in ids[:-1] and (ids[-1] == 2 or length == LONGEST)
    ]
    batch = tiny.sequences(everything)
    for row, caption in enumerate(found):
        with torch.no_grad():
            logits_NLV = tiny(queries_BQH[row : row + 1].expand(len(batch), -1, -1), batch)
        scores_N = -token_losses(logits_NLV, batch) / batch.counted_BL.sum(dim=1) ** penalty
        assert caption == tiny.words.text(everything[int(scores_N.argmax())])
    assert len(set(found)) > 1


def test_one_beam_takes_the_likeliest_word_each_time(make_captioner: MakeCaptioner) -> None:
    model, queries_BQH = make_captioner(), torch.randn(2, 3, 16)
    found = search_captions(model, queries_BQH, Search(beams=1, max_text_tokens=5))
    for row in range(2):
        ids = [5]
        for place in range(5):
            logits = model(queries_BQH[row : row + 1], model.sequences([ids]))
            ids = [*ids[:-1], int(logits[0, place].argmax()), 5]
        assert found[row] == model.words.text(ids[:-1])


def test_a_caption_does_not_depend_on_its_batch(make_captioner: MakeCaptioner) -> None:
    model, queries_BQH = make_captioner(), torch.randn(5, 3, 16)
    together = search_captions(model, queries_BQH, Search(max_text_tokens=8))
    assert together == [
        search_captions(model, one[None], Search(max_text_tokens=8))[0] for one in queries_BQH
    ]


def test_draws_follow_their_seed_and_leave_others_alone(make_captioner: MakeCaptioner) -> None:
    model, queries_BQH = make_captioner(), torch.randn(3, 3, 16)
    state = torch.random.get_rng_state()
    first, again, other = (
        search_captions(model, queries_BQH, Search(kind="nucleus", seed=seed, max_text_tokens=8))
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert torch.equal(torch.random.get_rng_state(), state)
    greedy = search_captions(model, queries_BQH, Search(beams=1, max_text_tokens=8))
    narrow = Search(kind="nucleus", top_p=1e-6, max_text_tokens=8)
    assert search_captions(model, queries_BQH, narrow) == greedy


def test_the_configuration_names_a_search() -> None:
    settings = CaptionSearch(kind="nucleus", top_p=0.8, temperature=0.7)
    assert Search.of(settings, seed=3) == Search("nucleus", 5, 1.0, 0.8, 0.7, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "best"}, "unknown search 'best'; known: beam, nucleus"),
        ({"beams": 0}, "0 beams asked for"),
        ({"top_p": 0.0}, "top_p 0 is no share"),
        ({"temperature": 0.0}, "the temperature 0 is not above 0"),
        ({"max_text_tokens": 0}, "0 word pieces asked for"),
    ],
)
def test_what_cannot_be_searched_is_refused(wrong: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(LampError, match=message):
        Search(**wrong)
