"""Search by keywords and the index of words through the command line; none of it needs a model."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from lamp_core.errors import LampError
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.words import Vocabulary
from tasks.project import GRAPH_FILE


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an index of three motions."""
    (tmp_path / GRAPH_FILE).write_text("stages: {}\n")
    index = LexicalIndex(Vocabulary(("[CLS]", "run", "runs", "jump")), {})
    weights = np.array([[0, 1, 2, 0], [0, 0, 1, 2], [0, 0, 0, 1]], dtype=np.float32)
    index.add(["runner", "both", "jumper"], ["a person runs", "", ""], weights)
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
    assert "3 motions, 1.7 words a motion" in lamp("index", "info").output
    assert "2 motions" in lamp("index", "remove", "both").output
    assert rows(lamp("search", "--keywords", "jump")) == ["jumper"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("search",), "give a text, or a motion"),
        (("search", "a person runs", "--keywords", "run"), "give a text, or a motion"),
        (("search", "a person runs", "--index", "nope"), "an index is searched with --lexical or --keywords"),
        (("search", "--keywords", "jmup"), "nearest known: jump"),
        (("search", "--keywords", "run", "--index", "nope"), "no lexical index in nope; `lamp index build`"),
        (("search", "a person runs", "--lexical"), "no trained model in .*lexical_contrast"),
        (("explain", "nope.npy"), "there is no file nope.npy"),
        (("index", "build", "nope", "-o", "out"), "there is no folder nope"),
        (("index", "remove", "nope"), "the index has no 'nope'"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line(
    arguments: tuple[str, ...], told: str, project: Path
) -> None:
    ended = lamp(*arguments)
    assert isinstance(ended.exception, LampError)
    with pytest.raises(LampError, match=told):
        raise ended.exception
