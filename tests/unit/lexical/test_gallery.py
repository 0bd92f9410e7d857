import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_array

from lamp_core.errors import LampError
from lamp_core.indexes.sparse_index import SparseIndex
from lamp_core.io.parquet import read_table
from lamp_core.lexical import gallery
from lamp_core.lexical.gallery import ITEMS, POSTINGS, LexicalIndex
from lamp_core.lexical.words import Vocabulary

PIECES = ("[CLS]", "run", "jump", "left", "##ing")
WEIGHTS = np.array([[0, 3, 0, 1, 0], [0, 0, 2, 0, 2], [0, 1, 1, 0, 0]], dtype=np.float32)
NAMES = ["a", "b", "c"]
ADDITIONS = 20
# Adds motions to an index one by one, beside another process that does.
ADDS = """\
import sys
from pathlib import Path
import numpy as np
from lamp_core.lexical.gallery import LexicalIndex
folder, count, mark = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
for number in range(count):
    with LexicalIndex.changing(folder) as index:
        index.add([f"{mark}{number}"], [""], np.array([[0, 3, 0, 1, 0]], dtype=np.float32))
"""


@pytest.fixture
def index() -> LexicalIndex:
    made = LexicalIndex(Vocabulary(PIECES), {(2, 4): "jumping"}, most_terms=3)
    made.add(NAMES, ["a person runs left", "", ""], WEIGHTS)
    return made


def query(**words: float) -> np.ndarray:
    return np.array([words.get(piece.strip("#"), 0) for piece in PIECES], dtype=np.float32)


def found(index: LexicalIndex, **words: float) -> list[str]:
    return [hit.name for hit in index.search(query(**words), 10)]


def test_a_hit_says_the_words_that_matched_and_their_share(index: LexicalIndex) -> None:
    first, second = index.search(query(run=1, left=1), 10)
    assert (first.rank, first.name, first.caption) == (1, "a", "a person runs left")
    assert [(word.word, round(word.weight, 3)) for word in first.words] == [("run", 0.75), ("left", 0.25)]
    assert (second.name, [word.word for word in second.words]) == ("c", ["run"])
    (joined,) = index.search(query(jump=1, ing=1), 1)
    assert [word.word for word in joined.words] == ["jumping"]


def test_the_shares_of_a_hit_add_up_to_all_of_its_score() -> None:
    index = LexicalIndex(Vocabulary(("side", "##step", "##ly", "left")), {(0, 1): "sidestep"})
    index.add(["a"], [""], np.array([[3, 1, 2, 1]], dtype=np.float32))
    (hit,) = index.search(np.ones(4, dtype=np.float32), 1)
    assert {word.word for word in hit.words} == {"sidestep", "…ly", "left"}
    assert sum(word.weight for word in hit.words) == pytest.approx(1)
    (hit,) = index.search(np.array([0, 0, 0, 1], dtype=np.float32), 1, together={(0, 1): 2.0})
    assert [word.word for word in hit.words] == ["sidestep", "left"]
    assert sum(word.weight for word in hit.words) == pytest.approx(1)


def test_a_word_in_pieces_hides_no_motion_with_one_of_them() -> None:
    index = LexicalIndex(Vocabulary(("side", "##step", "walk")), {(0, 1): "sidestep"})
    index.add(["a", "b"], ["", ""], np.array([[1, 1, 1], [1, 0, 1]], dtype=np.float32))
    asked = index.keywords.query("walk,-sidestep")
    hits = index.search(asked.weights_V, 5, asked.without, asked.together)
    assert [hit.name for hit in hits] == ["b"]


def test_what_is_saved_comes_back(index: LexicalIndex, tmp_path: Path) -> None:
    index.remove(["b"])
    index.save(tmp_path)
    again = LexicalIndex.load(tmp_path)
    assert again.places == {"a": 0, "c": 1}
    assert (again.vocabulary, again.joined, again.most_terms) == (index.vocabulary, index.joined, 3)
    assert found(again, run=1) == found(index, run=1) == ["a", "c"]
    again.add(["b"], [""], WEIGHTS[1:2])
    again.save(tmp_path)
    assert len(list(tmp_path.glob(POSTINGS.format("*")))) == 1
    assert found(LexicalIndex.load(tmp_path), jump=1) == found(again, jump=1) == ["c", "b"]


