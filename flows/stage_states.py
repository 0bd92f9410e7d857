"""The state of every stage, as ``lamp status`` tells it."""

from tasks.graph import read_graph
from tasks.progress import Progress, read_progress
from tasks.project import Project
from tasks.versioning import Versions


def stage_states(project: Project) -> dict[str, tuple[str, str]]:
    """State and reason by stage: running, fresh, stale or missing; what needs a stale stage is stale too."""
    graph = read_graph(project)
    found = Versions(project, graph).status()
    states: dict[str, tuple[str, str]] = {}
    for name, stage in graph.items():
        progress = read_progress(project.progress_file(name))
        before = [other for other in stage.upstream if states[other][0] != "fresh"]
        freshness = found[name]
        if progress is not None and progress.is_alive:
            share = f" {progress.done}/{progress.total}" if progress.total else ""
            states[name] = ("running", f"process {progress.pid}{share} {progress.text}".rstrip())
        elif freshness.state == "fresh" and before:
            states[name] = ("stale", f"{', '.join(before)} will change")
        else:
            states[name] = (
                freshness.state,
                "; ".join([*freshness.reasons, *_last_word(progress, freshness.state)]),
            )
    return states


def _last_word(progress: Progress | None, state: str) -> list[str]:
    """How the last run of a stage that is not fresh ended, when it did not end well."""
    if progress is None or state == "fresh" or progress.state == "done":
        return []
    if progress.state == "failed":
        return [f"failed: {progress.error}"]
    return ["interrupted; goes on from its checkpoint"]
