"""Panel Compare: makers beside the truth, blind answers and their intervals."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lamp_core.page import compare
from lamp_core.page.study import TRUTH, Trial, counts, keep_answer, wilson
from lamp_core.page.workshop import Workshop

MAKERS = [{}, {"guidance": 1.0}]
NAMES = ["this project", "this project, guidance 1"]


def test_makers_stand_beside_the_truth(page: TestClient, workshop: Workshop) -> None:
    answer = page.post("/api/compare", json={"makers": MAKERS, "seed": 4}).json()
    assert [motion["title"] for motion in answer["motions"]] == [TRUTH, *NAMES]
    place = workshop.clips.place(answer["clip"])
    assert workshop.clips.splits[place] == "test"
    assert answer["caption"] == workshop.clips.captions[place][0].text
    assert page.post("/api/compare", json={"makers": MAKERS, "seed": 4}).json()["clip"] == answer["clip"]


def test_what_is_compared_with_another_run_comes_from_its_folder(
    workshop: Workshop, page: TestClient, tmp_path: Path
) -> None:
    workshop.others = {"older": workshop.data}
    asked = {"makers": [{}, {"run": "older"}], "seed": 4}
    own, other = page.post("/api/compare", json=asked).json()["motions"][1:]
    assert other["title"] == "older" and own["data"]["positions"] == other["data"]["positions"]
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    for stage in ("t2m", "tokenizer", "pretrain", "length"):
        (fetched / stage).symlink_to(workshop.data / stage)
    workshop.others = {"older": fetched}
    again = page.post("/api/compare", json=asked).json()["motions"][2]
    assert again["data"]["positions"] == other["data"]["positions"]
    unknown = page.post("/api/compare", json={"makers": [{"run": "none"}]}).json()["error"]
    assert "known: older" in unknown


def test_a_blind_comparison_tells_nothing_before_the_answer(page: TestClient, workshop: Workshop) -> None:
    blind = page.post("/api/compare", json={"makers": MAKERS, "seed": 4, "blind": True}).json()
    assert [motion["title"] for motion in blind["motions"]] == ["A", "B", "C"]
    assert blind["clip"] is None and not any(name in json.dumps(blind) for name in (*NAMES, TRUTH))
    assert len({motion["seconds"] for motion in blind["motions"]}) == 1
    assert not any(motion["tokens"] for motion in blind["motions"])
    said = {"trial": blind["trial"], "better": "B", "truth": "A"}
    revealed = page.post("/api/answers", json=said).json()
    assert sorted(revealed["shown"].values()) == sorted([TRUTH, *NAMES])
    (line,) = map(json.loads, workshop.answers.read_text(encoding="utf-8").splitlines())
    assert line["better"] == revealed["shown"]["B"] and line["truth"] == revealed["shown"]["A"]
    assert line["clip"] == revealed["clip"] and line["seed"] == 4
    assert "answered" in page.post("/api/answers", json=said).json()["error"]


def test_the_order_of_a_blind_comparison_is_drawn(page: TestClient, workshop: Workshop) -> None:
    for _ in range(12):
        page.post("/api/compare", json={"makers": [{}], "seed": 4, "blind": True})
    assert len({tuple(trial.shown.values()) for trial in workshop.trials.values()}) == 2


def test_answers_that_make_no_sense_are_said(page: TestClient) -> None:
    asked = {"makers": [{}, {"guidance": 1}], "with_truth": False, "blind": True}
    trial = page.post("/api/compare", json=asked).json()["trial"]
    unknown = page.post("/api/answers", json={"trial": trial, "better": "X"}).json()["error"]
    assert "it has A, B" in unknown
    truth = page.post("/api/answers", json={"trial": trial, "truth": "A"}).json()["error"]
    assert "the truth is not among" in truth
    same = page.post("/api/compare", json={"makers": [{}, {}]}).json()["error"]
    assert "two makers are the same" in same


def test_answers_are_counted_by_maker_by_pair_and_for_the_truth(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    trial = Trial("walks", "walk_1", "procedural", 0, {"A": "new", "B": "old", "C": TRUTH})
    for better, truth in (("A", "C"), ("A", "A"), ("B", None), (None, "C")):
        keep_answer(file, trial, better, truth)
    with file.open("a") as damaged:
        damaged.write('{"better": "A"\n[]\n')
    found = counts(file)
    assert {share.name: (share.wins, share.answers) for share in found["better"]} == {
        "new": (2, 3),
        "old": (1, 3),
        TRUTH: (0, 3),
    }
    assert {share.name: (share.wins, share.answers) for share in found["pairs"]} == {
        "new over old": (2, 3),
        "new over truth": (2, 2),
        "old over truth": (1, 1),
    }
    (share,) = found["truth"]
    assert (share.wins, share.answers) == (2, 3)


def test_an_answer_that_was_cut_off_costs_itself_alone(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    trial = Trial("walks", "walk_1", "procedural", 0, {"A": "new", "B": "old"})
    keep_answer(file, trial, "A", None)
    file.write_bytes(file.read_bytes() + b'{"time": "2026-01-01", "cap')  # the disk was full
    keep_answer(file, trial, "B", None)
    with file.open("ab") as damaged:
        damaged.write(b'\xff\xfe\n{"shown": {"A": []}, "better": "new", "truth": null}\n')
    assert {share.name: share.wins for share in counts(file)["better"]} == {"new": 1, "old": 1}


def test_only_so_many_comparisons_wait_for_an_answer(
    page: TestClient, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "MOST_OPEN", 1)
    asked = {"makers": [{}], "seed": 4, "blind": True}
    first, second = (page.post("/api/compare", json=asked).json()["trial"] for _ in range(2))
    assert list(workshop.trials) == [second]
    assert "draw another" in page.post("/api/answers", json={"trial": first}).json()["error"]


@pytest.mark.parametrize(("wins", "answers"), [(0, 1), (1, 1), (7, 10), (0, 40), (500, 1000)])
def test_the_interval_is_wilsons(wins: int, answers: int) -> None:
    # The shares p for which |wins / answers - p| is just 1.96 standard errors of p.
    low, high = wilson(wins, answers)
    assert 0 <= low <= wins / answers <= high <= 1
    for edge in (low, high):
        assert abs(wins / answers - edge) == pytest.approx(
            1.959964 * (edge * (1 - edge) / answers) ** 0.5, abs=1e-6
        )


def test_no_answer_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
