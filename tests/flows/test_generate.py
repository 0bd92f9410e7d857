"""``lamp generate``: what it says of a text beside the motions."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flows.commands import edit as edit_command
from flows.commands import generate as command
from lamp_core.inference import generate as api
from lamp_core.inference import prompts
from lamp_core.inference.sampling import SamplingChange
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton
from tests.flows.commands import run


def test_guidance_and_steps_reach_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton = load_skeleton("smpl22")
    joints = np.repeat(canonical_reference(skeleton)[None], 4, axis=0)
    asked: list[SamplingChange] = []

    def answer(*given: Any) -> Any:
        asked.append(next(each for each in given if isinstance(each, SamplingChange)))
        return SimpleNamespace(
            skeleton=skeleton, joints=[joints], given=[joints], given_in_time=[joints], start=0.0, end=0.1
        )

    for module in (command, edit_command):
        monkeypatch.setattr(module, "find_project", lambda: SimpleNamespace(data=tmp_path))
    monkeypatch.setattr(command, "look_up_words", lambda data, text: prompts.Prompt(text, {}, text, 1.0))
    for name in ("generate", "edit"):
        monkeypatch.setattr(api, name, answer)
    monkeypatch.setattr(api, "clip_features", lambda data, clip: np.zeros((4, 263), np.float32))
    changed, own = ("--guidance", "3.5", "--steps", "6"), SamplingChange()
    out = str(tmp_path / "a.npy")
    for words in (("generate", "a man walks"), ("edit", "--clip", "walk", "--after", "--seconds", "1")):
        for options in ((), changed):
            status, shown = run(*words, "-o", out, *options)
            assert status == 0, shown
    assert asked == [own, SamplingChange(3.5, 6)] * 2


def test_feet_are_planted_by_what_the_features_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton = load_skeleton("smpl22")
    joints = np.repeat(canonical_reference(skeleton)[None], 40, axis=0)
    joints[..., 2] += 0.05 * np.arange(40)[:, None]  # 1 m/s, too fast for feet that stand
    standing = np.ones((40, 263), np.float32)
    made = api.GeneratedMotions([joints, joints], skeleton, [standing, 0 * standing])
    edited = api.EditedMotions([joints], [joints], 0.0, 2.0, skeleton, [standing])
    for module in (command, edit_command):
        monkeypatch.setattr(module, "find_project", lambda: SimpleNamespace(data=tmp_path))
    monkeypatch.setattr(command, "look_up_words", lambda data, text: prompts.Prompt(text, {}, text, 1.0))
    monkeypatch.setattr(api, "generate", lambda *_: made)
    monkeypatch.setattr(api, "edit", lambda *_: edited)
    monkeypatch.setattr(api, "clip_features", lambda data, clip: standing)
    toe = skeleton.feet[1]

    def fastest(name: str) -> float:
        toes = np.load(tmp_path / name)[:, toe]
        return float(np.median(np.linalg.norm(np.diff(toes[:, [0, 2]], axis=0), axis=-1)))

    status, shown = run("generate", "a man walks", "-o", str(tmp_path / "a.npy"), "--plant")
    assert status == 0 and "feet in contact slid at" in shown
    assert fastest("a-1.npy") < 0.001 and fastest("a-2.npy") == pytest.approx(0.05, rel=1e-5)
    status, shown = run("edit", "--clip", "walk", "--after", "--plant", "-o", str(tmp_path / "b.npy"))
    assert status == 0 and "feet in contact slid at" in shown and fastest("b.npy") < 0.001
    status, shown = run("generate", "a man walks", "-o", str(tmp_path / "c.npy"))
    assert status == 0 and "in contact" not in shown and fastest("c-1.npy") == pytest.approx(0.05, rel=1e-5)


def test_words_hardly_seen_stand_in_the_json_and_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skeleton = load_skeleton("smpl22")
    joints = np.repeat(canonical_reference(skeleton)[None], 4, axis=0)
    prompt = prompts.Prompt("a man juggles", {"juggle": 0}, "a man walks", 0.5)
    made = SimpleNamespace(skeleton=skeleton, joints=[joints, joints])
    monkeypatch.setattr(command, "find_project", lambda: SimpleNamespace(data=tmp_path))
    monkeypatch.setattr(prompts, "look_up", lambda data, text: prompt)
    monkeypatch.setattr(api, "generate", lambda *_: made)
    command.generate(prompt.text, tmp_path / "juggle.npy", count=2, as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "text": "a man juggles",
        "rare": {"juggle": 0},
        "nearest": "a man walks",
        "shared": 0.5,
        "files": [str(tmp_path / "juggle-1.npy"), str(tmp_path / "juggle-2.npy")],
    }
    assert "never saw: juggle" in printed.err
    command.generate(prompt.text, tmp_path / "juggle.npy")
    assert capsys.readouterr().out.split() == [str(tmp_path / "juggle-1.npy"), str(tmp_path / "juggle-2.npy")]


def test_texts_of_parts_reach_the_library_or_are_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skeleton = load_skeleton("smpl22")
    joints = np.repeat(canonical_reference(skeleton)[None], 4, axis=0)
    asked: list[Any] = []

    def answer(*given: Any) -> Any:
        asked.append(given[-1])
        return SimpleNamespace(skeleton=skeleton, joints=[joints])

    monkeypatch.setattr(command, "find_project", lambda: SimpleNamespace(data=tmp_path))
    monkeypatch.setattr(command, "look_up_words", lambda data, text: prompts.Prompt(text, {}, text, 1.0))
    monkeypatch.setattr(api, "generate", answer)
    words = ("generate", "a man walks", "-o", str(tmp_path / "a.npy"))
    status, shown = run(*words, "--part-text", "left_arm=waves", "--part-text", "right_leg=stands")
    assert status == 0, shown
    assert asked == [{"left_arm": "waves", "right_leg": "stands"}]
    status, shown = run(*words, "--part-text", "left_arm=waves", "--part-text", "left_arm=rests")
    assert status != 0 and "says twice what left_arm does" in shown and len(asked) == 1
