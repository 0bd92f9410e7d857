"""Panels Edit, Describe, Search and Gallery, and the files that are dropped on them."""

import io
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lamp_core.exports.amass import save_amass
from lamp_core.page.app import page_app
from lamp_core.page.workshop import Workshop
from lamp_core.skeleton.bvh_writer import write_bvh
from tests.e2e.page_server import write_index


@pytest.fixture
def clip(workshop: Workshop) -> str:
    """Key of a clip that is long enough to be edited."""
    clips = workshop.clips
    longest = int(np.argmax(clips.frames))
    return f"clip:{clips.names[longest]}"


def sent(page: TestClient, file: Path, **form: object) -> dict[str, object]:
    query = {"name": file.name, **form}
    return dict(page.post("/api/motions", params=query, content=file.read_bytes()).json())


def test_a_span_is_made_anew_and_the_rest_stays(page: TestClient, workshop: Workshop, clip: str) -> None:
    asked = {"motion": clip, "start": 1.0, "end": 2.0, "text": "a person jumps", "seed": 1, "count": 2}
    answer = page.post("/api/edit", json=asked).json()
    assert answer["made"] == [1.0, 2.0] and len(answer["motions"]) == 2
    given = workshop.shelf.get(clip).features_TD
    new = workshop.shelf.get(answer["motions"][0]["key"]).features_TD
    assert given is not None and new is not None
    assert np.array_equal(new[:20], given[:20]) and not np.array_equal(new[20:40], given[20:40])
    assert [answer["given"]["title"], answer["motions"][1]["title"]] == ["old", "new 2"]


@pytest.mark.parametrize("anew", ["after", "before"])
def test_what_comes_next_and_what_came_before(page: TestClient, clip: str, anew: str) -> None:
    answer = page.post("/api/edit", json={"motion": clip, "anew": anew, "seconds": 1.0}).json()
    (motion,) = answer["motions"]
    assert motion["made"][1] - motion["made"][0] == pytest.approx(1.0)
    longer = motion["seconds"] if anew == "before" else motion["seconds"] - 1.0
    assert answer["given"]["seconds"] == pytest.approx(longer, abs=0.1)


def test_a_span_outside_of_the_motion_is_said(page: TestClient, clip: str) -> None:
    answer = page.post("/api/edit", json={"motion": clip, "start": 100, "end": 101})
    assert answer.status_code == 400 and "no stretch of the motion" in answer.json()["error"]


def test_a_motion_is_described_whole_and_in_windows(page: TestClient, clip: str) -> None:
    whole = page.post("/api/describe", json={"motion": clip}).json()
    assert len(whole["captions"]) == 1 and whole["captions"][0]["start"] == 0
    assert whole["attention"] is None or whole["attention"].startswith("<svg")
    assert len(whole["neighbours"]) == 6
    assert "lamp run --until lexical_contrast" in whole["missing"][0]
    parts = page.post("/api/describe", json={"motion": clip, "windows": 1.0}).json()
    assert len(parts["captions"]) > 2 and parts["attention"] is None
    times = [each["start"] for each in parts["captions"]]
    assert times == sorted(times)