def test_a_save_that_is_cut_short_leaves_the_index_of_before(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    before = (tmp_path / ITEMS).read_bytes()
    index.remove(["a"])
    index.save(tmp_path / "other")
    (new,) = (tmp_path / "other").glob(POSTINGS.format("*"))
    new.rename(tmp_path / new.name)  # the postings are there, the items not yet
    assert (tmp_path / ITEMS).read_bytes() == before
    assert found(LexicalIndex.load(tmp_path), run=1) == ["a", "c"]


def test_a_reader_between_items_and_postings_gets_the_index_that_took_their_place(
    index: LexicalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.save(tmp_path)
    saves = iter((["a"], ["b"]))

    def read_while_others_save(path: Path, schema: pa.Schema, remedy: str) -> pa.Table:
        table = read_table(path, schema, remedy)
        if path.name == ITEMS and (names := next(saves, None)):
            index.remove(names)
            index.save(tmp_path)  # the postings of the table above are gone now
        return table

    monkeypatch.setattr(gallery, "read_table", read_while_others_save)
    assert list(LexicalIndex.load(tmp_path).places) == ["c"]


def test_nothing_is_lost_where_two_processes_add(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    command = [sys.executable, "-c", ADDS, str(tmp_path), str(ADDITIONS)]
    adding = [subprocess.Popen([*command, mark], stderr=subprocess.PIPE, text=True) for mark in "xy"]
    for process in adding:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
    expected = {*NAMES, *(f"{mark}{number}" for mark in "xy" for number in range(ADDITIONS))}
    assert set(LexicalIndex.load(tmp_path).places) == expected
    assert len(list(tmp_path.glob(POSTINGS.format("*")))) == 1


def test_what_fails_changes_no_index_and_makes_no_folder(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "here")
    before = (tmp_path / "here" / ITEMS).read_bytes()
    with pytest.raises(LampError, match="no 'd'"), LexicalIndex.changing(tmp_path / "here") as changed:
        changed.remove(["a"])
        changed.remove(["d"])
    assert (tmp_path / "here" / ITEMS).read_bytes() == before
    with pytest.raises(LampError, match="no lexical index"), LexicalIndex.changing(tmp_path / "not"):
        pass
    assert not (tmp_path / "not").exists()


def test_a_file_is_known_by_whatever_name_and_an_index_by_its_model(tmp_path: Path) -> None:
    index = LexicalIndex(Vocabulary(PIECES), {}, model="a1")
    index.add(["a", "b"], ["", ""], WEIGHTS[:2], ["/m/a.npy", None])
    more = LexicalIndex(Vocabulary(PIECES), {})
    more.add(["c"], [""], WEIGHTS[2:], ["/m/c.npy"])
    index.take(more)
    index.save(tmp_path)
    again = LexicalIndex.load(tmp_path)
    assert (again.model, again.files) == ("a1", ["/m/a.npy", None, "/m/c.npy"])
    assert found(again, run=1) == ["a", "c"]
    again.require_new({"d": "/m/d.npy"})
    with pytest.raises(LampError, match=r"the index has /m/a.npy already, as 'a'; `lamp index remove`"):
        again.require_new({"./a": "/m/a.npy"})
    with pytest.raises(LampError, match="the index has 'b' already"):
        again.require_new({"b": "/m/b.npy"})
    again.remove(["a"])
    again.require_new({"a": "/m/a.npy"})


def test_an_index_from_before_files_and_models_were_noted_is_read(
    index: LexicalIndex, tmp_path: Path
) -> None:
    index.save(tmp_path)
    table = pq.read_table(tmp_path / ITEMS)
    metadata = {key: value for key, value in table.schema.metadata.items() if key != b"model"}
    old = table.drop_columns("file").replace_schema_metadata(metadata)
    pq.write_table(old, tmp_path / ITEMS)
    again = LexicalIndex.load(tmp_path)
    assert (again.names, again.files, again.model) == (NAMES, [None] * 3, "")


def test_what_is_not_there_is_said(index: LexicalIndex, tmp_path: Path) -> None:
    with pytest.raises(LampError, match="no 'd'; `lamp index info --names` lists what it has"):
        index.remove(["a", "d"])
    assert len(index) == 3
    with pytest.raises(LampError, match="the index has 'a' already"):
        index.add(["a"], [""], WEIGHTS[:1])
    with pytest.raises(LampError, match="the index has 'e' already"):
        index.add(["e", "e"], ["", ""], WEIGHTS[:2])
    with pytest.raises(LampError, match="the query has no word"):
        index.search(query(), 3)
    index.remove(NAMES)
    with pytest.raises(LampError, match="the index is empty; `lamp index add` fills it"):
        index.search(query(run=1), 3)
    with pytest.raises(LampError, match=r"no lexical index in .*; `lamp index build` makes one"):
        LexicalIndex.load(tmp_path)


@pytest.mark.parametrize("damage", ["noise", "missing", "fewer", "outside", "changed"])
def test_damaged_postings_are_one_line_with_the_remedy(
    damage: str, index: LexicalIndex, tmp_path: Path
) -> None:
    index.save(tmp_path)
    (path,) = tmp_path.glob(POSTINGS.format("*"))
    table = pq.read_table(path)
    if damage == "noise":
        path.write_bytes(b"PAR1" + bytes(range(200)))
    elif damage == "missing":
        path.unlink()
    elif damage == "fewer":
        pq.write_table(table.slice(1), path)
    elif damage == "changed":
        weights = table["weight"].to_numpy() / np.float32(2)
        pq.write_table(table.set_column(2, table.schema.field("weight"), [weights]), path)
    else:
        items = table["item"].to_numpy() + 1
        pq.write_table(table.set_column(1, table.schema.field("item"), [items]), path)
    with pytest.raises(LampError, match="`lamp index build` makes it anew") as told:
        LexicalIndex.load(tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("weight", [-0.5, 0.0, float("nan"), float("inf")])
def test_weights_that_are_none_are_refused(weight: float, index: LexicalIndex, tmp_path: Path) -> None:
    rows = csr_array(WEIGHTS)
    rows.data[2] = weight
    index.sparse = SparseIndex(len(PIECES))
    index.sparse.add(rows)
    index.save(tmp_path)
    with pytest.raises(LampError, match=r"weights of words are above 0; `lamp index build` makes it anew"):
        LexicalIndex.load(tmp_path)
