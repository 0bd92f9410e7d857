"""A check that fails, breaks, dies or hangs is said to, and the others run."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.card import command
from benchmarks.card.check import Form, State, Verdict
from benchmarks.card.supervisor import Limits, verdicts
from tests.benchmarks.card_checks import checks, good_checks, is_gone

SECONDS = 5
"""For a check; the start of its process does not count."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """Verdicts by the checks' names."""
    folder = tmp_path_factory.mktemp("card")
    given = list(verdicts(checks, Form("cpu", folder), folder / "log", Limits(600, SECONDS)))
    assert is_gone(folder / "passed")
    log = (folder / "log").read_text()
    assert "--- comes last" in log and "ValueError: a traceback" in log
    return {verdict.check: verdict for verdict in given}


@pytest.mark.parametrize(
    ("check", "state", "said"),
    [
        ("passes", "passed", "all is well"),
        ("still there", "passed", "the same process"),
        ("skips", "skipped", "no extra is here"),
        ("fails", "failed", "the loss is 2, and 1 beside it"),
        ("breaks", "failed", "ValueError: a traceback of two lines"),
        ("dies", "failed", "its process ended with status 7"),
        ("hangs", "failed", f"took longer than {SECONDS} s"),
        ("comes last", "passed", "another process"),
    ],
)
def test_every_check_gets_its_verdict(check: str, state: str, said: str, found: dict[str, Verdict]) -> None:
    assert (found[check].state, found[check].said) == (state, said)


def test_a_verdict_says_its_numbers_and_that_it_is_dry(found: dict[str, Verdict]) -> None:
    assert list(found) == [check.name for check in checks(Form("cpu", Path()))]
    assert found["passes"].numbers == {"difference": 0.25}
    assert found["passes"].line.startswith("passed   passes: all is well (dry: on the CPU)  ")


def test_what_has_no_time_left_is_skipped(tmp_path: Path) -> None:
    given = list(verdicts(good_checks, Form("cpu", tmp_path), tmp_path / "log", Limits(0, 20)))
    assert [each.state for each in given] == ["skipped", "skipped"]
    assert given[0].said == "the 0 s for all checks were over"


def test_a_failure_is_in_the_exit_status_the_file_and_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "card.json"
    assert command.main(["--device", "cpu", "--only", "fails", "--json", str(file)], checks) == 1
    written = json.loads(file.read_text())
    assert [(each["check"], each["state"]) for each in written["checks"]] == [("fails", "failed")]
    assert (written["device"], written["failed"]) == ("cpu", 1)
    assert f"0 passed, 1 failed, 0 skipped; {file}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("states", "status"),
    [(["passed", "skipped"], 0), (["failed", "passed"], 1), (["skipped"], 0), (["passed", "failed"], 1)],
)
def test_the_exit_status_says_whether_a_check_failed(
    states: list[State], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [Verdict(str(place), state, "so it is") for place, state in enumerate(states)]
    monkeypatch.setattr(command, "verdicts", lambda *arguments: iter(given))
    assert command.main(["--device", "cpu", "--json", str(tmp_path / "card.json")], checks) == status


def test_without_a_card_one_line_names_the_dry_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert command.main(["--json", str(tmp_path / "card.json")], checks) == 2
    assert capsys.readouterr().out == f"{command.NO_CARD}\n"
    assert "`make gpu-dry`" in command.NO_CARD
    assert not (tmp_path / "card.json").exists()
