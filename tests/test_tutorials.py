"""The tutorials run as written: their Python and their commands, one after the other, in this process.

Data is tiny, and models are trained on nothing: where a tutorial calls `lamp run`, the stages' own functions
make what it would leave. Commands that need servers, other machines or a history of runs are read by Typer
alone (`tests/test_docs_commands.py`), and run in the tests of workers and of the whole pipeline.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamp_core.config.experiment import load_experiment
from lamp_core.config.files import save_params
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import load_source
from lamp_core.evaluation.results import Result
from lamp_core.report.experiment_results import (
    ExperimentRecord,
    ExperimentResults,
    RowRecord,
    write_experiment,
)
from lamp_core.report.experiments import in_full
from lamp_core.skeleton.skeleton import load_skeleton
from tests.flows.commands import run
from tests.small_project import make_models, make_small_project, small_config
from tests.toy import Toy
from tests.workspace import REPOSITORY

TUTORIALS = REPOSITORY / "docs" / "tutorials"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITH_HISTORY = {"status", "compare"}
"""Commands of the first tutorial that want a project with runs; the tests of the pipeline call them."""


class Reader:
    """Somebody who types what a tutorial says."""

    def __init__(self, data: Path) -> None:
        self.data, self.names = data, {"__name__": "tutorial"}
        self.said: list[str] = []

    def follow(self, name: str, leave_out: set[str] = frozenset()) -> None:
        """Run every block of Python, and every `lamp` command but those that are left out."""
        for language, block in BLOCK.findall((TUTORIALS / f"{name}.md").read_text()):
            if language == "python":
                exec(compile(block, f"{name}.md", "exec"), self.names)
            if language == "sh":
                for words in map(shlex.split, block.strip().splitlines()):
                    if words[0] == "lamp" and not leave_out & {words[1], " ".join(words[1:3])}:
                        self.type(words[1:])

    def type(self, words: list[str]) -> None:
        if words[0] == "run":
            self.run(words)
            return
        status, said = run(*words)
        assert status == 0, said
        self.said.append(said)

    def run(self, words: list[str]) -> None:
        """What `lamp run` leaves behind: clips and features, and models where it goes further."""
        if "--data" in words and not (self.data / "features").exists():
            source = load_source(self.data, words[words.index("--data") + 1])
            ingest(source, load_skeleton("smpl22"), self.data / "ingest", workers=1)
            extract_features(self.data / "ingest", self.data / "features")
        elif "quick" in words and not (self.data / "t2m").exists():
            make_models(self.data, small_config())


@pytest.fixture
def empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    (tmp_path / "data" / "sources").mkdir(parents=True)
    (tmp_path / "dvc.yaml").write_text("stages:\n  ingest:\n    cmd: 'true'\n    outs: [data/ingest]\n")
    save_params(small_config(), tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return Reader(tmp_path / "data")


@pytest.fixture(scope="module")
def project_with_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    make_small_project(root / "data")
    save_params(small_config(), root / "params.yaml")
    (root / "dvc.yaml").write_text("stages:\n  ingest:\n    cmd: 'true'\n    outs: [data/ingest]\n")
    return root


@pytest.fixture
def reader(project_with_models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(project_with_models)
    yield Reader(project_with_models / "data")


def test_a_first_run(reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    reader.follow("first-run", leave_out=WITH_HISTORY)
    assert all(Path(name).stat().st_size > 0 for name in ("walk.npy", "walks.html", "walk.glb"))
    assert "(40, 22, 3)" in capsys.readouterr().out


def test_your_own_bvh(empty_project: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    empty_project.follow("own-bvh")
    assert "smpl22 (" in capsys.readouterr().out
    assert any("24 clips" in said for said in empty_project.said)
    assert Path("wave.bvh").read_text().startswith("HIERARCHY")


def test_humanml3d_from_its_folders(empty_project: Reader) -> None:
    empty_project.follow("humanml3d")
    assert any("25 clips" in said for said in empty_project.said)  # with the mirror image


def test_on_a_cluster(reader: Reader) -> None:
    reader.follow("cluster", leave_out={"run", "experiment", "worker deploy", "worker start"})
    assert "#SBATCH" in reader.said[-1]


def test_a_new_model(reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    reader.follow("new-model", leave_out={"run", "evaluate"})
    assert re.search(r"True \(\d+, 263\)", capsys.readouterr().out)


def test_from_numbers_to_a_papers_table(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    text = (TUTORIALS / "paper-table.md").read_text()
    Path("guidance.yaml").write_text(re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0])
    experiment = load_experiment(Path("guidance.yaml"))
    assert (experiment.name, experiment.seeds) == ("guidance", 3)
    keep_numbers(toy, experiment)
    reader = Reader(toy.project.data)
    reader.follow("paper-table", leave_out={"experiment"})
    assert any("tabular" in said for said in reader.said)
    assert "guidance 2" in capsys.readouterr().out


def keep_numbers(toy: Toy, experiment: Any) -> None:
    """What `lamp experiment` would leave of the tutorial's file."""
    rows = tuple(
        RowRecord(label=row.label, state="finished", key=row.label, data="procedural", run="0123456789")
        for row in experiment.rows
    )
    tables = tuple(in_full(table) for table in experiment.tables)
    record = ExperimentRecord(name="guidance", title="Guidance", until="evaluate", tables=tables, rows=rows)
    numbers = {
        row.label: [
            Result("LaMP-T2M", column.metric, 0.25, 0.01, "text to motion", "guo-own", 20, 7)
            for column in experiment.tables[0].columns
        ]
        for row in rows
    }
    write_experiment(toy.project.experiments / "guidance", ExperimentResults(record, numbers))


def test_every_tutorial_is_followed_here() -> None:
    followed = set(re.findall(r'\.follow\("([\w-]+)"', Path(__file__).read_text()))
    assert followed == {path.stem for path in TUTORIALS.glob("*.md")}
