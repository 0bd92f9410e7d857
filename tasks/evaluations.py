"""Measure on demand: the trained models of the workspace, or another system's motions, by any protocol."""

import csv
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from lamp_core.config import Config, load_params
from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.motion_file import Gate
from lamp_core.errors import LampError
from lamp_core.evaluation import external, external_captions
from lamp_core.evaluation.external import ReadMotions, measure_motions
from lamp_core.evaluation.external_captions import ReadCaptions, measure_captions
from lamp_core.evaluation.families.catalogue import FAMILIES, protocols_of_stages
from lamp_core.evaluation.families.family import Family, measure
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.results import Origin, Result, metric_key, write_results
from lamp_core.evaluation.trained import TEST, Trained
from lamp_core.evaluation.transfer import features_on
from lamp_core.systems.catalogue import MODELS
from tasks.mlflow.model_run import model_run
from tasks.mlflow.tags import origin_tags
from tasks.mlflow.tracking import Scalar, Tracking, flatten
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE
from tasks.system import resources
from tasks.system.redaction import warn

EVALUATION = "evaluation"
STAGES = protocols_of_stages(MODELS)
"""The stages whose models can be measured, and the protocols of each."""
FOLDER = "evaluations"


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Args:
        stage: whose protocols; all without it.
        protocols: these alone; all of the stage without one.
        repeats: of every sampled metric and generation; those of ``params.yaml`` without it.
        data: data set that the models have to be of.
        on: another registered data set to measure on.
        split: of the items, or ``all``.
        motions: folder of another system's motions, measured instead of the models'.
        captions: file of another system's captions, measured instead of the models'.
        output: folder to write to; a new one in ``data/evaluations`` without it.
        gate: how another system's motions stand in their files.
    """

    stage: str | None = None
    protocols: Sequence[str] = ()
    repeats: int | None = None
    data: str | None = None
    on: str | None = None
    split: str = TEST
    motions: Path | None = None
    captions: Path | None = None
    output: Path | None = None
    gate: Gate = field(default_factory=Gate)

    @property
    def name(self) -> str:
        """What is measured, in a word or two."""
        parts = [self.stage or "", *self.protocols, f"on-{self.on}" if self.on else ""]
        parts += [self.split if self.split != TEST else "", self.motions.name if self.motions else ""]
        parts += [self.captions.stem if self.captions else ""]
        return "-".join(part for part in parts if part) or "all"


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Args:
        results: every number.
        origin: of all of them.
        folder: where they are written.
        left_out: what of a folder of motions or a file of captions could not be scored; None without one.
        run_id: the MLflow run; None when the store failed.
    """

    results: list[Result]
    origin: Origin
    folder: Path
    left_out: ReadMotions | ReadCaptions | None
    run_id: str | None


def evaluate_on_demand(
    project: Project, request: Request, on_progress: OnProgress | None = None
) -> Evaluation:
    """Measure, write Parquet, CSV and JSON, and log an MLflow run.

    Raises:
        LampError: a request that does not fit the workspace; it says what does.
    """
    config = load_params(project.params_file)
    trained, trained_on = _trained(project, config, request, on_progress)
    left_out: ReadMotions | ReadCaptions | None = None
    if request.captions is not None:
        families, left_out = measure_captions(trained, request.captions, request.captions.stem)
    elif request.motions is not None:
        families, left_out = measure_motions(
            trained, request.motions, request.motions.resolve().name, request.gate
        )
    else:
        families = measure(trained, FAMILIES, on_progress)
    note = _note(trained, trained_on)
    families = {family: [_with_note(row, note) for row in rows] for family, rows in families.items()}
    measured_by = CATALOGUE.evaluation_of(request.stage or "")
    makers = model_run(project, measured_by=measured_by, first=request.stage)
    origin = Origin(trained.features.dataset, trained.features.version, makers)
    folder = request.output or _new_folder(project, request)
    metrics = {
        f"{family}/{metric_key(row)}": row.value
        for family, rows in families.items()
        for row in rows
        if row.measured
    }
    results = [row for rows in families.values() for row in rows]
    _write(folder, results, origin, metrics, left_out)
    run_id = _track(project, trained.config, request, origin, trained_on, metrics, folder)
    return Evaluation(results, origin, folder, left_out, run_id)


