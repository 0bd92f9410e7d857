"""Words of motion in the places of seldom words: text means what it meant, and can still be written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lamp_core.config import override, profile_config
from lamp_core.config.base import FROM_SCRATCH
from lamp_core.config.captioning import LanguageModel
from lamp_core.config.experiment import assignments, load_experiment
from lamp_core.datasets.synthetic.body import Body
from lamp_core.datasets.synthetic.phrases import captions
from lamp_core.datasets.synthetic.sequence import draw_script
from lamp_core.errors import LampError
from lamp_core.large_motion.least_used import least_used, new_numbers, take_places
from lamp_core.m2t.own_language_model import own_tokenizer
from lamp_core.motion_language.vocabulary import MotionVocabulary, text_pieces
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.tokenizers.kinds import new_tokenizer
from tests.unit.motion_language.conftest import CAPTIONS, KINDS, MAX_TOKENS, MODELS, ONE, POSITIONS

SELDOM = ("elephants wander around enormous gardens", "quickly crawling underneath something")


def byte_pairs() -> Any:
    """A tokenizer of byte pairs as GPT-2 has it, with its one special word last."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([*CAPTIONS * 4, *SELDOM * 2], trainer)
    made.add_special_tokens(["<|endoftext|>"])
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=end, eos_token=end)


def fallback() -> Any:
    """A tokenizer of pairs as LLaMA has it: a character that it does not know is written as its bytes."""
    trained = Tokenizer(models.BPE())
    space = normalizers.Replace(" ", "▁")
    trained.normalizer = space
    trainer = trainers.BpeTrainer(vocab_size=250, show_progress=False)
    trained.train_from_iterator([*CAPTIONS * 4, *SELDOM * 2], trainer)
    model = json.loads(trained.to_str())["model"]
    first = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary = {word: number for number, word in enumerate([*first, *model["vocab"]])}
    merges = [(one, other) for one, other in model["merges"]]
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = space
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def word_pieces() -> Any:
    """The tokenizer of the language model that is trained here, with forty words that are seldom."""
    settings = LanguageModel(checkpoint=FROM_SCRATCH, vocabulary_size=300, max_positions=POSITIONS)
    odd = [f"odd{'x' * place}" for place in range(30)]
    return own_tokenizer([*CAPTIONS * 4, *SELDOM, *odd], "", settings)


TEXTS: dict[str, Any] = {
    "word pieces": word_pieces,
    "byte pairs": byte_pairs,
    "byte fallback": fallback,
}


def taken(text: Any, tokenizer: Any = ONE, kind: str = "gpt2") -> tuple[Any, Any, MotionVocabulary]:
    """A model whose words of motion took places, its tokenizer, and these words."""
    torch.manual_seed(0)
    model = MODELS[kind](len(text)).eval()
    model.config.eos_token_id = text.eos_token_id
    size = len(MotionVocabulary.of(tokenizer, MAX_TOKENS, 0))
    vocabulary = MotionVocabulary.of(tokenizer, MAX_TOKENS, len(text) - size)
    return model, take_places(model, text, vocabulary, CAPTIONS), vocabulary


@pytest.mark.parametrize("name", list(TEXTS))
@pytest.mark.parametrize("motions", list(KINDS))
def test_the_vocabulary_stays_as_large_and_the_words_of_motion_stand_side_by_side(
    name: str, motions: str
) -> None:
    before = TEXTS[name]()
    model, text, vocabulary = taken(before, KINDS[motions])
    assert len(text) == len(before) == model.get_input_embeddings().num_embeddings
    assert text.convert_tokens_to_ids(list(vocabulary.words)) == list(range(vocabulary.first, vocabulary.end))
    assert sorted(text.get_vocab().values()) == list(range(len(text)))
    assert model.config.eos_token_id == text.eos_token_id < vocabulary.first


@pytest.mark.parametrize("kind", list(MODELS))
@pytest.mark.parametrize("name", list(TEXTS))
def test_the_model_says_of_captions_what_it_said(name: str, kind: str) -> None:
    before = TEXTS[name]()
    torch.manual_seed(0)
    untouched = MODELS[kind](len(before)).eval()
    model, text, vocabulary = taken(before, kind=kind)
    names, left = before.convert_ids_to_tokens(list(range(len(before)))), text.get_vocab()
    kept = [number for number, name in enumerate(names) if name in left]
    moved = [left[names[number]] for number in kept]
    for caption in CAPTIONS:
        (old_X,), (new_X,) = (text_pieces(each, [f" {caption}"]) for each in (before, text))
        assert before.convert_ids_to_tokens(old_X) == text.convert_ids_to_tokens(new_X)
        with torch.no_grad():
            old_XV, new_XV = (
                each(torch.tensor([ids])).logits[0] for each, ids in ((untouched, old_X), (model, new_X))
            )
        torch.testing.assert_close(new_XV.sort().values, old_XV.sort().values)
        torch.testing.assert_close(new_XV[:, moved], old_XV[:, kept])
        assert max(new_X) < vocabulary.first


