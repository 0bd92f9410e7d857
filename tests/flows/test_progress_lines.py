import pytest

from flows.progress_lines import said_progress


def test_a_line_says_how_much_is_done_and_what_time_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    say = said_progress("motions", seconds=0)
    say(64, 1280, "")
    told = capsys.readouterr().err
    assert told.startswith("motions: 64/1,280  ")
    assert told.strip().endswith(" left")
    say(1280, 1280, "")
    said_progress("motions")(1, 2, "")
    assert capsys.readouterr().err == ""
