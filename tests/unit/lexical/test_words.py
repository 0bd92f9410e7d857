import numpy as np
import pytest

from lamp_core.lamp.text import train_vocabulary
from lamp_core.lexical.words import Vocabulary, is_content, readable, shared, split_words, stop_words


@pytest.mark.parametrize("piece", ["walk", "left", "twice", "##ing", "backwards", "arm", "around"])
def test_what_says_something_of_a_motion_is_content(piece: str) -> None:
    assert is_content(piece)


@pytest.mark.parametrize("piece", ["the", "a", "person", "and", "[CLS]", ".", "x", "##x", "[unused7]", "is"])
def test_what_says_nothing_is_no_content(piece: str) -> None:
    assert not is_content(piece)


def test_stop_words_are_words_and_name_no_direction_or_count() -> None:
    assert all(isinstance(word, str) for word in stop_words())  # an unquoted `on` of YAML is a boolean
    assert {"on", "no", "in", "off"} & stop_words() == {"on", "no", "in"}
    assert (
        not {"left", "right", "up", "down", "forward", "back", "over", "two", "twice", "out"} & stop_words()
    )


def test_terms_are_the_content_words_of_the_vocabulary() -> None:
    tokenizer = train_vocabulary(["a person walks", "the person jumps ."], 100, 16)
    vocabulary = Vocabulary.of(tokenizer)
    terms = {vocabulary.pieces[term] for term in np.flatnonzero(vocabulary.is_term_V)}
    assert terms == {"walks", "jumps"}
    special = {vocabulary.pieces[place] for place in np.flatnonzero(vocabulary.is_special_V)}
    assert special == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


def test_pieces_of_a_known_word_read_as_that_word() -> None:
    vocabulary = Vocabulary(("jump", "##ing", "left", "##ly", "walk"))
    words = readable(vocabulary, [0, 1, 2, 3], [2.0, 1.5, 1.0, 3.0], {(0, 1): "jumping", (4, 1): "walking"})
    assert [(word.word, word.weight, word.terms) for word in words] == [
        ("jumping", 1.5, (0, 1)),
        ("left", 1.0, (2,)),
    ]


def test_shares_of_pieces_add_up_whatever_they_read_as() -> None:
    vocabulary = Vocabulary(("jump", "##ing", "left", "##ly", "walk"))
    words = shared(vocabulary, [0, 1, 2, 3], [0.4, 0.1, 0.2, 0.3], {(0, 1): "jumping", (4, 1): "walking"})
    assert [(word.word, word.weight, word.terms) for word in words] == [
        ("jumping", 0.5, (0, 1)),
        ("…ly", 0.3, (3,)),
        ("left", 0.2, (2,)),
    ]


def test_words_in_several_pieces_are_found_in_captions() -> None:
    tokenizer = train_vocabulary(["jump jump jump left left"], 13, 16)
    found = split_words(tokenizer, ["left jump jump", "jump", "left"])
    assert set(found.values()) <= {"left", "jump"}
    for terms, word in found.items():
        assert len(terms) > 1
        assert "".join(Vocabulary.of(tokenizer).pieces[term].removeprefix("##") for term in terms) == word
