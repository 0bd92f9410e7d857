"""What is read once and again when its files change."""

from pathlib import Path

import pytest

from lamp_core.errors import LampError
from lamp_core.io import kept as module
from lamp_core.io.kept import kept


def test_it_is_read_once_until_a_file_changes(tmp_path: Path) -> None:
    file, key = tmp_path / "a", ("test", tmp_path)
    file.write_text("one")
    reads: list[str] = []

    def ask() -> str:
        return kept(key, [tmp_path, tmp_path / "none"], lambda: reads.append("") or file.read_text())

    assert [ask(), ask()] == ["one", "one"] and len(reads) == 1
    file.write_text("three")
    assert ask() == "three"
    (tmp_path / "b").write_text("")
    ask()
    assert len(reads) == 3


def test_what_cannot_be_read_is_not_kept(tmp_path: Path) -> None:
    def fail() -> str:
        raise LampError("no")

    with pytest.raises(LampError):
        kept(("test", tmp_path), [tmp_path], fail)
    assert kept(("test", tmp_path), [tmp_path], lambda: "read") == "read"


def test_the_oldest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    reads = []
    for name in ("a", "b", "a", "c", "a", "b"):
        kept(("test", tmp_path, name), [tmp_path], lambda name=name: reads.append(name))
    assert reads == ["a", "b", "c", "b"]
