"""Which models a measurement speaks of: the MLflow run that made them, or the commit of the code."""

from tasks.dvc.graph import read_graph
from tasks.dvc.versions import Versions
from tasks.mlflow.tags import git_tags
from tasks.mlflow.tracking import Tracking
from tasks.project import Project
from tasks.stages.catalogue import CATALOGUE
from tasks.system.redaction import warn


def model_run(
    project: Project, tracking: Tracking | None = None, *, measured_by: str, first: str | None = None
) -> str:
    """Return the run of the last trained stage whose output is recorded and tracked; else the commit.

    A dirty tree is told by ``+`` behind the commit; ``unknown`` where there is no commit either.

    Args:
        project: the project.
        tracking: its store.
        measured_by: the evaluation whose models they are: those that this stage reads.
        first: the one of them that is measured, where it is one alone; it is asked for before the others.
    """
    models = CATALOGUE.models_of(measured_by)
    ordered = [*(name for name in models if name == first), *reversed(models)]  # its inputs are the others
    versions = Versions(project, read_graph(project))
    tracking = tracking or Tracking(project)
    for stage in dict.fromkeys(ordered):
        lock_hash = versions.lock_hash(stage) if stage in versions.graph else None
        if lock_hash is None:
            continue
        try:
            maker = tracking.maker(stage, lock_hash, versions.output_hash(stage) or "")
        except Exception as error:  # any failure of a store or its server: what was measured must stand
            warn(f"MLflow does not tell who made the models: {error}")
            break
        if maker is not None:
            return maker
    tags = git_tags(project)
    return tags["git_commit"] + ("+" if tags["git_dirty"] == "true" else "") or "unknown"
