"""A copy of the project without what its runs have left."""

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
COPIED = (
    "flows",
    "tasks",
    "lamp_core",
    "dvc.yaml",
    ".dvcignore",
    ".gitignore",
    "pyproject.toml",
    "README.md",
)
NOT_COPIED = shutil.ignore_patterns("__pycache__", "tmp", "cache", "config.local")


def copy_project(root: Path) -> None:
    """Copy code, graph and the procedural data set's entry into a folder."""
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=NOT_COPIED)
        else:
            shutil.copy(source, root / name)
    shutil.copytree(REPOSITORY / ".dvc", root / ".dvc", ignore=NOT_COPIED)
    (root / "data" / "sources").mkdir(parents=True)
    shutil.copy(REPOSITORY / "data/sources/procedural.yaml", root / "data/sources")
    (root / "data" / "experiments").mkdir()
    shutil.copy(REPOSITORY / "data/experiments/README.md", root / "data/experiments")
