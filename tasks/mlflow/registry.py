"""Trained models in MLflow's registry: a version for every training that made other weights.

A stage whose output holds ``config.json`` and safetensors is a model, ``lamp-STAGE`` in the registry. The
stage's process stores the files with its own run (`keep_model`); they become a version
(`Registry.make_version`) when DVC has recorded the output. Two aliases are moved here: ``best``, by the
stage's own metric, and ``best-DATA``, the same for each data set. ``latest`` is MLflow's own name for the
newest version, and the others are the user's.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lamp_core.errors import LampError
from tasks.dvc.versions import Versions
from tasks.mlflow.store import patiently, tracking_uri
from tasks.project import write_atomically
from tasks.stages.catalogue import CATALOGUE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from tasks.mlflow.tracking import Tracking

PREFIX, MODEL_FOLDER = "lamp-", "model"
CONFIGURATION, WEIGHTS = "config.json", ".safetensors"
FILES_OF_A_MODEL = {WEIGHTS, ".json", ".txt", ".model"}
LATEST, BEST, PRODUCTION = "latest", "best", "production"
ALIAS, VERSION_NAME = re.compile(r"[\w-]+"), re.compile(r"v\d+", re.IGNORECASE)
"""Names that MLflow takes for an alias, and those of them that it keeps for versions."""
DESCRIPTION, MADE_WITH = "registered.json", "made_with."
VERSIONS_A_PAGE = 200
COPIED = ("data", "profile", "params_hash", "git_commit", "git_dirty", "device", "flow_run")
"""Tags that a version takes over from the run that made it."""


@dataclass(frozen=True)
class Registered:
    """A version of a model.

    Args:
        stage: that made it.
        version: counted from 1.
        run_id: the MLflow run of the stage.
        weights: DVC's hash of the stage's output.
        data: data set.
        data_version: DVC's hash of the ingested data.
        comparable: versions with the same value were measured on the same; empty: with none.
        value: of the stage's metric; None where it has none.
        made_with: DVC's hash of the output of every stage before it.
        aliases: that point to it.
        created: milliseconds since the epoch.
        metric: that the value is of.
    """

    stage: str
    version: int
    run_id: str
    weights: str
    data: str
    data_version: str
    comparable: str
    value: float | None
    made_with: Mapping[str, str]
    aliases: tuple[str, ...]
    created: int
    metric: str = ""


class Registry:
    """The models of a project's MLflow store."""

    def __init__(self, tracking: "Tracking") -> None:
        self.tracking = tracking

    @property
    def client(self) -> "MlflowClient":
        """The store.

        Raises:
            StoreAway: its server does not answer.
        """
        return self.tracking.client

    def promote(self, stage: str, wanted: str, alias: str = PRODUCTION) -> Registered:
        """Point an alias to a version, and return it.

        Args:
            stage: whose model.
            wanted: number of a version, an alias, or the beginning of the id of the run that made it.
            alias: to move.

        Raises:
            LampError: an unknown model or version, or an alias that is not the user's, or that is no name.
        """
        if not ALIAS.fullmatch(alias) or VERSION_NAME.fullmatch(alias):
            raise LampError(
                f"'{alias}' is no alias: letters, digits, '-' and '_', and not v1, v2 and so on, which are "
                "versions"
            )
        if alias == LATEST or alias.startswith(BEST):
            raise LampError(
                f"alias '{alias}' follows the runs by itself; choose another, such as {PRODUCTION}"
            )
        found = self.find(stage, wanted)
        self._point(stage, alias, found.version)
        return found

    def find(self, stage: str, wanted: str) -> Registered:
        """The version of this number or alias, or made by the run whose id begins so (the newest of several).

        Raises:
            LampError: there is none; the known ones are named.
        """
        known = self.versions(stage)
        if not known:
            models = ", ".join(self.stages()) or "none; `lamp run` trains them"
            raise LampError(f"no registered model '{stage}'; known: {models}")
        for version in known:
            names = {str(version.version), *version.aliases}
            if wanted in names or (len(wanted) > 5 and version.run_id.startswith(wanted)):
                return version
        shown = ", ".join(f"{version.version} (run {version.run_id[:8]})" for version in known[:10])
        raise LampError(f"no version '{wanted}' of model '{stage}'; known: {shown}")

    def fetch(self, stage: str, wanted: str, folder: Path) -> list[Registered]:
        """Write a version, and the versions of the models it was made with, to ``folder/STAGE`` each.

        Each folder says in ``registered.json`` what it holds. One that holds the same already is left.

        Raises:
            LampError: an unknown version, or a folder that holds something else.
        """
        chosen = [self.find(stage, wanted)]
        for name, weights in chosen[0].made_with.items():
            chosen += [version for version in self.versions(name) if version.weights == weights][:1]
        for version in chosen:
            self._download(version, folder / version.stage)
        return chosen

    def _download(self, version: Registered, folder: Path) -> None:
        from mlflow.artifacts import download_artifacts

        content = {"model": PREFIX + version.stage, "version": version.version, "weights": version.weights}
        note = folder / DESCRIPTION
        if note.is_file() and json.loads(note.read_text()) == content:
            return
        if folder.exists():
            raise LampError(f"{folder} holds something else already; name another folder")
        uri = self.client.get_model_version_download_uri(PREFIX + version.stage, str(version.version))
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            files = Path(scratch) / folder.name
            files.mkdir()
            store = tracking_uri(self.tracking.project)
            new = Path(download_artifacts(artifact_uri=uri, dst_path=str(files), tracking_uri=store))
            write_atomically(new / DESCRIPTION, json.dumps(content, indent=2) + "\n")
            os.replace(new, folder)

    def stages(self) -> list[str]:
        """Stages that have a registered model."""
        names = (model.name for model in self.client.search_registered_models(max_results=VERSIONS_A_PAGE))
        return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))

    def versions(self, stage: str) -> list[Registered]:
        """All versions of a stage's model, the newest first."""
        aliases = self._aliases(stage)
        found: list[Registered] = []
        token: str | None = ""
        while token is not None:
            page = self.client.search_model_versions(
                f"name = '{PREFIX}{stage}'", max_results=VERSIONS_A_PAGE, page_token=token or None
            )
            found += [_described(stage, version, aliases) for version in page]
            token = page.token or None
        return sorted(found, key=lambda version: version.version, reverse=True)

    def make_version(self, stage: str, run_id: str, lineage: Mapping[str, str]) -> None:
        """Make a version of the model that a run stored, and move the aliases; nothing where it stored none.

        Args:
            stage: that made it.
            run_id: of the stage.
            lineage: tags of the version, beside those of its run.
        """
        if not self._has_files(run_id):
            return
        origin = self.client.get_run(run_id)
        tags = {**{name: origin.data.tags[name] for name in COPIED if origin.data.tags.get(name)}, **lineage}
        known = self.versions(stage)
        same = next((version for version in known if version.weights == tags["weights"]), None)
        if same is None:
            self._create_model(stage)
            made = patiently(
                lambda: self.client.create_model_version(
                    PREFIX + stage,
                    f"{origin.info.artifact_uri}/{MODEL_FOLDER}",
                    run_id,
                    tags=tags,
                    description=_description(stage, tags),
                )
            )
            self._show_model(stage, run_id)
            same = _described(stage, made, {})
            known = [same, *known]
        best = best_of(stage, known, same.comparable)
        if best is not None:
            self._point(stage, BEST, best.version)
            self._point(stage, f"{BEST}-{best.data}", best.version)

    def _show_model(self, stage: str, run_id: str) -> None:
        """Show the model in MLflow's own column of the run that made it."""
        from mlflow.entities import LoggedModelOutput

        made = self.client.create_logged_model(
            self.tracking.experiment_id, name=PREFIX + stage, source_run_id=run_id
        )
        self.client.finalize_logged_model(made.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, 0)])

    def _create_model(self, stage: str) -> None:
        from mlflow.exceptions import MlflowException

        ranking = CATALOGUE.ranking(stage)
        rule = f"; {BEST}: {ranking.told} on the same data" if ranking else ""
        try:
            self.client.create_registered_model(PREFIX + stage, description=f"Output of stage {stage}{rule}.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _has_files(self, run_id: str) -> bool:
        """Whether the stage's process, on whatever machine, stored a model with its run."""
        return any(file.path == MODEL_FOLDER for file in self.client.list_artifacts(run_id))

    def _aliases(self, stage: str) -> dict[int, list[str]]:
        """The aliases of each version."""
        from mlflow.exceptions import MlflowException

        try:
            model = self.client.get_registered_model(PREFIX + stage)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
        newest = max((int(version.version) for version in model.latest_versions), default=0)
        aliases: dict[int, list[str]] = {newest: [LATEST]}
        for alias, version in sorted(model.aliases.items()):
            aliases.setdefault(int(version), []).append(alias)
        return aliases

    def _point(self, stage: str, alias: str, version: int) -> None:
        patiently(partial(self.client.set_registered_model_alias, PREFIX + stage, alias, str(version)))


def is_model(folder: Path) -> bool:
    """Whether a stage's output is a model: weights in safetensors beside their configuration."""
    return (folder / CONFIGURATION).is_file() and any(folder.glob(f"*{WEIGHTS}"))


def keep_model(tracking: "Tracking", run_id: str, folder: Path) -> None:
    """Store weights and configuration with the run that made them; nothing for a folder that is no model."""
    if is_model(folder):
        files = [path for path in sorted(folder.rglob("*")) if path.suffix in FILES_OF_A_MODEL]
        tracking.keep_outputs(run_id, files, folder, MODEL_FOLDER)


def best_of(stage: str, versions: Iterable[Registered], comparable: str) -> Registered | None:
    """The best of the versions that compare, the oldest of equal ones; None where none does."""
    ranking = CATALOGUE.ranking(stage)
    best: Registered | None = None
    for version in sorted(versions, key=lambda version: version.version):
        if ranking is None or version.value is None or not comparable or version.comparable != comparable:
            continue
        by = ranking.of({version.metric})
        if best is None or best.value is None or by.is_better(version.value, best.value):
            best = version
    return best


def lineage_of(versions: Versions, stage: str, metrics: Mapping[str, float]) -> dict[str, str]:
    """The tags of a version: what it is, what it was made of, and what it was measured by."""
    declared = CATALOGUE.ranking(stage)
    ranking = declared.of(metrics) if declared else None
    value = metrics.get(ranking.metric) if ranking else None
    inputs = [versions.output_hash(name) for name in ranking.same] if ranking else []
    upstream = {
        f"{MADE_WITH}{name}": versions.output_hash(name) or ""
        for name in versions.graph.until(stage)
        if name != stage
    }
    return {
        **({"metric": ranking.metric, "value": repr(value)} if ranking and value is not None else {}),
        **upstream,
        "stage": stage,
        "weights": versions.output_hash(stage) or "",
        "lock_hash": versions.lock_hash(stage) or "",
        "data_version": versions.output_hash(next(iter(versions.graph))) or "",
        "comparable": "+".join(map(str, inputs)) if value is not None and all(inputs) else "",
    }


def _description(stage: str, tags: Mapping[str, str]) -> str:
    measured = f", {tags['metric']} {float(tags['value']):.4g}" if "value" in tags else ""
    return (
        f"{stage} trained on {tags.get('data', 'unknown data')}, profile {tags.get('profile', '')}{measured}"
    )


def _described(stage: str, version: "ModelVersion", aliases: Mapping[int, list[str]]) -> Registered:
    tags, number = version.tags, int(version.version)
    return Registered(
        stage=stage,
        version=number,
        run_id=str(version.run_id),
        weights=tags.get("weights", ""),
        data=tags.get("data", ""),
        data_version=tags.get("data_version", ""),
        comparable=tags.get("comparable", ""),
        value=float(tags["value"]) if "value" in tags else None,
        made_with={
            name.removeprefix(MADE_WITH): hash for name, hash in tags.items() if name.startswith(MADE_WITH)
        },
        aliases=tuple(aliases.get(number, ())),
        created=int(version.creation_timestamp),
        metric=tags.get("metric", ""),
    )
