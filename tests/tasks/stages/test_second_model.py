"""What a second text-to-motion model costs: put into a copy of the project, file by file and line by line.

The copy's own code then writes what follows from them, runs the stage and the evaluation, and generates.
"""

import json
import os
import re
import subprocess
import sys
from filecmp import dircmp
from pathlib import Path

import pytest
import yaml

from tests.workspace import REPOSITORY, copy_project

STAGE = '''"""Stage ``nearest_text``: remember the motions of the train split, and the captions of each.

By hand: ``python -m tasks.stages.nearest_text``.
"""

from lamp_core.config.models import NearestText
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.t2m.nearest_text import train_nearest
from tasks.stage.process import StageContext, main


def run(stage: StageContext) -> dict[str, float]:
    """Write what `load_nearest` reads."""
    features, settings = FeatureSet.load(stage.input("features")), stage.settings(NearestText)
    train_nearest(features, stage.output, settings.longest_frames)
    return {}


if __name__ == "__main__":
    main("nearest_text", run)
'''
SETTINGS = '''class NearestText(Section):
    """The training motion whose caption is most like the text."""

    longest_frames: Count = Field(196, description="frames of the longest motion that is remembered")


'''
ENTRY = """Stage(
            "nearest_text",
            makes="the training motion whose caption is most like the text",
            reads=("features",),
        ),
        """
MODEL = Path("tests/unit/systems/nearest_text.py")
NEW_FILES = {
    "lamp_core/t2m/nearest_text.py": (REPOSITORY / MODEL).read_text(),
    "tasks/stages/nearest_text.py": STAGE,
}
SECTIONS, STAGES, MODELS = (
    "lamp_core/config/models.py",
    "tasks/stages/catalogue.py",
    "lamp_core/systems/lamp.py",
)
ROW = "nearest_text: {longest_frames: 160}\n"
IN_SETTINGS = (
    (SECTIONS, "class Retrieval(", SETTINGS),
    (SECTIONS, "    residual: Residual", "    nearest_text: NearestText = NearestText()\n"),
)
IN_PROFILES = (("lamp_core/config/profiles/smoke.yaml", "residual:\n", ROW),)
IN_CATALOGUES = (
    # the stage, what measures it, what shows it
    (STAGES, 'Stage(\n            "residual"', ENTRY),
    (STAGES, '"language_model", "m2t"),\n                "retrieval",', '"nearest_text", '),
    (STAGES, '"residual", "language_model", "m2t"),\n', '"nearest_text", '),
    # the model
    (
        MODELS,
        '    Model("LaMP-M2T"',
        '    Model("Nearest text", "nearest_text", (GENERATE,), _nearest, ("nearest_text",)),\n',
    ),
    # its folder
    ("data/README.md", "residual/ language_model/", "nearest_text/ "),
)
LOADER = (
    MODELS,
    "GENERATOR = (",
    """def _nearest(data: Path, device: "torch.device") -> Any:
    from lamp_core.t2m.nearest_text import load_nearest

    return load_nearest(data, device)


""",
)
FOLLOWS = {"dvc.yaml", "params.yaml", "flows/prefect.yaml", "README.md"}
"""What is written from these."""

USE = """
import json
from pathlib import Path

from lamp_core.config import override, profile_config, save_params
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.results import read_results
from lamp_core.inference.generate import generate
from tasks.dvc.graph import read_graph
from tasks.project import find_project
from tasks.stages import generate as generated
from tasks.stages.catalogue import CATALOGUE
from tests.small_project import make_small_project, small_config
from tests.stages_in_process import run_stages

generated.main()
save_params(profile_config("quick"), Path("params.yaml"))
graph = read_graph(find_project())
data = Path("work/data")
make_small_project(data)
asked = ["evaluate.protocols=[text-to-motion]", "report.captions=1", "report.explained=0", "report.players=1"]
config = override(small_config(), asked)
run_stages(["nearest_text", "evaluate"], data, config)
rows = read_results(data / "evaluate/lamp/results.parquet")
print(json.dumps({
    "of_lamp": graph.of_system("lamp"),
    "upstream": {name: list(graph[name].upstream) for name in ("nearest_text", "evaluate", "report")},
    "remembered": json.loads((data / "nearest_text/config.json").read_text())["longest_frames"],
    "measured": sorted({row.metric for row in rows if row.system == "Nearest text" and row.measured}),
    "of_the_other": sorted({row.metric for row in rows if row.system == "LaMP-T2M" and row.measured}),
    "frames": len(generate(data, "a person walks", 1, 2.0, model="nearest text").joints[0]),
}))
"""


