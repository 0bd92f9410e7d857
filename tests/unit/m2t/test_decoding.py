"""The search finds the likeliest caption, and draws by seed."""

import functools
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedTokenizerFast,
)

from lamp_core.config.captioning import CaptionSearch
from lamp_core.errors import LampError
from lamp_core.m2t.decoding import Search, generation_config, search_captions
from lamp_core.m2t.language_model import CausalModel
from lamp_core.m2t.model import MotionCaptioner
from lamp_core.m2t.training import new_captioner
from lamp_core.segments import token_losses
from tests.unit.m2t.conftest import CAPTIONING, CPU, READS, MakeCaptioner, of_motions, some_states, tiny_lamp

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
    states = some_states(6)
    found = search_captions(tiny, states, Search(beams=200, length_penalty=penalty))
    everything = [
        ids
        for length in range(1, LONGEST + 1)
        for ids in product(range(6), repeat=length)
        if 2 not in ids[:-1] and (ids[-1] == 2 or length == LONGEST)
    ]
    for row, caption in enumerate(found):
        own = of_motions(states, torch.full((len(everything),), row))
        batch = tiny.sequences(own, everything)
        with torch.no_grad():
            logits_NLV = tiny(own, batch)
        scores_N = -token_losses(logits_NLV, batch) / batch.counted_BL.sum(dim=1) ** penalty
        assert caption == tiny.words.text(everything[int(scores_N.argmax())])
    assert len(set(found)) > 1


@READS
def test_one_beam_takes_the_likeliest_word_each_time(reads: str, make_captioner: MakeCaptioner) -> None:
    model, states = make_captioner(reads=reads), some_states(2)
    found = search_captions(model, states, Search(beams=1, max_text_tokens=5))
    for row in range(2):
        own = of_motions(states, slice(row, row + 1))
        ids = [5]
        for place in range(5):
            logits = model(own, model.sequences(own, [ids]))
            ids = [*ids[:-1], int(logits[0, place].argmax()), 5]
        assert found[row] == model.words.text(ids[:-1])


@READS
def test_a_caption_does_not_depend_on_its_batch(reads: str, make_captioner: MakeCaptioner) -> None:
    model, states, search = make_captioner(reads=reads), some_states(5), Search(max_text_tokens=8)
    together = search_captions(model, states, search)
    assert together == [
        search_captions(model, of_motions(states, slice(row, row + 1)), search)[0] for row in range(5)
    ]


@READS
@pytest.mark.parametrize(
    "search", [Search(beams=5), Search(beams=1), Search("nucleus", seed=3)], ids=["beams", "one", "nucleus"]
)
def test_reading_the_prefix_once_a_motion_changes_no_caption(
    reads: str, search: Search, make_captioner: MakeCaptioner
) -> None:
    model, states = make_captioner(reads=reads), some_states(6)
    prefix_BXE, seen_BX = model.prefix(states)
    assert seen_BX.all() == (reads == "queries")
    torch.manual_seed(search.seed)
    ids_BL = model.language.generate(
        inputs_embeds=prefix_BXE,
        attention_mask=seen_BX.long(),
        generation_config=generation_config(search, model.words.end, model.words.padding, 24),
    )
    assert search_captions(model, states, search) == [model.words.text(ids) for ids in ids_BL.tolist()]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_unequal_motions_of_other_models_are_captioned_as_they_are_alone(
    kind: str, base: CausalModel
) -> None:
    torch.manual_seed(2)
    size = {"vocab_size": len(base.tokenizer), "initializer_range": 0.5}
    if kind == "gpt2":
        other = GPT2LMHeadModel(GPT2Config(**size, n_embd=16, n_layer=2, n_head=2, n_positions=64))
    else:
        narrow = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
        other = LlamaForCausalLM(LlamaConfig(**size, **narrow, num_attention_heads=2))
    settings = CAPTIONING.model_copy(update={"reads": "queries_and_latents"})
    language = CausalModel(other.requires_grad_(False), base.tokenizer, kind, "")
    model = new_captioner(language, tiny_lamp(), settings, CPU).eval()
    states, search = some_states(4), Search(max_text_tokens=6)
    alone = [search_captions(model, of_motions(states, slice(row, row + 1)), search)[0] for row in range(4)]
    assert search_captions(model, states, search) == alone and len(set(alone)) > 1


def test_the_prefix_is_read_once_a_motion(
    make_captioner: MakeCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, states = make_captioner(), some_states(4)
    inner, positions = model.language.get_base_model(), []

    def forward(*args: Any, **given: Any) -> Any:
        words = given.get("inputs_embeds") if given.get("inputs_embeds") is not None else given["input_ids"]
        positions.append(words.shape[0] * words.shape[1])
        return plain(*args, **given)

    plain = inner.forward
    monkeypatch.setattr(inner, "forward", functools.wraps(plain)(forward))
    search_captions(model, states, Search(beams=5, max_text_tokens=4))
    prefix = 3 + len(model.words.prompt_P)
    assert positions == [4 * (prefix - 1)] + [4 * 5] * 4


def test_draws_follow_their_seed_and_leave_others_alone(make_captioner: MakeCaptioner) -> None:
    model, states = make_captioner(), some_states(3)
    state = torch.random.get_rng_state()
    first, again, other = (
        search_captions(model, states, Search(kind="nucleus", seed=seed, max_text_tokens=8))
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert torch.equal(torch.random.get_rng_state(), state)
    greedy = search_captions(model, states, Search(beams=1, max_text_tokens=8))
    narrow = Search(kind="nucleus", top_p=1e-6, max_text_tokens=8)
    assert search_captions(model, states, narrow) == greedy


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
