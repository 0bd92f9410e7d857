"""``lamp evaluate``: any protocol on demand, for the models or another system's motions or captions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from flows.commands.motion_options import AS_FILES_SAY, HowRead, reads_motions
from flows.terminal import line_console, progress_bar
from lamp_core.config.evaluation import EvaluationProtocol
from lamp_core.errors import LampError
from lamp_core.evaluation.catalogue import Metric
from lamp_core.systems.catalogue import MODELS
from tasks.project import find_project

if TYPE_CHECKING:
    from lamp_core.report.metric_tables import Cell, MetricTable
    from lamp_core.report.tables import TextTable
    from tasks.evaluations import Evaluation

SPLITS = ("train", "val", "test", "all")
ABSENT = "–"
STAGES = ", ".join(model.stage for model in MODELS)
PROTOCOLS = ", ".join(get_args(EvaluationProtocol))
OTHER_MOTIONS = typer.Option(
    help="Measure a folder of other motions instead: CLIP.npy, or CLIP_k.npy for its caption k, "
    "joints (T, J, 3) or features (T, D).",
    metavar="FOLDER",
)
OTHER_CAPTIONS = typer.Option(
    help="Measure other captions of the motions instead: .json {clip: caption}, or .csv or .parquet "
    "with the columns clip and caption.",
    metavar="FILE",
)


@reads_motions
def evaluate(
    of: Annotated[
        str | None,
        typer.Option(help=f"Measure the model of this stage alone: {STAGES}.", metavar="STAGE"),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Measure by this protocol: {PROTOCOLS}; may be repeated.",
            metavar="P",
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Of every sampled metric and generation; else as in params.yaml."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data set that the models have to be of.", metavar="NAME")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            help="Measure on another registered data set, by the models' statistics and evaluator.",
            metavar="OTHER",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Split that is measured on: train, val, test or all.")] = "test",
    motions: Annotated[Path | None, OTHER_MOTIONS] = None,
    captions: Annotated[Path | None, OTHER_CAPTIONS] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write to; else one in data/evaluations.")
    ] = None,
    how: HowRead = AS_FILES_SAY,
) -> None:
    """Measure the trained models of the workspace: tables, Parquet, CSV, JSON and an MLflow run."""
    from flows.tables import print_tables
    from lamp_core.report.result_tables import result_tables
    from lamp_core.report.second_opinion import judgements_of, second_opinions
    from tasks.evaluations import Request, evaluate_on_demand

    if split not in SPLITS:
        raise LampError(f"unknown split '{split}'; known: {', '.join(SPLITS)}")
    opened = how.gate(reads=motions is not None)
    request = Request(of, protocol or (), repeats, data, on, split, motions, captions, output, opened)
    with progress_bar("measuring") as on_progress:
        found = evaluate_on_demand(find_project(), request, on_progress)
    measured = result_tables(found.results)
    tables = [*map(text_table, measured), *second_opinions(judgements_of(measured))]
    print_tables(line_console(), tables)
    _print_record(found)


def text_table(table: "MetricTable") -> "TextTable":
    """A metric table as text; the heading of a group of rows stands before each of its systems."""
    from lamp_core.report.tables import ARROWS, TextTable

    header = [
        " ".join(filter(None, (column.heading, ARROWS[column.direction], column.unit)))
        for column in table.columns
    ]
    rows = [
        [
            f"{group.heading}: {row.system}" if group.heading else row.system,
            *(_shown(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)),
        ]
        for group in table.groups
        for row in group.rows
    ]
    by = f", evaluator {table.evaluator}" if table.evaluator != "none" else ""
    facts = (
        f"{table.protocol}{by}; {table.items} items, one training, {table.repeats} repeats, ± is half of the "
        "95 % interval over the repeats"
    )
    return TextTable(table.title, ["", *header], rows, [facts, *table.remarks])


def _shown(cell: "Cell | None", column: "Metric") -> str:
    if cell is None:
        return ABSENT
    if not cell.measured:
        return "not measured"
    half = f" ± {cell.interval:.{column.decimals}f}" if cell.interval > 0 else ""
    return f"{cell.value:.{column.decimals}f}{half}"


def _print_record(found: "Evaluation") -> None:
    """What was measured of what, and where it is written."""
    origin = found.origin
    lines = [
        f"data set {origin.data}, version {origin.data_version[:12]}; models of {origin.model_run[:12]}",
        f"written: {found.folder}",
        f"MLflow run: {found.run_id}" if found.run_id else "",
    ]
    if found.left_out is not None:
        lines.insert(0, f"{found.left_out.summary}; {found.folder / 'left-out.csv'} names them")
    for line in filter(None, lines):
        typer.echo(line)
