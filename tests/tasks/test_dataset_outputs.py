"""Outputs of any registered data set: the workspace's own, or made once into the cache."""

from pathlib import Path

import numpy as np
import pytest

from lamp_core.config import Config, override, profile_config
from lamp_core.datasets.describe import size_of
from lamp_core.datasets.registry import register_source
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import load_skeleton
from tasks import dataset_outputs
from tasks.dataset_outputs import known_outputs, outputs_of
from tasks.project import Project
from tests.unit.datasets.conftest import moving_joints


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data" / "sources").mkdir(parents=True)
    (tmp_path / "data" / "sources" / "procedural.yaml").write_text("name: procedural\nkind: procedural\n")
    return Project(tmp_path)


@pytest.fixture
def config() -> Config:
    return override(profile_config("smoke"), ["ingest.clips=6"])


def test_made_once_then_found(project: Project, config: Config) -> None:
    assert known_outputs(project, config, "procedural") is None
    seen: list[tuple[int, int]] = []
    made = outputs_of(project, config, "procedural", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (6, 6)
    assert size_of(made.ingest)[0] == 6 and made.metadata.dataset == "procedural"
    found = outputs_of(project, config, "procedural", lambda done, total: pytest.fail("made again"))
    assert found == made
    assert not [path for path in (project.state / "data").iterdir() if path.name.startswith(".")]


def test_other_parameters_make_it_again_in_place_of_the_older(project: Project, config: Config) -> None:
    outputs_of(project, config, "procedural")
    outputs_of(project, override(config, ["ingest.clips=5"]), "procedural")
    assert len(list((project.state / "data").iterdir())) == 1
    assert known_outputs(project, config, "procedural") is None


def test_other_code_makes_it_again(project: Project, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs_of(project, config, "procedural")
    monkeypatch.setattr(dataset_outputs, "code_version", lambda: "of another commit")
    assert known_outputs(project, config, "procedural") is None


def test_parameters_that_a_set_is_not_read_with_do_not_count(project: Project, config: Config) -> None:
    """A profile has other numbers of procedural clips, which a set of files does not read."""
    motions = project.root / "joints"
    motions.mkdir()
    for index in range(8):
        np.save(motions / f"{index}.npy", moving_joints(load_skeleton("smpl22"), 40, index))
    register_source(project.data, "own", "npy", {"motions": motions, "skeleton": "smpl22"})
    made = outputs_of(project, config, "own")
    for change in ("ingest.clips=7", "ingest.seed=3", "ingest.max_rejected=0.5"):
        assert known_outputs(project, override(config, [change]), "own") == made
    assert known_outputs(project, override(config, ["ingest.min_frames=9"]), "own") is None
    procedural = outputs_of(project, config, "procedural")
    assert known_outputs(project, override(config, ["ingest.max_rejected=0.5"]), "procedural") == procedural


def test_the_workspaces_outputs_are_taken_as_they_stand(project: Project, config: Config) -> None:
    made = outputs_of(project, config, "procedural")
    made.ingest.rename(project.output("ingest"))
    made.features.rename(project.output("features"))
    standing = known_outputs(project, override(config, ["ingest.clips=3"]), "procedural")
    assert standing is not None and standing.ingest == project.output("ingest")


def test_an_unknown_set_is_named(project: Project, config: Config) -> None:
    with pytest.raises(LampError, match="unknown data set 'none'; known: procedural"):
        outputs_of(project, config, "none")