def test_a_motion_without_a_model_of_captions_has_its_words_or_neighbours(
    small_data: Path, tmp_path: Path, clip: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for stage in ("features", "tokenizer", "pretrain", "retrieval"):
        (data / stage).symlink_to(small_data / stage)
    workshop = Workshop(data, tmp_path / "answers.jsonl")
    page = TestClient(page_app(workshop), base_url="http://127.0.0.1", raise_server_exceptions=False)
    panels = {panel["name"]: panel["missing"] for panel in page.get("/api/page").json()["panels"]}
    assert panels["describe"] == "" and "lamp run --until t2m" in panels["edit"]
    answer = page.post("/api/describe", json={"motion": clip}).json()
    assert answer["captions"] == [] and answer["attention"] is None and len(answer["neighbours"]) == 6
    assert "lamp run --until m2t" in answer["missing"][0]
    refused = page.post("/api/describe", json={"motion": clip, "model": "LaMP-M2T"})
    assert refused.status_code == 400 and "lamp run --until m2t" in refused.json()["error"]
    (data / "retrieval").unlink()
    (data / "pretrain").unlink()
    nothing = {panel["name"]: panel["missing"] for panel in page.get("/api/page").json()["panels"]}
    assert "lamp run --until m2t" in nothing["describe"]
    workshop.shelf.close()


def test_a_dropped_file_is_read_through_the_gate(
    page: TestClient, workshop: Workshop, tmp_path: Path
) -> None:
    motion = workshop.shelf.get(f"clip:{workshop.clips.names[1]}")
    write_bvh(tmp_path / "wave.bvh", motion.joints_TJ3, motion.skeleton, motion.rate)
    np.save(tmp_path / "wave.npy", motion.joints_TJ3)
    np.save(tmp_path / "cm.npy", motion.joints_TJ3 * 100)
    save_amass(tmp_path / "wave.npz", motion.joints_TJ3, motion.skeleton, motion.rate)
    for name, form in (("wave.bvh", {}), ("wave.npy", {}), ("cm.npy", {"unit": "cm"}), ("wave.npz", {})):
        answer = sent(page, tmp_path / name, **form)
        taken = answer["motion"]
        assert isinstance(taken, dict), answer
        held = workshop.shelf.get(taken["key"])
        assert held.title == name and len(taken["tokens"]) == len(held.joints_TJ3) // 4
        frames = min(len(held.joints_TJ3), len(motion.joints_TJ3))
        away = np.linalg.norm(held.joints_TJ3[:frames] - motion.joints_TJ3[:frames], axis=-1)
        assert np.median(away) < (0.06 if name == "wave.npz" else 0.01), name
    refused = sent(page, tmp_path / "cm.npy")["error"]
    assert "--unit" in str(refused) and str(tmp_path) not in str(refused)


@pytest.mark.parametrize(
    ("name", "content", "form", "said"),
    [
        ("walk.txt", b"walk", {}, "unknown ending '.txt'"),
        ("bad.bvh", b"no hierarchy", {}, "bad.bvh"),
        ("bad.npy", b"\x93NUMPY", {}, "bad.npy"),
        ("bad.npz", b"PK", {}, "bad.npz"),
        ("../../etc/bad.npy", b"", {}, "bad.npy"),
        ("..", b"", {}, "no name of a file"),
        ("ü" * 200 + ".npy", b"", {}, "has more than 255 bytes"),
        ("a.npy", b"", {"unit": "mile"}, "unknown unit 'mile'"),
        ("a.bvh", b"", {"map": "none"}, "none"),
        ("a.npy", b"", {"fps": -1}, "frames a second"),
    ],
)
def test_a_bad_file_is_one_line(
    page: TestClient, name: str, content: bytes, form: dict[str, object], said: str
) -> None:
    answer = page.post("/api/motions", params={"name": name, **form}, content=content)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert said in error and "\n" not in error and "lamp-page-" not in error


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mocap_framerate": None}, "mocap_framerate"),
        ({"poses": None}, "it lacks poses"),
        ({"poses": np.full((20, 156), np.nan)}, "not finite"),
        ({"poses": np.zeros((20, 7))}, "poses have 7 numbers"),
        ({"trans": np.zeros((3, 3))}, "trans (3, 3)"),
        ({"mocap_framerate": np.array("fast")}, "is no number"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, "a.npz"),
    ],
)
def test_an_amass_file_that_is_none_is_said(
    page: TestClient, changes: dict[str, np.ndarray | None], said: str
) -> None:
    sound = {"poses": np.zeros((20, 156)), "trans": np.zeros((20, 3)), "betas": np.zeros(10)}
    sound["mocap_framerate"] = np.array(60.0)
    arrays = {name: value for name, value in {**sound, **changes}.items() if value is not None}
    file = io.BytesIO()
    np.savez(file, **arrays)
    answer = page.post("/api/motions", params={"name": "a.npz"}, content=file.getvalue())
    assert answer.status_code == 400 and said in answer.json()["error"]


