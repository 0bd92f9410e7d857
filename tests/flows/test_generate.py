"""``lamp generate``: what it says of a text beside the motions."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from flows.commands import generate as command
from lamp_core.inference import generate as api
from lamp_core.inference import prompts
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton


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
