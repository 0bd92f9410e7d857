"""Experiment files: rows or a grid of overrides, each a run of the pipeline, and the tables they make."""

import re
import typing
from collections import Counter
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from lamp_core.config.base import Count, Section
from lamp_core.config.models import Config
from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MEASURED_LAST = "evaluate"
COMMON = ("evaluator",)
"""Sections with a training that all seeds share: what measures."""
Label = Annotated[str, Field(min_length=1, max_length=80)]
Name = Annotated[str, Field(pattern=NAME)]
Settings = dict[str, Any]
"""Parameters by dotted name, nested or not."""


class MetricColumn(Section):
    """A metric of one system as a column of an experiment's table.

    What is left out is as the catalogue of metrics has it.
    """

    system: str = Field(
        "",
        description="what was measured: the name of a model, or of a stage for its own metrics; empty: the "
        "first one that is no baseline",
    )
    metric: str = Field(description="R-Precision top 1, FID, or a name in data/metrics/STAGE.json")
    direction: Literal["higher", "lower", "closer", "neither"] = Field(
        "neither", description="what is better; closer: to the ground truth"
    )
    label: str = Field("", description="heading; the metric's name when empty")
    unit: str = Field("", description="under the heading")
    decimals: int = Field(3, ge=0, le=9, description="of values and intervals")
    factor: float = Field(1.0, description="values are multiplied by it (100 for a share in per cent)")

    @property
    def heading(self) -> str:
        """The label, or else the metric's name."""
        return self.label or self.metric


TEXT_TO_MOTION = tuple(
    MetricColumn(metric=metric)
    for metric in (
        *(f"R-Precision top {top}" for top in (1, 2, 3)),
        *("FID", "MM-Dist", "Diversity", "MultiModality"),
    )
)
MINILM = tuple(MetricColumn(metric=f"MiniLM-{name}") for name in ("R-Precision top 3", "FID", "MM-Dist"))
LAMP_BERT_SCORE = tuple(
    MetricColumn(metric=f"LaMP-BertScore ({of})", label=of) for of in ("true motion", "references")
)


class ResultTable(Section):
    """Columns of one protocol; numbers of several evaluators become a table each."""

    title: str = Field(description="heading")
    protocol: str = Field("", description="only numbers whose protocol begins with this; empty: any")
    columns: Annotated[tuple[MetricColumn, ...], Field(min_length=1)] = Field(description="the metrics")


class ScalingFit(Section):
    """A law of the sizes of model and data, fitted to the rows; it predicts those that check it."""

    title: str = Field(description="heading")
    protocol: str = Field("", description="only numbers whose protocol begins with this; empty: any")
    value: MetricColumn = Field(description="the metric that the law is of, a loss")
    ceiling: float | None = Field(
        None, description="of a metric that rises: the law is of what is missing to this (1 of a share)"
    )
    model_size: MetricColumn = Field(description="metric of a row: how large its model is")
    data_size: MetricColumn = Field(description="metric of a row: on how much it was trained")


class Chart(Section):
    """A metric over a parameter of the grid, a line a row."""

    title: str = Field(description="heading")
    protocol: str = Field("", description="only numbers whose protocol begins with this; empty: any")
    x: str = Field(description="parameter of the grid, along the horizontal axis; its values are numbers")
    x_log: bool = Field(False, description="whether that axis is logarithmic")
    y: MetricColumn = Field(description="the metric")


class Published(Section):
    """Where the published values of the rows come from; they are never ranked beside measured ones."""

    source: str = Field(description="paper and table")
    data: str = Field(description="data set of the published values")
    evaluator: str = Field(description="evaluator of the published values")


class Base(Section):
    """What all rows share."""

    data: str | None = Field(None, description="registered data set; that of params.yaml when left out")
    profile: str | None = Field(None, description="profile; the values of params.yaml when left out")
    set: Settings = Field({}, description="parameters that differ from the profile")


class Row(Section):
    """One run of the pipeline."""

    label: Label = Field(description="what the row is called in the tables")
    set: Settings = Field({}, description="parameters that differ from the base")
    data: str | None = Field(None, description="data set of this row, when it is not that of the base")
    pretrained_on: str | None = Field(
        None, description="data set on which the LaMP of this row is pretrained, with the row's profile"
    )
    published: dict[str, str] = Field({}, description="published values as text, by metric")
    check: bool = Field(False, description="fits are not made of it; they predict it")
    shows: dict[str, str] = Field(
        {}, description="by a column's system (a model or a stage), the one that the row shows in its place"
    )


