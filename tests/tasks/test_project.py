from pathlib import Path

import pytest

from lamp_core.errors import LampError
from tasks.project import find_project, write_atomically


def test_the_project_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_project(tmp_path / "a" / "b").root == tmp_path.resolve()


def test_a_folder_outside_of_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LampError, match=r"no dvc.yaml in"):
        find_project(tmp_path)


def test_an_atomic_write_leaves_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "deep" / "file", "old")
    write_atomically(tmp_path / "deep" / "file", "new")
    assert [(path.name, path.read_text()) for path in (tmp_path / "deep").iterdir()] == [("file", "new")]
