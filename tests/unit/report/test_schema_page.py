"""The page of the Parquet files is written from the code."""

import importlib
from pathlib import Path

import pyarrow as pa

from lamp_core.datasets.schema import CLIPS
from lamp_core.report.schema_page import CHANNELS, PAGES, page, rows_of

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "schema.md"


def test_the_page_is_what_the_code_writes() -> None:
    assert PAGE.read_text() == page()


def test_every_field_has_a_meaning_and_arrays_a_shape() -> None:
    for of in PAGES:
        for name, kind, _, shape, meaning in rows_of(of.schema):
            assert meaning, (of.title, name)
            assert shape or not kind.startswith("list of float"), (of.title, name)


def test_every_schema_of_the_library_stands_on_the_page() -> None:
    """Modules that define one are found by their text, so that a new file cannot be forgotten."""
    shown = [of.schema for of in PAGES]
    for path in sorted((REPOSITORY / "lamp_core").rglob("*.py")):
        if "pa.schema(" in path.read_text():
            module = importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
            for name, value in vars(module).items():
                if isinstance(value, pa.Schema):
                    names = set(value.names)
                    assert any(names <= set(schema.names) for schema in shown), f"{module.__name__}.{name}"


def test_lists_of_lists_are_told_by_their_type() -> None:
    kinds = {name: kind for of in PAGES for name, kind, *_ in rows_of(of.schema)}
    assert (kinds["codes"], kinds["captions.words"]) == (f"list of {CHANNELS} uint16", "list of string")
    assert kinds["features"].startswith("list of float") and kinds["part_captions"].endswith(", optional")


def test_fields_of_a_list_follow_it() -> None:
    names = [row[0] for row in rows_of(CLIPS)]
    assert names[names.index("captions") + 1 :][:2] == ["captions.text", "captions.words"]
    assert names[names.index("part_captions") + 1 :][:2] == ["part_captions.part", "part_captions.text"]
    assert names[-2:] == ["labels.name", "labels.value"]
