"""``lamp data``: what the registered data sets consist of, how they differ, and shards of generated clips."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cluster_option import MOST_MACHINES
from flows.terminal import line_console, progress_bar
from lamp_core.config.base import LARGEST_SEED
from lamp_core.errors import LampError
from tasks.project import Project, find_project, write_atomically

if TYPE_CHECKING:
    from lamp_core.datasets.describe import Description, Reason
    from lamp_core.datasets.drift import Drift
    from tasks.dataset_outputs import DatasetOutputs

app = typer.Typer(no_args_is_help=True, add_completion=False)

INGEST = "ingest"
DatasetName = Annotated[str, typer.Argument(help="Name of a registered data set.")]
SHORT_VERSION = 8
MOST_CLIPS = 10**9


@app.command("list")
def list_sets() -> None:
    """Show every registered data set: kind, version, clips, hours and features, as far as they are known."""
    from lamp_core.config import load_params
    from lamp_core.datasets.registry import source_names

    project = find_project()
    config = load_params(project.params_file)
    rows = [
        [f"{name} *" if name == config.ingest.data else name, *_figures(project, name)]
        for name in source_names(project.data)
    ]
    notes = ["* the workspace's; -: no clips of it stand here, `lamp data describe NAME` makes them"]
    hash_in_lock = _hash_in_lock(project)
    if hash_in_lock is not None:
        notes.append(f"runs on it are tagged data_version {hash_in_lock}")
    _print(["name", "kind", "version", "clips", "hours", "skeleton", "features"], rows, notes)


def _print(header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    from flows.tables import print_table
    from lamp_core.report.tables import TextTable

    print_table(line_console(), TextTable("", header, rows, notes, numbers=False))


def _hash_in_lock(project: Project) -> str | None:
    """DVC's hash of the workspace's clips, by which ``git log -S HASH -- dvc.lock`` finds its commits."""
    from tasks.dvc.graph import read_graph
    from tasks.dvc.versions import Versions

    graph = read_graph(project)
    return Versions(project, graph).output_hash(INGEST) if INGEST in graph else None


def _figures(project: Project, name: str) -> list[str]:
    """Kind, version, clips, hours, skeleton and features of a data set; dashes where no outputs stand."""
    from lamp_core.config import load_params
    from lamp_core.datasets.describe import size_of
    from lamp_core.datasets.registry import load_source
    from lamp_core.skeleton.skeleton import load_skeleton
    from tasks.dataset_outputs import known_outputs

    kind = "-"
    try:
        kind = load_source(project.data, name).kind
        outputs = known_outputs(project, load_params(project.params_file), name)
    except LampError as error:
        return [kind, f"unreadable: {error}", *"----"]
    if outputs is None:
        return [kind, *"-----"]
    clips, seconds = size_of(outputs.ingest)
    skeleton = load_skeleton(outputs.metadata.skeleton)
    version = outputs.metadata.version[:SHORT_VERSION]
    return [kind, version, f"{clips:,}", f"{seconds / 3600:.2f}", skeleton.name, str(skeleton.feature_count)]


@app.command("describe")
def describe_set(
    name: DatasetName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Page to write (.html); else .lamp/describe/NAME.html."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Add the drift against a data set or a folder of statistics.")
    ] = None,
) -> None:
    """Count clips, captions and words, measure features, list rejected clips; with plots in an HTML page."""
    from lamp_core.config import load_params
    from lamp_core.datasets.describe import describe
    from lamp_core.report.data_set_page import render_description

    project = find_project()
    page = output or project.state / "describe" / f"{name}.html"
    if page.suffix.lower() != ".html":
        raise LampError(f"{page}: unknown ending {page.suffix!r}; known: .html")
    outputs = _outputs(project, name)
    limits = load_params(project.params_file).ingest.limits
    described = describe(outputs.ingest, outputs.features, limits)
    drift = _drift(project, name, against) if against is not None else None
    write_atomically(page, render_description(described, drift))
    _print_description(described)
    typer.echo(page)


@app.command("drift")
def drift_of_sets(
    name: DatasetName,
    against: Annotated[str, typer.Option(help="Another data set, or a folder with Mean.npy and Std.npy.")],
) -> None:
    """Compare the features of a data set with another set's or with published statistics."""
    _print_drift(_drift(find_project(), name, against))