def wanted(settings: Evaluate, request: Request) -> Evaluate:
    """Return the section ``evaluate`` with the protocols and repeats that are asked for.

    Raises:
        LampError: an unknown stage or protocol, or one that the request cannot measure.
    """
    if request.stage is not None and request.stage not in STAGES:
        raise LampError(f"stage '{request.stage}' is not measured; those that are: {', '.join(STAGES)}")
    known = {name for names in STAGES.values() for name in names}
    possible = list(STAGES[request.stage] if request.stage else settings.protocols)
    if request.motions is not None and request.captions is not None:
        raise LampError("a folder of motions and a file of captions are measured one at a time")
    elsewhere, measurable = _made_elsewhere(request)
    if elsewhere:
        names = [name for family in measurable for name in family.protocols]
        possible = [name for name in names if request.stage is None or name in STAGES[request.stage]]
        if not possible:
            raise LampError(f"{elsewhere} is not measured by stage '{request.stage}'; leave --of out")
    for name in request.protocols:
        if name not in known:
            raise LampError(f"unknown protocol '{name}'; known: {', '.join(sorted(known))}")
        if (request.stage or elsewhere) and name not in possible:
            what = f"stage '{request.stage}'" if request.stage else elsewhere
            raise LampError(f"{what} is not measured by '{name}'; its protocols: {', '.join(possible)}")
    update: dict[str, object] = {"protocols": tuple(request.protocols or possible)}
    if request.repeats is not None:
        update |= dict.fromkeys(("repeats", "generations", "completions"), request.repeats)
    return Evaluate.model_validate({**settings.model_dump(), **update})


def _made_elsewhere(request: Request) -> tuple[str, Sequence[Family]]:
    """What is measured instead of the models, if anything, and the families that it can be measured in."""
    if request.motions is not None:
        return "a folder of motions", external.FAMILIES
    return ("a file of captions", external_captions.FAMILIES) if request.captions is not None else ("", ())


def _trained(
    project: Project, config: Config, request: Request, on_progress: OnProgress | None
) -> tuple[Trained, str]:
    """The models with the items that are asked for, and the data set that they were trained on."""
    config = config.model_copy(update={"evaluate": wanted(config.evaluate, request)})
    own = FeatureSet.load(project.output("features"))
    if request.data not in {None, own.dataset}:
        raise LampError(
            f"the models of the workspace were trained on {own.dataset}; "
            f"`lamp run --data {request.data}` brings back or trains those of {request.data}"
        )
    is_own = request.on in {None, own.dataset}
    features = own
    if not is_own:
        made = project.state / "cache" / "data-sets"
        features = features_on(str(request.on), project.data, config.ingest, made, on_progress)
    torch.set_num_threads(resources.threads())
    device = torch.device(resources.device_name())
    cache = project.state / "cache" / "embeddings"
    return Trained(project.data, config, features, device, MODELS, request.split, is_own, cache), own.dataset


def _note(trained: Trained, trained_on: str) -> str:
    """What decides the numbers beside the protocol, when it is not the test split of the own data set."""
    split = "all clips" if trained.split == "all" else f"{trained.split} split"
    if trained.own_data:
        return "" if trained.split == TEST else f"{split} of {trained.features.dataset}"
    return (
        f"{split} of {trained.features.dataset} with models, statistics and evaluator of {trained_on}; "
        f"{trained.known_captions:.0%} of its captions stand word for word in the train split of {trained_on}"
    )


def _with_note(row: Result, note: str) -> Result:
    return replace(row, note="; ".join(part for part in (row.note, note) if part))


def _new_folder(project: Project, request: Request) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return project.data / FOLDER / f"{moment}-{request.name}"


def _write(
    folder: Path,
    results: Sequence[Result],
    origin: Origin,
    metrics: Mapping[str, float],
    left_out: ReadMotions | ReadCaptions | None,
) -> None:
    """Write ``results.parquet``, ``results.csv`` and ``metrics.json``, each by rename."""
    folder.mkdir(parents=True, exist_ok=True)
    making = folder / f".{os.getpid()}"
    making.mkdir()
    try:
        write_results(making / "results.parquet", results, origin)
        _write_csv(making / "results.csv", [{**asdict(row), **asdict(origin)} for row in results])
        (making / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
        if left_out is not None:
            rows = [asdict(left) for left in left_out.left_out]
            rows += [{"file": name, "reason": "missing", "detail": ""} for name in left_out.missing]
            _write_csv(making / "left-out.csv", rows, ("file", "reason", "detail"))
        for path in making.iterdir():
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(making)


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]], header: Sequence[str] = ()) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _track(
    project: Project,
    config: Config,
    request: Request,
    origin: Origin,
    trained_on: str,
    metrics: Mapping[str, float],
    folder: Path,
) -> str | None:
    """Log the run; a store that fails does not take back what was measured."""
    tags = {**origin_tags(project, config), **asdict(origin), "kind": EVALUATION, "split": request.split}
    tags |= {"measured": request.name, "trained_on": trained_on}
    try:
        tracking = Tracking(project)
        run_id = tracking.start(
            f"evaluate-{request.name}", tags, flatten(config.evaluate.model_dump(mode="json"), "evaluate.")
        )
        tracking.log(run_id, [Scalar.now(f"evaluate/{name}", value) for name, value in metrics.items()])
        tracking.keep_file(run_id, folder / "results.parquet")
        tracking.finish(run_id, "FINISHED")
    except Exception as error:  # any failure of a store or its server: the numbers must stand
        warn(f"MLflow does not keep this evaluation: {type(error).__name__}: {error}")
        return None
    return run_id
