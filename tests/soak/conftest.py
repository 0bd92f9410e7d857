"""A copy of the project in which every stage up to the last trained one has run by hand."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from lamp_core.config import override, profile_config, save_params
from tasks.dvc.graph import read_graph
from tasks.project import Project
from tests.soak.kills import Reference, Victim, trained_stages
from tests.workspace import REPOSITORY, copy_project


@dataclass(frozen=True)
class Prepared:
    """A workspace whose stages ran without interruption.

    Args:
        project: the workspace.
        references: what each trained stage wrote.
    """

    project: Project
    references: Mapping[str, Reference]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Profile smoke on the procedural data set, run by hand up to the last trained stage."""
    root = tmp_path_factory.mktemp("soak")
    copy_project(root)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    project = Project(root)
    save_params(override(profile_config("smoke"), ["ingest.data=procedural"]), project.params_file)
    trained = trained_stages(REPOSITORY)
    runs = {name: Victim(project, name).uninterrupted() for name in needed_for(trained, project)}
    return Prepared(project, {name: runs[name] for name in trained})


def needed_for(names: list[str], project: Project) -> list[str]:
    """These stages and all that they read from, in the order of the graph."""
    graph = read_graph(project)
    needed = set(names)
    for name in reversed(list(graph)):
        if name in needed:
            needed |= set(graph[name].upstream)
    return [name for name in graph if name in needed]
