from pathlib import Path

import numpy as np
import pytest

from lamp_core.evaluation import word_samples as samples
from lamp_core.io.parquet import read_table, write_table
from lamp_core.lexical.excerpts import keyword_hits, motions_as_words
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.words import Vocabulary
from lamp_core.remarks import Remark

PIECES = ("[CLS]", "run", "jump", "left", "##ing")
WEIGHTS = np.array([[0, 3, 0, 1, 0], [0, 0, 2, 0, 2], [0, 1, 1, 0, 0]], dtype=np.float32)
CAPTIONS = [["a person runs left", "one runs"], ["a jump"], ["both"]]


@pytest.fixture
def index() -> LexicalIndex:
    made = LexicalIndex(Vocabulary(PIECES), {(2, 4): "jumping"}, most_terms=3)
    made.add(["a", "b", "c"], [captions[0] for captions in CAPTIONS], WEIGHTS)
    return made


def test_motions_are_spread_over_the_index_and_say_their_heaviest_words(index: LexicalIndex) -> None:
    first, last = motions_as_words(index, CAPTIONS, count=2, most_words=1)
    assert (first["name"], first["captions"], first["words"]) == ("a", CAPTIONS[0], ["run"])
    assert first["weights"] == pytest.approx([3 / 10**0.5])
    assert (last["name"], last["words"]) == ("c", ["jump"])
    (joined,) = motions_as_words(index, CAPTIONS, count=3, most_words=5)[1:2]
    assert joined["words"] == ["jumping"]
    assert len(motions_as_words(index, CAPTIONS, count=9, most_words=1)) == 3


def test_hits_of_keywords_say_the_words_that_matched(index: LexicalIndex, tmp_path: Path) -> None:
    with pytest.warns(Remark, match="'fly' are left out"):
        hits = keyword_hits(index, ["run,-left", "fly"], top=5)
    assert [(hit["keywords"], hit["rank"], hit["name"], hit["words"]) for hit in hits] == [
        ("run,-left", 1, "c", ["run"])
    ]
    assert hits[0]["shares"] == pytest.approx([1.0])
    write_table(tmp_path / samples.KEYWORDS_FILE, hits, samples.KEYWORDS)
    assert read_table(tmp_path / samples.KEYWORDS_FILE, samples.KEYWORDS).to_pylist()[0]["name"] == "c"