@app.command("shard")
def shard_clips(
    folder: Annotated[Path, typer.Argument(help="Folder to write; `large_motion.shards` then names it.")],
    clips: Annotated[int, typer.Option(min=1, max=MOST_CLIPS, help="Generated clips.")] = 1_000_000,
    clips_a_shard: Annotated[int, typer.Option(min=1, max=MOST_CLIPS, help="Of them in a file.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the generator.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, max=MOST_MACHINES, help="Processes; one a core without it.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Dask scheduler (tcp://HOST:8786) that makes the shards instead.")
    ] = None,
) -> None:
    """Generate clips and keep their codes and captions in shards; those that stand are not made again."""
    from lamp_core.large_motion.make_shards import make_shards
    from tasks.system.resources import cores

    project = find_project()
    with progress_bar("shards") as on_progress:
        made = make_shards(
            folder,
            project.output("features"),
            project.output("tokenizer_grid"),
            clips=clips,
            seed=seed,
            clips_a_shard=clips_a_shard,
            processes=workers or cores(),
            cluster=cluster,
            on_progress=on_progress,
        )
    typer.echo(f"{folder}: {made.items:,} items in {len(made.shards):,} shards")


def _drift(project: Project, name: str, against: str) -> "Drift":
    from lamp_core.datasets.drift import compare, moments_of_folder
    from lamp_core.datasets.registry import source_names

    if against in source_names(project.data):
        other = moments_of_folder(_outputs(project, against).features)
    elif Path(against).is_dir():
        other = moments_of_folder(Path(against))
    else:
        known = ", ".join(source_names(project.data))
        raise LampError(f"{against!r} is neither a data set ({known}) nor a folder with Mean.npy and Std.npy")
    return compare(moments_of_folder(_outputs(project, name).features), other)


def _outputs(project: Project, name: str) -> "DatasetOutputs":
    """The set's clips and features, made when they do not stand, with a bar."""
    from lamp_core.config import load_params
    from tasks.dataset_outputs import outputs_of

    with progress_bar(f"ingest {name}") as on_progress:
        return outputs_of(project, load_params(project.params_file), name, on_progress)


def _print_description(described: "Description") -> None:
    typer.echo(
        f"{described.name} {described.version[:SHORT_VERSION]}: {described.clips:,} clips, "
        f"{described.hours:.2f} h, {len(described.words_C):,} captions, "
        f"{described.vocabulary:,} words, {described.feature_count} features ({described.skeleton})"
    )
    if described.lengths is not None:
        lengths = described.lengths
        typer.echo(
            f"clips last {lengths.shortest:.1f} to {lengths.longest:.1f} s, "
            f"half of them under {lengths.median:.1f}, 95 % under {lengths.percentile_95:.1f}"
        )
    rows = [
        [each.split, f"{each.clips:,}", f"{each.captions:,}", f"{each.frames:,}", f"{each.seconds / 60:.1f}"]
        for each in described.splits
    ]
    _print(["split", "clips", "captions", "frames", "minutes"], rows)
    for remark in described.remarks:
        typer.echo(f"note: {remark}")
    _print_reasons("rejected", described.rejected)
    _print_reasons("warned", described.warnings)


def _print_reasons(what: str, reasons: "Sequence[Reason]") -> None:
    if not reasons:
        typer.echo(f"{what}: none")
    for reason in reasons:
        clip, detail = reason.examples[0]
        typer.echo(f"{what} {reason.reason}: {reason.clips:,} ({clip}: {detail})")


def _print_drift(drift: "Drift") -> None:
    typer.echo(f"{drift.name} against {drift.against}")
    groups = [
        [each.group, f"{each.shift:.2f}", f"{each.largest_shift:.2f}", f"{each.ratio:.2f}"]
        for each in drift.groups
    ]
    _print(["group", "shift", "largest shift", "ratio of deviations"], groups)
    numbers = [
        [each.name, f"{each.mean:.4g}", f"{each.other_mean:.4g}", f"{each.shift:+.2f}"]
        for each in drift.worst
    ]
    _print(["number", "mean", "other mean", "shift"], numbers)
