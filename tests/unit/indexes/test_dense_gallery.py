from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.errors import LampError
from lamp_core.indexes.dense_gallery import DenseGallery
from lamp_core.indexes.named_motions import DENSE
from lamp_core.lexical.gallery import LexicalIndex

NAMES = ["a", "b", "c"]
VECTORS = np.array([[[1, 0], [0, 0]], [[0, -1], [0, -1]], [[0, 0], [0, 2]]], dtype=np.float32)
"""Two vectors a motion."""
QUERY = np.array([[0, 1]], dtype=np.float32)


def best_of_two(text: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (vectors @ text[0]).max(axis=1)


@pytest.fixture
def index() -> DenseGallery:
    made = DenseGallery("Some model", "a1")
    made.add(NAMES, ["", "", "hops"], VECTORS, ["/m/a.npy", None, None])
    return made


def found(index: DenseGallery, top: int = 10) -> list[tuple[str, float]]:
    return [(hit.clip, hit.score) for hit in index.search(QUERY, top, best_of_two)]


def test_motions_are_ranked_by_what_the_model_says(index: DenseGallery) -> None:
    assert found(index) == [("c", 2), ("a", 0), ("b", -1)]
    assert found(index, 1) == [("c", 2)]
    assert [hit.caption for hit in index.search(QUERY, 1, best_of_two)] == ["hops"]
    assert index.described() == "vectors of 2 x 2 numbers by Some model"


def test_what_is_saved_comes_back_and_changes_without_a_rebuild(index: DenseGallery, tmp_path: Path) -> None:
    index.save(tmp_path)
    more = index.empty()
    more.add(["d"], [""], np.full((1, 2, 2), 3, dtype=np.float32), ["/m/d.npy"])
    with DenseGallery.changing(tmp_path) as changed:
        changed.remove(["a"])
        changed.take(more)
    again = DenseGallery.load(tmp_path)
    assert (again.model, again.weights, again.files) == ("Some model", "a1", [None, None, "/m/d.npy"])
    assert found(again) == [("d", 3), ("c", 2), ("b", -1)]
    with pytest.raises(LampError, match=r"the index has /m/d.npy already, as 'd'; `lamp index remove`"):
        again.require_new({"e": "/m/d.npy"})
    again.remove(["b", "c", "d"])
    again.save(tmp_path)
    empty = DenseGallery.load(tmp_path)
    assert len(empty) == 0
    with pytest.raises(LampError, match="the index is empty; `lamp index add` fills it"):
        found(empty)
    empty.add(["a"], [""], VECTORS[:1])
    assert found(empty) == [("a", 0)]


def test_a_model_is_given_vectors_that_it_may_write_to(index: DenseGallery, tmp_path: Path) -> None:
    """Torch takes read-only arrays, as those of a file are, with a warning on the user's terminal."""
    index.save(tmp_path)
    written: list[bool] = []

    def similarity(text: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        written.append(vectors.flags.writeable)
        return best_of_two(text, vectors)

    DenseGallery.load(tmp_path).search(QUERY, 1, similarity)
    assert written == [True]


def test_what_is_not_there_or_does_not_fit_is_said(index: DenseGallery, tmp_path: Path) -> None:
    with pytest.raises(LampError, match="the index has no 'd'; `lamp index info --names`"):
        index.remove(["a", "d"])
    with pytest.raises(LampError, match="vectors of 3 do not fit an index of 2 x 2"):
        index.add(["d"], [""], np.zeros((1, 3), dtype=np.float32))
    assert len(index) == len(index.names) == 3
    with pytest.raises(LampError, match=r"no dense index in .*; `lamp index build --dense` makes one"):
        DenseGallery.load(tmp_path)
    index.save(tmp_path)
    with pytest.raises(LampError, match="is dense, which has no words; search it by a text alone"):
        LexicalIndex.load(tmp_path)


@pytest.mark.parametrize("damage", ["noise", "narrower", "not finite", "metadata"])
def test_a_damaged_file_is_one_line_with_the_remedy(damage: str, index: DenseGallery, tmp_path: Path) -> None:
    index.save(tmp_path)
    path = tmp_path / DENSE
    table = pq.read_table(path)
    if damage == "noise":
        path.write_bytes(b"PAR1" + bytes(range(200)))
    elif damage == "metadata":
        pq.write_table(table.replace_schema_metadata({}), path)
    else:
        rows = [[1.0] * 3] * 3 if damage == "narrower" else [[1.0, 2.0, 3.0, float("nan")]] * 3
        vectors = pa.array(rows, type=pa.list_(pa.float32()))
        pq.write_table(table.set_column(3, table.schema.field("vector"), vectors), path)
    with pytest.raises(LampError, match="`lamp index build --dense` makes it anew") as told:
        DenseGallery.load(tmp_path)
    assert "\n" not in str(told.value)
