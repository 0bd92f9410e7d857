"""Search by keywords and the index of words through the command line; none of it needs a model."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from lamp_core.errors import LampError
from lamp_core.indexes.dense_gallery import DenseGallery
from lamp_core.inference import dense
from lamp_core.inference import words as api
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.words import Vocabulary, WeightedWord
from lamp_core.retrieval.gallery import Hit
from tasks.project import GRAPH_FILE
from tests.flows.commands import run

NAMES = ["runner", "both", "jumper"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an index of three motions."""
    (tmp_path / GRAPH_FILE).write_text("stages: {}\n")
    index = LexicalIndex(Vocabulary(("[CLS]", "run", "runs", "jump")), {})
    weights = np.array([[0, 1, 2, 0], [0, 0, 1, 2], [0, 0, 0, 1]], dtype=np.float32)
    index.add(NAMES, ["a person runs", "", ""], weights)
    index.save(tmp_path / "data" / "lexical_index")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lamp(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


def rows(ended: Result) -> list[str]:
    assert ended.exception is None, ended.output
    return [line.split()[1] for line in ended.output.strip().splitlines()[1:]]


def test_keywords_find_motions_and_say_the_words(project: Path) -> None:
    found = lamp("search", "--keywords", "run,jump")
    assert set(rows(found)) == {"runner", "both", "jumper"}
    assert "runs" in found.output
    assert "%" in found.output
    assert rows(lamp("search", "--keywords", "run,-jump")) == ["runner"]
    assert rows(lamp("search", "--keywords", "run", "--top", "1")) == ["runner"]


def test_an_index_says_what_it_holds_and_lets_go(project: Path) -> None:
    shutil.copytree(project / "data" / "lexical_index", project / "own")
    assert "3 motions, 1.7 words a motion" in lamp("index", "info").output
    assert lamp("index", "info", "--names", "--index", "own").output.split("\n")[1:4] == NAMES
    assert "2 motions" in lamp("index", "remove", "both", "--index", "own").output
    assert lamp("index", "info", "--names", "--index", "own").output.split("\n")[1:3] == ["runner", "jumper"]
    assert rows(lamp("search", "--keywords", "jump", "--index", "own")) == ["jumper"]
    assert set(rows(lamp("search", "--keywords", "jump"))) == {"both", "jumper"}


@pytest.mark.parametrize("named", [(), ("--index", "data/lexical_index"), ("--index", "linked")])
@pytest.mark.parametrize("asked", [("remove", "both"), ("add", "walk.npy"), ("build", "motions")])
def test_the_index_of_the_test_split_is_its_stages_alone(
    asked: tuple[str, ...], named: tuple[str, ...], project: Path
) -> None:
    (project / "linked").symlink_to(project / "data" / "lexical_index")
    before = {path: path.read_bytes() for path in (project / "data" / "lexical_index").iterdir()}
    status, shown = run("index", *asked, *named)
    assert status == 2
    assert "name one of your own with --index INDEX" in shown or (asked[0] == "build" and not named)
    assert {path: path.read_bytes() for path in (project / "data" / "lexical_index").iterdir()} == before


def test_a_search_that_finds_nothing_says_so(project: Path) -> None:
    status, shown = run("search", "--keywords", "run,-run")
    assert (status, shown.strip()) == (0, "no motion of the index has these words")


def test_an_index_answers_by_what_it_is_made_of(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = DenseGallery("Some model", "a1")
    index.add(NAMES, ["", "", ""], np.eye(3, dtype=np.float32))
    index.save(project / "dense")
    assert "3 motions, vectors of 3 numbers by Some model" in lamp("index", "info", "--index", "dense").output
    found = [Hit(1, "jumper", "a person jumps", -0.5)]
    monkeypatch.setattr(dense, "search_dense", lambda data, text, top, folder: found[:top])
    assert rows(lamp("search", "a person jumps", "--index", "dense")) == ["jumper"]
    (project / "jump.npy").touch()
    for asked, told in (
        (("a person jumps", "--lexical"), "the index in dense is dense, which has no words"),
        (("--keywords", "jump"), "the index in dense is dense, which has no words"),
        (("--motion", "jump.npy"), "the index in dense is dense, and is searched by a text"),
    ):
        status, shown = run("search", *asked, "--index", "dense")
        assert (status, told in shown) == (2, True), shown
    assert "2 motions" in lamp("index", "remove", "both", "--index", "dense").output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("search",), "give a text, or a motion"),
        (("search", "a person runs", "--keywords", "run"), "give a text, or a motion"),
        (("search", "a person runs", "--index", "nope"), "no lexical index in nope; `lamp index build`"),
        (("search", "a", "--index", "data/lexical_index", "--model", "x"), "leave --model out"),
        (("search", "a person runs", "--index", "data/lexical_index"), "no trained model in"),
        (("search", "--keywords", "jmup"), "nearest known: jump"),
        (("search", "--keywords", "run", "--index", "nope"), "no lexical index in nope; `lamp index build`"),
        (("search", "a person runs", "--lexical"), "no trained model in .*lexical_contrast"),
        (("explain", "nope.npy"), "there is no file nope.npy"),
        (("explain", "nope.npy", "--cloud", "nope.png"), "nope.png: a cloud is written as .html"),
        (("index", "build", "nope", "-o", "out"), "there is no folder nope"),
        (("index", "remove", "nope", "--index", "own"), "no lexical index in own"),
        (("search", "a", "--lexical", "--model", "x"), "leave --model out"),
        (("search", "--keywords", "run", "--model", "x"), "leave --model out"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line(
    arguments: tuple[str, ...], told: str, project: Path
) -> None:
    ended = lamp(*arguments)
    assert isinstance(ended.exception, LampError)
    with pytest.raises(LampError, match=told):
        raise ended.exception


def test_a_motion_is_explained_as_bars_and_as_a_cloud(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [WeightedWord("jump", 1.9, (3,)), WeightedWord("run", 0.9, (1,))]
    monkeypatch.setattr(api, "explain", lambda data, file, top, gate: words[:top])
    (project / "hop.npy").touch()
    status, shown = run("explain", "hop.npy", "--cloud", "out/hop.html")
    assert status == 0 and "jump  1.90 █" in shown
    page = (project / "out" / "hop.html").read_text(encoding="utf-8")
    assert "hop.npy in words" in page and page.index(">jump<") < page.index(">run<")
