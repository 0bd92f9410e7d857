"""The examples run as they stand, on a small project whose models are trained on nothing."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from lamp_core.config.files import save_params
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import DOWNSAMPLING, items_of
from lamp_core.evaluation.protocols.common import protocol_items
from tests.small_project import make_small_project, small_config

EXAMPLES = Path(__file__).parent.parent / "examples"
README = EXAMPLES.parent / "README.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has run, with a motion file beside its data folder."""
    root = tmp_path_factory.mktemp("project")
    make_small_project(root / "data")
    save_params(small_config(), root / "params.yaml")
    return root


@pytest.fixture
def motion(project: Path, tmp_path: Path) -> Path:
    """Features of 80 frames of a clip."""
    features = FeatureSet.load(project / "data" / "features")
    longest = max(features.features, key=len)
    np.save(tmp_path / "motion.npy", np.array(longest[:80]))
    return tmp_path / "motion.npy"


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    """Run an example in the project's folder."""
    monkeypatch.chdir(project)
    return Run(monkeypatch, capsys)


class Run:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, example: str, *arguments: str | Path) -> list[str]:
        """Return the lines that it prints."""
        path = EXAMPLES / f"{example}.py"
        self.monkeypatch.setattr("sys.argv", [str(path), *map(str, arguments)])
        runpy.run_path(str(path), run_name="__main__")
        return self.capsys.readouterr().out.strip().splitlines()


def test_every_example_is_short_and_tested_here() -> None:
    named = set(re.findall(r'run\(\s*"(\w+)"', Path(__file__).read_text()))
    assert named == {path.stem for path in EXAMPLES.glob("*.py")}
    assert max(len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")) <= 35


def test_the_readmes_lines_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"^```python\n(.+?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL):
        exec(compile(code, str(README), "exec"), {})
    assert "263])" in capsys.readouterr().out
    assert (tmp_path / "clip.gif").stat().st_size > 0


def test_features_of_a_built_in_clip_and_of_a_file(run: Run, tmp_path: Path) -> None:
    sentence, shapes = run("features_of_a_clip")
    frames = int(re.search(r"joints \((\d+), 22, 3\)", shapes)[1])
    assert sentence
    assert f"features ({frames - 1}, 263) joints ({frames - 1}, 22, 3)" in shapes
    joints_TJ3 = np.cumsum(np.random.default_rng(0).normal(0, 0.01, (30, 22, 3)), axis=0)
    np.save(tmp_path / "joints.npy", (joints_TJ3 + np.arange(22)[:, None]).astype(np.float32))
    assert run("features_of_a_clip", tmp_path / "joints.npy") == [
        "joints (30, 22, 3) features (29, 263) joints (29, 22, 3)"
    ]


def test_tokenise(run: Run, motion: Path) -> None:
    counts, error = run("tokenise", motion)
    assert counts.startswith(f"80 frames are {80 // DOWNSAMPLING} tokens of the channels motion: [")
    assert float(error.rpartition(" ")[2]) > 0


def test_generate(run: Run, tmp_path: Path) -> None:
    assert run("generate", "a person walks", tmp_path / "walk.bvh") == [f"80 frames in {tmp_path}/walk.bvh"]
    assert (tmp_path / "walk.bvh").read_text().startswith("HIERARCHY")


def test_caption(run: Run, motion: Path) -> None:
    name, *windows = run("caption", motion)
    assert name.strip() == str(motion)
    assert windows and windows[0].startswith("0.0 to ")


def test_search(run: Run) -> None:
    hits = run("search", "a person jumps")
    assert [line.split()[0] for line in hits] == ["1", "2", "3", "4", "5"]


def test_score_a_folder(run: Run, project: Path, tmp_path: Path) -> None:
    features = FeatureSet.load(project / "data" / "features")
    evaluate = small_config().evaluate
    items = protocol_items(items_of(features, "test"), features.skeleton.frames_per_second, evaluate)
    for item in items:
        np.save(tmp_path / f"{item.clip}.npy", np.array(item.features_TD))
    summary, *rows = run("score_a_folder", tmp_path)
    assert summary.startswith(f"{len({item.clip for item in items})} motions scored")
    fid = next(row for row in rows if row.startswith(tmp_path.name) and "FID" in row)
    assert float(fid.split()[-3]) == pytest.approx(0.0, abs=1e-3)