class Experiment(Section):
    """An experiment file."""

    name: Name = Field(description="lower-case letters, digits and hyphens; data/experiments/NAME")
    title: str = Field(description="heading of the tables")
    description: str = Field("", description="what is compared, and what to expect")
    base: Base = Base()
    rows: tuple[Row, ...] = Field((), description="runs in the order of the table")
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {},
        description="values by parameter: every combination is a run, of each row when there are rows; a "
        "parameter that a row sets itself keeps that value alone",
    )
    checks: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {}, description="values of the grid whose rows check the fits, in place of `check` at a row"
    )
    seeds: Count = Field(
        1, description="trainings of every row: each adds one more to the seeds of all that trains"
    )
    until: str = Field(MEASURED_LAST, description="last stage of every row")
    tables: tuple[ResultTable, ...] = Field(
        (), description="text to motion by both evaluators and LaMP-BertScore when left out"
    )
    fits: tuple[ScalingFit, ...] = Field((), description="laws of the sizes of model and data")
    charts: tuple[Chart, ...] = Field((), description="metrics over a parameter of the grid")
    published: Published | None = Field(None, description="where the rows' published values come from")

    @model_validator(mode="after")
    def _is_whole(self) -> "Experiment":
        if not self.rows and not self.grid:
            raise ValueError("there are neither rows nor a grid")
        twice = [label for label, times in Counter(row.label for row in self.rows).items() if times > 1]
        if twice:
            raise ValueError(f"two rows are called {twice[0]!r}")
        if self.until != MEASURED_LAST and not self.tables:
            raise ValueError(f"rows that end with the stage {self.until} need tables")
        if any(row.published for row in self.rows) and self.published is None:
            raise ValueError("rows have published values, and `published` does not say where from")
        columns = {column.system for table in self.shown for column in table.columns}
        for row in self.rows:
            if unknown := [system for system in row.shows if system not in columns]:
                raise ValueError(
                    f"row {row.label!r} shows something in place of {unknown[0]!r}, which no column is of; "
                    f"columns are of: {', '.join(sorted(filter(None, columns)))}"
                )
        for chart in self.charts:
            if chart.x not in self.grid:
                known = ", ".join(self.grid) or "nothing"
                raise ValueError(f"charts: {chart.x} is no parameter of the grid, which has {known}")
        for key, values in self.checks.items():
            if absent := [value for value in values if value not in self.grid.get(key, ())]:
                raise ValueError(f"checks: {key} {_as_yaml(absent[0])} is no value of the grid")
        return self

    @property
    def shown(self) -> tuple[ResultTable, ...]:
        """The tables of the file, or those of text to motion by both evaluators and LaMP-BertScore."""
        default = (
            ResultTable(title="Text to motion", protocol="text to motion", columns=TEXT_TO_MOTION),
            ResultTable(
                title="Text to motion, MiniLM as the evaluator", protocol="text to motion", columns=MINILM
            ),
            ResultTable(title="LaMP-BertScore", protocol="LaMP-BertScore", columns=LAMP_BERT_SCORE),
        )
        return self.tables or default

    def planned(self) -> list[Row]:
        """All rows: those of the file, each in every combination of the grid."""
        return [
            _combined(row, chosen, is_check=self._is_check(chosen))
            for row in self.rows or (None,)
            for chosen in self._combinations(row)
        ]

    def _is_check(self, chosen: Mapping[str, Any]) -> bool:
        return any(value in self.checks.get(key, ()) for key, value in chosen.items())

    def _combinations(self, row: Row | None) -> list[dict[str, Any]]:
        """The combinations of the grid, without the parameters that the row sets itself."""
        own = {line.partition("=")[0] for line in assignments(row.set)} if row else set()
        free = {key: values for key, values in self.grid.items() if key not in own}
        return [dict(zip(free, values, strict=True)) for values in product(*free.values())]


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        LampError: no such file, no YAML mapping, an unknown key or a wrong value, with its path.
    """
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LampError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise LampError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise LampError(f"{path} describes no experiment; it needs name, title and rows or grid")
    return _validated(values, str(path))


def changed(experiment: Experiment, **values: object) -> Experiment:
    """Return the experiment under another name, or with other seeds; what is None stays.

    Raises:
        LampError: a name of other characters than lower-case letters, digits and hyphens, or no seed.
    """
    given = {key: value for key, value in values.items() if value is not None}
    return _validated(
        {**experiment.model_dump(exclude_unset=True), **given}, " ".join(f"--{key}" for key in given)
    )


def with_seed(config: Config, seed: int) -> Config:
    """Return the parameters with this added to the seeds of all that trains, but for the evaluator's.

    Data, evaluator and the draws of the evaluation stay those of all seeds, so that their numbers compare.
    """
    sections = {
        name: section.model_copy(
            update={"training": training.model_copy(update={"seed": training.seed + seed})}
        )
        for name, section in config
        if name not in COMMON and (training := getattr(section, "training", None)) is not None
    }
    return config.model_copy(update=sections)


def assignments(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Parameters as ``a.b=value``, values in YAML, as `override` takes them."""
    found: list[str] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found += assignments(value, f"{prefix}{key}.")
        else:
            found.append(f"{prefix}{key}={_as_yaml(value)}")
    return found


def _combined(row: Row | None, chosen: Mapping[str, Any], *, is_check: bool) -> Row:
    words = ", ".join(f"{key}={_as_yaml(value)}" for key, value in chosen.items())
    if row is None:
        return Row(label=words, set=dict(chosen), check=is_check)
    label = f"{row.label}, {words}" if words else row.label
    values = {"label": label, "set": {**row.set, **chosen}, "check": row.check or is_check}
    return row.model_copy(update=values)


def _as_yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return re.sub(r"\n(\.\.\.\n)?$", "", text)


def _validated(values: Mapping[str, Any], where: str) -> Experiment:
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise LampError(f"{where}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    first = error.errors()[0]
    location = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key '{location}'; known there: {', '.join(_known_beside(first['loc']))}"
    if first["type"] == "value_error":
        return f"{location + ': ' if location else ''}{first['ctx']['error']}"
    if first["type"] == "missing":
        return f"'{location}' is missing"
    return f"'{location}': {first['msg'].lower()}, got {first.get('input')!r}"


def _known_beside(location: tuple[str | int, ...]) -> list[str]:
    model: Any = Experiment
    for part in location[:-1]:
        annotation = model if isinstance(part, int) else model.model_fields[part].annotation
        model = next(_models_in(annotation), model)
    return list(model.model_fields)


def _models_in(annotation: Any) -> typing.Iterator[type[BaseModel]]:
    """Models that a type holds: itself, or those of its arguments (``tuple[Row, ...]``, ``Base | None``)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
