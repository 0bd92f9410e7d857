"""A small project whose stages take no time: ingest -> features, evaluator -> evaluate."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from lamp_core.config import Config, load_params, override, profile_config, save_params
from tasks.dvc.graph import Graph, read_graph
from tasks.dvc.versions import Versions
from tasks.mlflow.relocation import follow_move
from tasks.mlflow.store import EXPERIMENT
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE

REPOSITORY = Path(__file__).parent.parent
UPSTREAM = {
    "ingest": [],
    "features": ["ingest"],
    "evaluator": ["ingest"],
    "evaluate": ["features", "evaluator"],
}

# A stage without tasks/stage/process.py around it: DVC and Prefect are tested, and this one starts at once.
QUICK_STAGE = """\
import json, os, sys
name = sys.argv[1]
with open(os.environ["TOY_FOLDER"] + "/ran.txt", "a") as ran:
    ran.write(name + "\\n")
if os.environ.get("TOY_FAIL") == name:
    sys.exit("the toy is broken")
folder = {"evaluate": "evaluate/lamp"}.get(name, name)
os.makedirs(f"data/{folder}", exist_ok=True)
os.makedirs("data/metrics", exist_ok=True)
with open("params.yaml") as params, open(f"data/{folder}/out", "w") as out:
    out.write(params.read() if name == "features" else name)
with open(f"data/metrics/{name}.json", "w") as metrics:
    json.dump({"score": len(name)}, metrics)
"""

# A stage with that body: counts to 40, a checkpoint a step, which is there before its progress is told. It
# stands still while there is a file `hold`.
TRAINING_STAGE = """\
import os, sys, time
from tasks.stage.process import main

def run(stage):
    stage.checkpoints.mkdir(parents=True, exist_ok=True)
    last = stage.checkpoints / "last"
    first = int(last.read_text()) if last.exists() else 0
    (stage.output / "out").write_text(str(stage.config.features.std_root_divisor))
    for step in range(first, 40):
        stage.on_log(step + 1, {"loss": 1 / (step + 1)})
        last.with_name("new").write_text(str(step + 1))
        os.replace(last.with_name("new"), last)
        stage.on_progress(step + 1, 40, "counting")
        while os.path.exists(os.environ["TOY_FOLDER"] + "/hold"):
            time.sleep(0.05)
        time.sleep(0.1 * sys.argv[1:].count("slow"))
    return {"first_step": first}

main("features", run)
"""


@dataclass(frozen=True)
class Toy:
    """The toy project."""

    project: Project

    @property
    def folder(self) -> Path:
        """Where stages note that they ran, and look for `hold`: they may work in a snapshot."""
        return self.project.root.parent

    @property
    def graph(self) -> Graph:
        return read_graph(self.project)

    @property
    def versions(self) -> Versions:
        return Versions(self.project, self.graph)

    @property
    def config(self) -> Config:
        return load_params(self.project.params_file)

    def set(self, *assignments: str) -> None:
        save_params(override(self.config, assignments), self.project.params_file)

    def ran(self) -> list[str]:
        """Stages that ran since the last time this was asked; of two side by side, in the graph's order."""
        log = self.folder / "ran.txt"
        names = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        for at in range(len(names)):
            if names[at : at + 2] == ["evaluator", "features"]:
                names[at : at + 2] = ["features", "evaluator"]
        return names

    def train_features(self, *flags: str) -> None:
        """Let the stage features run under the body of all stages."""
        (self.project.root / "training.py").write_text(TRAINING_STAGE)
        described = yaml.safe_load(self.project.graph_file.read_text())
        described["stages"]["features"]["cmd"] = " ".join(["python training.py", *flags])
        self.project.graph_file.write_text(yaml.safe_dump(described, sort_keys=False))


def make_toy(root: Path, store: Path) -> Toy:
    """Make the toy project in a new folder."""
    (root / "data" / "sources").mkdir(parents=True)
    (root / "data" / "sources" / "procedural.yaml").write_text("name: procedural\nkind: procedural\n")
    (root / "data" / "sources" / "other.yaml").write_text("name: other\nkind: humanml3d\nskeleton: kit21\n")
    shutil.copytree(
        REPOSITORY / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local")
    )
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(REPOSITORY / name, root / name)
    shutil.copy(store, root / "mlflow.db")
    follow_move(root / "mlflow.db", EXPERIMENT, root / "mlartifacts")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return give_quick_stages(root)


def give_quick_stages(root: Path) -> Toy:
    """Make a project the toy by its graph and its parameters."""
    (root / "toy.py").write_text(QUICK_STAGE)
    stages = {name: _stage(name, upstream) for name, upstream in UPSTREAM.items()}
    stages["ingest"]["deps"].append("data/sources/${ingest.data}.yaml")
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    toy = Toy(Project(root))
    save_params(profile_config("smoke"), toy.project.params_file)
    return toy


def _stage(name: str, upstream: list[str]) -> dict[str, object]:
    return {
        "cmd": f"python toy.py {name}",
        "deps": [*(f"data/{CATALOGUE.folder(before)}" for before in upstream), "toy.py"],
        "params": [name],
        "outs": [f"data/{CATALOGUE.folder(name)}"],
        "metrics": [f"data/metrics/{name}.json"],
    }