@pytest.mark.parametrize("made", [byte_pairs, fallback])
def test_texts_of_words_that_are_gone_are_still_written_whole(made: Callable[[], Any]) -> None:
    before = made()
    _, text, vocabulary = taken(before)
    for said in (*CAPTIONS, *SELDOM, "żółć, <motion_1>!"):
        (ids,) = text_pieces(text, [said])
        assert text.decode(ids) == said
        assert max(ids) < vocabulary.first
    lost = [len(text_pieces(text, [said])[0]) - len(text_pieces(before, [said])[0]) for said in SELDOM]
    assert max(lost) > 0


def test_what_is_least_used_goes_and_what_others_are_made_of_stays() -> None:
    text = byte_pairs()
    described = json.loads(text.backend_tokenizer.to_str())
    vocabulary = described["model"]["vocab"]
    counts = dict.fromkeys(vocabulary.values(), 5)
    seldom = max(vocabulary.values())  # made last, so that no other is made of it
    counts[seldom] = 1
    assert least_used(described, counts, text.all_special_ids, 1) == {seldom}
    gone = least_used(described, counts, text.all_special_ids, 100)
    names = {number: word for word, number in vocabulary.items()}
    assert not gone & set(text.all_special_ids) and all(len(names[number]) > 1 for number in gone)
    for first, second in (
        each.split(" ") if isinstance(each, str) else each for each in described["model"]["merges"]
    ):
        if vocabulary[first + second] not in gone:
            assert not {vocabulary[first], vocabulary[second]} & gone


def test_bytes_stay_where_the_tokenizer_falls_back_to_them() -> None:
    text = fallback()
    described = json.loads(text.backend_tokenizer.to_str())
    vocabulary, special = described["model"]["vocab"], text.all_special_ids
    spelt = {word for word in vocabulary if word.startswith("<0x")}
    longer = [word for word in vocabulary if len(word) > 1 and vocabulary[word] not in special]
    every = len(longer) - len(spelt)
    used = dict.fromkeys(vocabulary.values(), 1) | {vocabulary[word]: 0 for word in spelt}
    gone = least_used(described, used, special, every)
    assert len(spelt) == 256 and gone == {vocabulary[word] for word in longer} - {
        vocabulary[word] for word in spelt
    }
    with pytest.raises(LampError, match=rf"has {every} words that can be given up"):
        least_used(described, used, special, every + 1)
    described["model"]["byte_fallback"] = False  # then they are words as others
    assert vocabulary["<0xFF>"] in least_used(described, used, special, every)


def test_words_that_stay_keep_their_numbers_where_they_can() -> None:
    assert new_numbers(6, {1, 4}) == {0: 0, 1: 5, 2: 2, 3: 3, 4: 4, 5: 1}


def test_what_cannot_be_given_up_is_refused() -> None:
    text = word_pieces()
    described = json.loads(text.backend_tokenizer.to_str())
    with pytest.raises(
        LampError, match=r"words that can be given up, and motion needs 5000; set large_motion"
    ):
        least_used(described, {}, text.all_special_ids, 5000)
    described["model"]["type"] = "Unigram"
    with pytest.raises(
        LampError, match=r"kind Unigram cannot be given up; set large_motion.words to appended"
    ):
        least_used(described, {}, text.all_special_ids, 5)


def test_the_captions_of_the_procedural_set_have_room_for_the_words_of_the_shipped_experiment() -> None:
    experiment = load_experiment(Path(__file__).parents[3] / "experiments" / "large-motion-words.yaml")
    skeleton = load_skeleton("smpl22")
    body = Body(skeleton.joints, np.asarray(canonical_reference(skeleton), dtype=np.float64))
    draws = [np.random.default_rng([0, number]) for number in range(300)]
    scripts = [draw_script(body, skeleton.frames_per_second, each) for each in draws]
    said = [
        sentence
        for script, each in zip(scripts, draws, strict=True)
        for sentence in captions(script.performances, script.together, each)
    ]
    rows = [
        override(profile_config("quick"), assignments({**experiment.base.set, **row.set}))
        for row in experiment.planned()
    ]
    (config,) = (row for row in rows if row.large_motion.words == "least_used")
    text = own_tokenizer(said, config.m2t.prompt, config.language_model)
    words = MotionVocabulary.of(
        new_tokenizer(263, config.tokenizer_grid),
        config.large_motion.max_frames // 4,
        len(text),
        shares_codes=config.large_motion.codes == "shared",
    )
    described = json.loads(text.backend_tokenizer.to_str())
    assert len(least_used(described, {}, text.all_special_ids, len(words))) == len(words)
