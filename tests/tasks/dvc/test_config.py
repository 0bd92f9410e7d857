"""DVC's settings: read as DVC does, and handed on to a snapshot whatever the project's folders are called."""

from pathlib import Path

import pytest

from lamp_core.errors import LampError
from tasks.dvc.config import default_remote, read_config
from tasks.dvc.snapshot import _share_cache
from tasks.project import Project

SETTINGS = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../store\n"


def project(folder: Path, settings: str) -> Project:
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text(settings)
    return Project(folder)


@pytest.mark.parametrize(
    "name", ["plain", "a#hash", "it's", "a, b", 'say "x"', """it's 50 %41, "ödd" #1; what? a=b&c"""]
)
def test_a_snapshot_has_the_cache_and_the_remote_of_its_project(tmp_path: Path, name: str) -> None:
    source = project(tmp_path / name, SETTINGS)
    place = Project(tmp_path / name / "snapshot")
    (place.root / ".dvc").mkdir(parents=True)
    _share_cache(source, place)
    settings = read_config(place)
    assert settings["cache"]["dir"] == str(source.root / ".dvc" / "cache")
    assert settings['remote "storage"']["url"] == str(source.root / "store")
    assert default_remote(place) == "storage"


def test_what_stands_in_both_files_is_that_of_the_second(tmp_path: Path) -> None:
    here = project(tmp_path, SETTINGS)
    (tmp_path / ".dvc" / "config.local").write_text("[core]\n    remote = 'mine # too'\n")
    assert default_remote(here) == "mine # too"
    assert default_remote(project(tmp_path / "other", "")) == ""


@pytest.mark.parametrize(
    "content", [b"[core\n", b"no section and no value\n", b"[core]\n    a = '''\n", b"\xff\xfe\n"]
)
def test_what_is_none_of_settings_is_a_line(tmp_path: Path, content: bytes) -> None:
    here = project(tmp_path, "")
    (tmp_path / ".dvc" / "config").write_bytes(content)
    with pytest.raises(LampError, match="cannot be read as DVC's settings"):
        default_remote(here)
