"""The published caption form, and what is made of files that do not keep to it."""

from pathlib import Path

import pytest

from lamp_core.datasets.captions import Caption
from lamp_core.datasets.preprocessing.caption_files import (
    parse_caption_line,
    read_caption_file,
)
from lamp_core.errors import RejectedClip


def test_line_gives_text_words_tags_and_span() -> None:
    caption = parse_caption_line("A man walks.#a/DET man/NOUN walk/VERB#1.5#4.0")
    assert caption == Caption("A man walks.", ("a", "man", "walk"), ("DET", "NOUN", "VERB"), 1.5, 4.0)
    assert not caption.is_whole_clip


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        ("go #3 times#go/VERB #3/NUM time/NOUN#0.0#0.0", "go #3 times", ("go", "#3", "time")),
        ("turn # around#turn/VERB around/ADV#0#0", "turn # around", ("turn", "around")),
        ("his/her hand#his/her/DET hand/NOUN#0#0", "his/her hand", ("his/her", "hand")),
    ],
)
def test_hash_and_slash_in_strange_places(line: str, text: str, words: tuple[str, ...]) -> None:
    caption = parse_caption_line(line)
    assert caption is not None
    assert (caption.text, caption.words) == (text, words)


@pytest.mark.parametrize(
    "line",
    [
        "no span#a#b",
        "#walk/VERB#0.0#0.0",
        "no tag#walk#0.0#0.0",
        "no time#walk/VERB#soon#later",
        "negative#walk/VERB#-1.0#1.0",
        "two readings#a/DET#b/NOUN#0.0#0.0",
    ],
)
def test_line_that_does_not_parse(line: str) -> None:
    assert parse_caption_line(line) is None


def test_nan_time_means_whole_clip() -> None:
    caption = parse_caption_line("walks#walk/VERB#nan#nan")
    assert caption is not None
    assert caption.is_whole_clip


def test_file_skips_and_counts_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    path.write_text(
        "walks#walk/VERB#0#0\n\nbroken#line#soon#later\nruns#run/VERB#0#0\n", encoding="utf-8-sig"
    )
    captions, skipped = read_caption_file(path)
    assert [caption.text for caption in captions] == ["walks", "runs"]
    assert skipped == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "caption-missing"),
        (b"", "caption-empty"),
        (b"\n  \n", "caption-empty"),
        (b"no form#walk#soon#later", "caption-unreadable"),
        (b"\xff\xfe\xfa walks#walk/VERB#0#0", "caption-unreadable"),
    ],
)
def test_file_that_gives_no_caption(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "clip.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RejectedClip) as rejected:
        read_caption_file(path)
    assert rejected.value.reason == reason
    assert "clip.txt" in rejected.value.detail
