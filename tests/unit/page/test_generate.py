"""Panel Generate, and the models that it holds."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from safetensors.torch import load_file, save_file

from lamp_core.page import app, exports
from lamp_core.page.exports import export_endings
from lamp_core.page.workshop import Workshop

WALK = {"text": "a person walks forward", "seconds": 2.0, "seed": 3, "count": 2}


def test_motions_of_a_text_come_with_their_tokens(page: TestClient, workshop: Workshop) -> None:
    answer = page.post("/api/generate", json=WALK).json()
    first, second = answer["motions"]
    assert [first["title"], second["title"]] == ["variant 1", "variant 2"]
    assert first["data"]["frames"] == 40 and len(first["tokens"]) == 10
    assert first["data"]["positions"] != second["data"]["positions"]
    held = workshop.shelf.get(first["key"])
    assert held.joints_TJ3.shape == (40, 22, 3)
    assert page.get(f"/api/motions/{first['key']}").json()["motion"] == first


def test_the_same_seed_gives_the_same_motion_and_another_another(page: TestClient) -> None:
    made = [
        page.post("/api/generate", json={**WALK, "seed": seed}).json()["motions"][0]["data"]["positions"]
        for seed in (3, 3, 4)
    ]
    assert made[0] == made[1] != made[2]


def test_guidance_and_steps_change_what_is_drawn(page: TestClient) -> None:
    def positions(**change: object) -> str:
        answer = page.post("/api/generate", json={**WALK, **change}).json()
        return str(answer["motions"][0]["data"]["positions"])

    assert len({positions(), positions(guidance=1), positions(steps=9)}) == 3


def test_words_that_training_never_saw_are_told(page: TestClient) -> None:
    assert page.post("/api/generate", json=WALK).json()["warning"] == ""
    odd = page.post("/api/generate", json={**WALK, "text": "a person moonwalks"}).json()
    assert "never saw: moonwalk" in odd["warning"]


@pytest.mark.parametrize("ending", export_endings())
def test_a_motion_is_written_in_every_form(page: TestClient, ending: str) -> None:
    (motion,) = page.post("/api/generate", json={**WALK, "count": 1, "seconds": 0.4}).json()["motions"]
    answer = page.get(f"/api/exports/{motion['key']}/walk{ending}")
    assert answer.status_code == 200 and len(answer.content) > 100
    assert f'filename="walk{ending}"' in answer.headers["content-disposition"]


def test_files_are_written_for_one_answer_and_only_where_they_are_asked_for(
    page: TestClient, workshop: Workshop
) -> None:
    for name in workshop.clips.names[:3]:
        assert page.get(f"/api/motions/clip:{name}").status_code == 200
    assert list(workshop.shelf.folder.rglob("*.npy")) == []
    key = f"clip:{workshop.clips.names[0]}"
    assert page.get(f"/api/exports/{key}/walk.npy").status_code == 200
    assert [path for path in workshop.shelf.folder.rglob("*") if path.is_file()] == []
    file = workshop.shelf.get(key).require_features()
    np.testing.assert_array_equal(np.load(file), workshop.clips.features(workshop.clips.names[0]))


def test_a_full_disk_is_a_line(page: TestClient, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exports, "save_motion", full)
    answer = page.get(f"/api/exports/clip:{workshop.clips.names[0]}/walk.npy")
    assert answer.status_code == 507 and "No space left" in answer.json()["error"]


def test_what_cannot_be_written_is_said(page: TestClient) -> None:
    (motion,) = page.post("/api/generate", json={**WALK, "count": 1}).json()["motions"]
    assert "unknown ending '.exe'" in page.get(f"/api/exports/{motion['key']}/walk.exe").json()["error"]
    assert "not held any more" in page.get("/api/exports/0123/walk.npy").json()["error"]
    assert "not held any more" in page.get("/api/motions/0123").json()["error"]


def test_a_model_that_is_replaced_is_loaded_anew(small_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_data, data)
    workshop = Workshop(data, tmp_path / "answers.jsonl")
    page = TestClient(app.page_app(workshop), base_url="http://localhost")
    asked = {**WALK, "count": 1}
    before = page.post("/api/generate", json=asked).json()["motions"][0]["data"]["positions"]
    weights = data / "t2m" / "model.safetensors"
    tensors = {name: torch.randn_like(tensor) for name, tensor in load_file(weights).items()}
    save_file(tensors, tmp_path / "new.safetensors")
    os.replace(tmp_path / "new.safetensors", weights)
    after = page.post("/api/generate", json=asked).json()["motions"][0]["data"]["positions"]
    assert before != after
    weights.write_bytes(b"cut off")
    damaged = page.post("/api/generate", json=asked)
    assert damaged.status_code == 400 and str(weights.parent) in damaged.json()["error"]
    workshop.shelf.close()


def test_the_clips_of_the_data_set_are_motions_too(page: TestClient, workshop: Workshop) -> None:
    name = workshop.clips.names[5]
    motion = page.get(f"/api/motions/clip:{name}").json()["motion"]
    assert motion["title"] == name and motion["caption"] == workshop.clips.captions[5][0].text
    held = workshop.shelf.get(f"clip:{name}")
    assert held.features_TD is not None
    assert np.array_equal(held.features_TD, workshop.clips.features(name))
    assert "no clip 'none'" in page.get("/api/motions/clip:none").json()["error"]
