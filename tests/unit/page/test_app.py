"""The server: whom it answers, what it hands out, how it says what cannot be done."""

import re
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lamp_core.page import app, uploads
from lamp_core.page.files import STATIC, static_file, theme
from lamp_core.page.workshop import Workshop


def test_only_this_machines_names_are_answered(page: TestClient) -> None:
    assert page.get("/api/page").status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        assert page.get("/api/page", headers={"host": host}).status_code == 400


def test_requests_of_other_pages_are_refused(page: TestClient) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        refused = page.post("/api/generate", json={"text": "a person walks"}, headers={"origin": origin})
        assert refused.status_code == 403 and origin in refused.json()["error"]
        assert "access-control-allow-origin" not in refused.headers


def test_every_answer_forbids_what_comes_from_elsewhere(page: TestClient) -> None:
    policy = page.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy and "http" not in policy


def test_the_page_loads_only_files_that_it_has() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in STATIC.iterdir()}
    asked = {name for text in texts.values() for name in re.findall(r'/static/([\w.]+)"', text)}
    asked |= {
        name for text in texts.values() for name in re.findall(r'(?:from|import\()\s*"\./([\w.]+)"', text)
    }
    assert {"main.js", "theme.css", "figure.js"} <= asked
    assert [name for name in sorted(asked) if static_file(name) is None] == []
    for name, text in texts.items():
        assert not re.search(r"https?://(?!www\.w3\.org)", text), name


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "app.py", "none.js"])
def test_other_files_are_not_handed_out(page: TestClient, name: str) -> None:
    assert page.get(f"/static/{name}").status_code == 404


def test_the_dark_theme_can_be_chosen() -> None:
    colours = re.findall(r"--page: (#\w+)", theme())
    assert len(set(colours)) == 2 and len(colours) == 3
    assert ':root[data-theme="dark"]' in theme()


def test_a_file_that_is_too_large_is_refused(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_BYTES", 2**20)
    refused = page.post("/api/motions?name=walk.npy", content=b"0" * (2**20 + 1))
    assert refused.status_code == 400 and "larger than 1 MiB" in refused.json()["error"]
    assert uploads.MOST_BYTES >= 2**24


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"text": " "}, "the text is empty"),
        ({"text": "walk", "seed": -1}, "seed: "),
        ({"text": "walk", "sead": 1}, "sead: "),
        ({"text": "walk", "seconds": 500}, "cannot be generated"),
        ({"text": "walk", "model": "none"}, "no trained model 'none'"),
        ({"text": "walk", "count": 1000}, "count: "),
        ({}, "text: "),
    ],
)
def test_what_cannot_be_done_is_one_line(page: TestClient, asked: dict[str, object], said: str) -> None:
    answer = page.post("/api/generate", json=asked)
    assert answer.status_code in {400, 422}
    assert said in answer.json()["error"] and "\n" not in answer.json()["error"]


def test_a_missing_model_says_which_stage_to_run(tmp_path: Path, small_data: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "features").symlink_to(small_data / "features")
    empty = Workshop(data, tmp_path / "answers.jsonl")
    page = TestClient(app.page_app(empty), base_url="http://localhost")
    state = page.get("/api/page").json()
    assert "lamp run --until t2m" in state["panels"][0]["missing"]
    assert "lamp run --until t2m" in page.post("/api/generate", json={"text": "walk"}).json()["error"]
    (data / "features").unlink()
    assert "lamp run --until features" in page.get("/api/page").json()["fault"]
    empty.shelf.close()


def test_one_request_at_a_time_works_at_the_models(workshop: Workshop) -> None:
    inside, most = [], 0
    entered = threading.Barrier(4)

    def ask() -> None:
        nonlocal most
        entered.wait(timeout=60)
        for _ in range(200):
            with workshop.turn():
                inside.append(1)
                most = max(most, len(inside))
                inside.pop()

    users = [threading.Thread(target=ask) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join(timeout=60)
    assert most == 1
