"""What tests of several commands share: a project with models, made once."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rig_project import make_rig_project
from tests.workspace import REPOSITORY


@pytest.fixture(scope="session")
def rig_root(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """Root of a project with models of a rig of its own; who writes into it makes a name of its own."""
    root = tmp_path_factory.mktemp("rig")
    (root / "data" / "sources").mkdir(parents=True)
    make_rig_project(root)
    for name in ("dvc.yaml", ".gitignore"):
        shutil.copy(REPOSITORY / name, root)
    with (root / ".gitignore").open("a") as ignored:
        ignored.write("/rig/\n/out*\n")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    shutil.copy(empty_store, root / "mlflow.db")
    return root


@pytest.fixture
def rig_project(rig_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as the present folder."""
    monkeypatch.chdir(rig_root)
    return rig_root
