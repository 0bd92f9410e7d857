import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import lamp_core.skeleton
from lamp_core.datasets import code_version as module
from lamp_core.datasets.code_version import code_version


@pytest.mark.parametrize("name", ["kinematics.py", "tables/smpl22.json"])
def test_a_line_of_code_or_of_a_table_makes_it_another(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(lamp_core.skeleton.__path__[0])
    copy = shutil.copytree(own, tmp_path / "skeleton", ignore=shutil.ignore_patterns("__pycache__"))

    def version_of(folder: Path) -> str:
        monkeypatch.setattr(module, "PACKAGES", (SimpleNamespace(__path__=[str(folder)]),))
        code_version.cache_clear()
        return code_version()

    before = version_of(own)
    assert version_of(copy) == before
    with (copy / name).open("a") as file:
        file.write("\n")
    assert version_of(copy) != before
    monkeypatch.undo()
    code_version.cache_clear()
