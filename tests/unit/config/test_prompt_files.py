"""A wording is a file alone: what is in the folder may be named, and nothing else."""

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from lamp_core.config import prompt_files
from lamp_core.config.large_motion import LargeMotion
from lamp_core.config.motion_language import Instruction
from lamp_core.motion_language import prompts
from lamp_core.motion_language.prompts import load_template, template_hash

SECTIONS = (Instruction, LargeMotion)


def test_every_file_may_be_named() -> None:
    assert {"V0", "V1", "V2", "short"} <= set(prompt_files.template_names())
    for section in SECTIONS:
        for name in prompt_files.template_names():
            assert section(prompts=name).prompts == name


def test_another_name_is_refused_with_the_known_ones() -> None:
    for section in SECTIONS:
        with pytest.raises(ValidationError, match=r"no prompt file 'V9'; known: V0, V0-parts, V1"):
            section(prompts="V9")


def test_a_new_wording_is_a_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(prompt_files.TEMPLATES, tmp_path / "templates")
    for module in (prompt_files, prompts):
        monkeypatch.setattr(module, "TEMPLATES", tmp_path / "templates")
    text = (tmp_path / "templates" / "short.yaml").read_text()
    (tmp_path / "templates" / "mine.yaml").write_text(f"# mine\n{text}")
    assert Instruction(prompts="mine").prompts == "mine"
    assert load_template("mine") == load_template("short")
    assert template_hash("mine") != template_hash("short")
