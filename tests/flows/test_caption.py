"""``lamp caption``: what it prints, and what it says of files that have no caption."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.commands import caption as command
from lamp_core.datasets.motion_file import Gate
from lamp_core.inference.caption import CaptionedFile, Window
from lamp_core.m2t.decoding import Search
from tests.toy import Toy

WALK = CaptionedFile(Path("walk.npy"), (Window(0.0, 2.0, ("a person walks",)),))
LONG = CaptionedFile(
    Path("long.bvh"), (Window(0.0, 4.25, ("a person runs",)), Window(4.25, 8.0, ("someone “stops”",)))
)
BROKEN = CaptionedFile(Path("broken.npy"), fault="broken.npy has 3 feature frames; a motion needs at least 4")

Caption = Callable[..., dict[str, Any]]


@pytest.fixture
def caption(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Caption:
    """Run the command on what the models would have found; return what it asked the models for."""

    def run(*found: CaptionedFile, **options: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def caption_files(data: Path, paths: list[Path], *how: Any) -> list[CaptionedFile]:
            asked.update(
                zip(
                    ("data", "paths", "search", "count", "windows", "model", "gate"),
                    (data, paths, *how),
                    strict=True,
                )
            )
            return list(found)

        monkeypatch.setattr("lamp_core.inference.caption.caption_files", caption_files)
        usual: dict[str, Any] = {"as_json": False, "windows": None, "nucleus": False, "top_p": None}
        command.caption(**{"files": [each.path for each in found], **usual, "seed": 0, "count": 1} | options)
        return asked

    return run


def test_one_motion_is_one_line(caption: Caption, toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    asked = caption(WALK)
    assert capsys.readouterr().out == "a person walks\n"
    assert asked == {
        "data": toy.project.data,
        "paths": [Path("walk.npy")],
        "search": None,
        "count": 1,
        "windows": None,
        "model": None,
        "gate": Gate(),
    }


def test_several_motions_are_named_and_windows_have_times(
    caption: Caption, capsys: pytest.CaptureFixture[str]
) -> None:
    caption(WALK, LONG)
    assert capsys.readouterr().out.splitlines() == [
        "walk.npy: a person walks",
        "long.bvh: 0.0 to 4.2 s: a person runs",
        "long.bvh: 4.2 to 8.0 s: someone “stops”",
    ]
    caption(LONG, windows=4.25)
    assert capsys.readouterr().out.startswith("0.0 to 4.2 s: a person runs\n")


@pytest.mark.parametrize(
    ("options", "search"),
    [
        ({}, None),
        ({"seed": 3}, None),
        ({"nucleus": True, "seed": 3}, Search("nucleus", seed=3)),
        ({"top_p": 0.5}, Search("nucleus", top_p=0.5)),
        ({"count": 2}, Search("nucleus")),
    ],
)
def test_words_are_drawn_when_that_is_asked_for(
    caption: Caption, options: dict[str, Any], search: Search | None
) -> None:
    assert caption(WALK, **options)["search"] == search


def test_a_file_without_a_caption_is_said_and_the_status_is_2(
    caption: Caption, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        caption(WALK, BROKEN, LONG)
    printed = capsys.readouterr()
    assert ended.value.exit_code == 2
    assert len(printed.out.splitlines()) == 3
    assert printed.err.splitlines() == [f"error: {BROKEN.fault}", "1 of 3 files have no caption"]
    with pytest.raises(typer.Exit):
        caption(BROKEN)
    assert capsys.readouterr().err.splitlines() == [f"error: {BROKEN.fault}"]


def test_json_has_one_form_for_all_files(caption: Caption, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        caption(LONG, BROKEN, as_json=True)
    long, broken = json.loads(capsys.readouterr().out)
    assert long == {
        "file": "long.bvh",
        "windows": [
            {"start": 0.0, "end": 4.25, "captions": ["a person runs"]},
            {"start": 4.25, "end": 8.0, "captions": ["someone “stops”"]},
        ],
        "error": None,
    }
    assert broken == {"file": "broken.npy", "windows": [], "error": BROKEN.fault}
