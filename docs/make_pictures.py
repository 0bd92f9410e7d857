"""The pictures of the documentation, made by the project itself: ``python docs/make_pictures.py [PROJECT]``.

Drawn from the code alone: the graph of the stages, the feature vector on a body, the attention masks. Drawn
or photographed of PROJECT, a folder that has run (the present one by default): a token strip, a player, the
report, MLflow's comparison and the page. What is missing for a picture is said in a line, and the others are
made all the same.
"""

import json
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from docs.browser import LOCALHOST, photograph, served
from docs.drawings import FOLDER, attention_masks, feature_vector, pipeline_graph, save
from docs.hooks import WALK, WALKS
from docs.page_pictures import PICTURES as PAGE_PICTURES
from docs.page_pictures import page_pictures
from docs.stage_graph import QUIET
from lamp_core.errors import LampError

if TYPE_CHECKING:
    from lamp_core.skeleton.skeleton import Skeleton

SECONDS_OF_FILM = 2.0


def token_strip(project: Path) -> None:
    """A clip of the test split: a figure every fourth token, and below its tokens, one for four frames."""
    import pyarrow.parquet as pq
    import torch
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    from lamp_core.datasets.features_store import FeatureSet
    from lamp_core.features.decode import decode
    from lamp_core.viz.gif import Painter

    tokens = _there(project / "data" / "tokens" / "tokens.parquet", "lamp run --until tokens")
    table = pq.read_table(tokens).to_pylist()
    features = FeatureSet.load(project / "data" / "features")
    item = next(row for row in table if row["split"] == "test" and 14 <= len(row["codes"]) <= 24)
    motion_TD = features.features[features.clips.index(item["clip"])]
    joints_TJ3 = decode(torch.from_numpy(np.array(motion_TD)), features.skeleton).numpy()
    painter = Painter(joints_TJ3 * features.skeleton.metres_per_unit, features.skeleton, 20.0, "", 240)
    codes = [int(np.ravel(code)[0]) for code in item["codes"]]
    figure, axes = plt.subplots(figsize=(11, 3.1))
    for place, code in enumerate(codes):
        axes.add_patch(Rectangle((place, 0), 0.96, 0.8, fc=plt.get_cmap("tab20")(code % 20), alpha=0.75))
        axes.text(place + 0.48, 0.4, str(code), ha="center", va="center", fontsize=8)
        if place % 3 == 0 and 4 * place < len(joints_TJ3):
            axes.imshow(painter.paint(4 * place), extent=(place - 0.2, place + 3.0, 1.0, 4.2), zorder=0)
    axes.text(
        0,
        -0.25,
        f"{item['clip']}: a token for four frames, a fifth of a second",
        fontsize=9,
        va="top",
        color=QUIET,
    )
    axes.set(xlim=(-0.3, len(codes) + 2), ylim=(-0.8, 4.3))
    save(figure, axes, "token-strip.svg")


def player(project: Path) -> None:
    """Motions of a text, whose player is made as the site is built (`docs.hooks`)."""
    joints, _ = _walks(project)
    np.save(WALKS, np.stack(joints).astype(np.float32))


def film(project: Path) -> None:
    """The first of them, as `lamp generate -o walk.gif` writes it."""
    from lamp_core.viz.gif import save_gif

    joints, skeleton = _walks(project)
    rate = skeleton.frames_per_second
    save_gif(FOLDER.parent / "walk.gif", joints[0][: round(SECONDS_OF_FILM * rate)], skeleton, rate, WALK)


@cache
def _walks(project: Path) -> "tuple[list[np.ndarray], Skeleton]":
    from lamp_core.inference.generate import generate

    _there(project / "data" / "t2m", "lamp run --until t2m")
    made = generate(project / "data", WALK, count=2, seconds=4.0)
    return made.joints, made.skeleton


def report(project: Path) -> None:
    """The top of the report."""
    page = _there(project / "data" / "report" / "report.html", "lamp run")
    photograph(page.resolve().as_uri(), FOLDER / "report.png", (1280, 1500), seconds=4)


def mlflow_comparison(project: Path) -> None:
    """MLflow's comparison of the two latest runs."""
    from tasks.mlflow.store import server_command, tracking_uri
    from tasks.mlflow.tracking import Tracking
    from tasks.project import Project

    _there(project / "mlflow.db", "lamp run")
    tracking = Tracking(Project(project))
    runs = [run.info.run_id for run in tracking.pipeline_runs(2)]
    if len(runs) < 2:
        raise LampError("MLflow's comparison needs two runs; `lamp run --set t2m.guidance=3` makes another")
    query = "&".join(
        f"{key}={quote(json.dumps(ids))}"
        for key, ids in (("runs", runs), ("experiments", [tracking.experiment_id]))
    )
    variables = {"MLFLOW_BACKEND_STORE_URI": tracking_uri(Project(project))}
    with served(partial(server_command, LOCALHOST), project, variables, "/health") as address:
        photograph(
            f"{address}/#/compare-runs?{query}", FOLDER / "mlflow-comparison.png", (1400, 1000), seconds=25
        )


def the_page(project: Path) -> None:
    """`lamp page`, a panel each."""
    _there(project / "data" / "t2m", "lamp run --until t2m")
    page_pictures(project)


def _there(path: Path, command: str) -> Path:
    if not path.exists():
        raise LampError(f"{path} is missing; `{command}` makes it")
    return path


PICTURES: dict[str, Callable[[Path], None]] = {
    "pipeline.svg": pipeline_graph,
    "feature-vector.svg": feature_vector,
    "attention-masks.svg": attention_masks,
    "token-strip.svg": token_strip,
    WALKS.name: player,
    "../walk.gif": film,
    "report.png": report,
    "mlflow-comparison.png": mlflow_comparison,
    ", ".join(PAGE_PICTURES): the_page,
}


def main(project: Path) -> int:
    """Make every picture; 1 where one could not be made."""
    FOLDER.mkdir(exist_ok=True)
    missing = 0
    for name, make in PICTURES.items():
        try:
            make(project)
            print(f"docs/pictures/{name}")
        except LampError as fault:
            missing = 1
            print(f"docs/pictures/{name} is left as it is: {fault}")
    return missing


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else ".").resolve()))
