"""Files below a folder as users have it."""

from pathlib import Path

import pytest

from lamp_core.errors import LampError
from lamp_core.io.folders import BROKEN, files_below, find_named


def test_a_link_that_leads_to_no_file_is_passed_over_and_said(tmp_path: Path) -> None:
    (tmp_path / "walk.bvh").touch()
    (tmp_path / "itself.bvh").symlink_to(tmp_path / "itself.bvh")
    (tmp_path / "gone.bvh").symlink_to(tmp_path / "nowhere")
    told: list[tuple[str, str]] = []
    found = [name for name, _ in files_below(tmp_path, lambda what, name: told.append((what, name)))]
    assert found == ["walk.bvh"]
    assert told == [(BROKEN, "gone.bvh"), (BROKEN, "itself.bvh")]


def test_a_link_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "back").symlink_to(tmp_path)
    with pytest.raises(LampError, match="remove the link"):
        list(files_below(tmp_path))


@pytest.mark.parametrize("name", ["train.txt", "Train.txt", "TRAIN.TXT"])
def test_a_file_is_found_by_its_name_in_any_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert find_named(tmp_path, "train.txt") == tmp_path / name
    assert find_named(tmp_path, "val.txt") is None
    assert find_named(tmp_path / "nowhere", "train.txt") is None


def test_the_name_as_it_is_comes_first(tmp_path: Path) -> None:
    for name in ("Train.txt", "train.txt"):
        (tmp_path / name).touch()
    assert find_named(tmp_path, "train.txt") == tmp_path / "train.txt"
