"""A copy of the project without what its runs have left."""

import shutil
import subprocess
from pathlib import Path

from lamp_core.config import profile_config, save_params
from tasks.dvc.graph import read_graph
from tasks.project import Project

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


def copy_with_outputs(root: Path) -> Project:
    """Copy the project into a new folder, as if each stage had written one small file."""
    root.mkdir()
    copy_project(root)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    project = Project(root)
    save_params(profile_config("smoke"), project.params_file)
    (project.data / "metrics").mkdir(parents=True)
    for name in read_graph(project):
        project.output(name).mkdir(parents=True)
        (project.output(name) / "file").write_text(name)
        project.metrics_file(name).write_text("{}")
    return project