def put_in(root: Path) -> None:
    """Write the files and lines of the model."""
    for name, text in NEW_FILES.items():
        (root / name).write_text(text)
    for name, before, line in (*IN_SETTINGS, *IN_PROFILES, *IN_CATALOGUES, LOADER):
        text = (root / name).read_text()
        assert text.count(before) == 1, f"{name}: {before}"
        (root / name).write_text(text.replace(before, line + before))
    systems = root / MODELS
    systems.write_text(systems.read_text().replace("import TYPE_CHECKING\n", "import TYPE_CHECKING, Any\n"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the model in it."""
    root = tmp_path_factory.mktemp("second-model") / "project"
    root.mkdir()
    for_comparison(root)
    put_in(root)
    return root


def for_comparison(root: Path) -> None:
    copy_project(root)
    for name in ("params.yaml", "data/README.md"):
        (root / name).write_text((REPOSITORY / name).read_text())


@pytest.fixture(scope="module")
def used(copy: Path) -> dict:
    """What the copy's code says of itself, once it has the model."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{copy}{os.pathsep}{REPOSITORY}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-c", USE], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found: dict = json.loads(ended.stdout.splitlines()[-1])
    return found


def test_it_is_run_measured_and_asked_by_what_goes_over_the_catalogues(used: dict) -> None:
    assert "nearest_text" in used["of_lamp"]
    assert used["upstream"]["nearest_text"] == ["features"]
    assert "nearest_text" in used["upstream"]["evaluate"] and "nearest_text" in used["upstream"]["report"]
    assert used["remembered"] == 160  # as its row of the profile says
    assert used["measured"] == used["of_the_other"] != []
    assert used["frames"] == 40


def test_no_stage_changes_but_those_that_measure_and_show_it(used: dict, copy: Path) -> None:
    before, after = (yaml.safe_load((root / "dvc.yaml").read_text())["stages"] for root in (REPOSITORY, copy))
    assert set(after) - set(before) == {"nearest_text"}
    assert {name for name in before if before[name] != after[name]} == {"evaluate", "report"}
    assert "lamp_core/t2m/nearest_text.py" in after["nearest_text"]["deps"]
    params = yaml.safe_load((copy / "params.yaml").read_text())
    assert params["nearest_text"] == {"longest_frames": 196}


def test_it_costs_as_many_files_and_lines_as_is_said(used: dict, copy: Path, tmp_path: Path) -> None:
    plain = tmp_path / "project"
    plain.mkdir()
    for_comparison(plain)
    catalogues = {name for name, _, _ in IN_CATALOGUES}
    settings, profiles = {name for name, _, _ in IN_SETTINGS}, {name for name, _, _ in IN_PROFILES}
    test = {"tests/tasks/stages/test_nearest_text.py"}
    assert changed(plain, copy) == {*NEW_FILES, *settings, *profiles, *catalogues, *FOLLOWS}
    said = re.sub(r"\s+", " ", (REPOSITORY / "CONTRIBUTING.md").read_text())
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven")
    files, lines = len({*NEW_FILES, *settings, *profiles, *test}), len(IN_CATALOGUES)
    assert f"costs {numbers[files]} files (model, stage module, settings, profile rows, test), " in said
    assert f"{numbers[lines]} lines in the catalogues" in said
    assert [name for name in FOLLOWS if f"`{name}`" not in said and name != "README.md"] == []


def changed(before: Path, after: Path) -> set[str]:
    """Files that differ, or that only the second folder has, but for what a run leaves."""

    def below(compared: dircmp, folder: Path) -> set[str]:
        names = {str(folder / name) for name in (*compared.diff_files, *compared.right_only)}
        return names.union(*(below(each, folder / name) for name, each in compared.subdirs.items()))

    found = below(dircmp(before, after, ignore=["__pycache__", "work", ".lamp"]), Path())
    return {name for name in found if not name.startswith(".dvc/")}