def test_amass_files_of_every_dialect_give_the_same_motion(page: TestClient, workshop: Workshop) -> None:
    draws = np.random.default_rng(0)
    poses, trans = draws.normal(0, 0.05, (40, 156)), np.cumsum(draws.normal(0, 0.005, (40, 3)), axis=0)
    trans[:, 2] += 1.0  # Z up
    usual = {"poses": poses, "trans": trans, "betas": np.zeros(10), "mocap_framerate": np.array(20.0)}
    later = {key: value for key, value in usual.items() if key != "mocap_framerate"}
    found = []
    for arrays in (
        usual,
        {**usual, "poses": poses.reshape(40, 52, 3), "trans": trans[:, None], "betas": np.zeros((1, 16))},
        {**later, "mocap_frame_rate": np.array("20")},
        {**usual, "poses": np.hstack((poses[:, :66], np.zeros((40, 9)), poses[:, 66:]))},  # SMPL-X: jaw, eyes
    ):
        file = io.BytesIO()
        np.savez(file, **arrays)
        asked = {"name": "a.npz", "force": True}
        answer = page.post("/api/motions", params=asked, content=file.getvalue()).json()
        found.append(workshop.shelf.get(answer["motion"]["key"]).joints_TJ3)
    for joints_TJ3 in found[1:]:
        np.testing.assert_allclose(joints_TJ3, found[0], atol=1e-5)


def test_clips_are_found_by_text_by_motion_and_by_keywords(
    page: TestClient, workshop: Workshop, clip: str
) -> None:
    hits = page.post("/api/search", json={"text": "someone walks", "top": 5}).json()["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5] and all(hit["is_clip"] for hit in hits)
    few = workshop.clips.splits.count("test")
    assert len(page.post("/api/search", json={"motion": clip}).json()["hits"]) == min(12, few)
    missing = page.post("/api/search", json={"keywords": "jump"}).json()["error"]
    assert "no lexical index" in missing
    write_index(workshop.data)
    try:
        found = page.post("/api/search", json={"keywords": "jump"}).json()["hits"]
    finally:
        for file in (workshop.data / "lexical_index").iterdir():
            file.unlink()
        (workshop.data / "lexical_index").rmdir()
    assert found and all("jump" in hit["clip"] and hit["words"][0][0] == "jump" for hit in found)


def test_a_search_for_nothing_is_said(page: TestClient) -> None:
    for asked in ({}, {"text": "walk", "keywords": "walk"}):
        assert "give a text, keywords or a motion" in page.post("/api/search", json=asked).json()["error"]
    assert "the text is empty" in page.post("/api/search", json={"text": " "}).json()["error"]


def test_the_gallery_lists_every_clip_of_any_set(workshop: Workshop, page: TestClient) -> None:
    workshop.shelf._sets = lambda: {"other": workshop.data / "features"}
    own = page.post("/api/gallery", json={}).json()
    assert len(own["clips"]) == 110 and own["set"] == "procedural"
    name, split, seconds, caption, action = own["clips"][0]
    assert split in {"train", "val", "test"} and seconds > 0 and caption and action in name
    other = page.post("/api/gallery", json={"set": "other"}).json()
    assert other["prefix"] == "set:other/"
    key = f"{other['prefix']}{name}"
    motion = page.get(f"/api/motions/{quote(key, safe='')}").json()["motion"]
    assert motion["title"] == name and motion["seconds"] == pytest.approx(seconds, abs=0.051)
    written = page.get(f"/api/exports/{quote(key, safe='')}/walk.npy")
    assert np.load(io.BytesIO(written.content)).shape[1:] == (22, 3)
    unknown = page.post("/api/gallery", json={"set": "none"}).json()["error"]
    assert "lamp data describe none" in unknown
