"""The page of the Parquet files is written from the code."""

from pathlib import Path

from lamp_core.datasets.schema import CLIPS
from lamp_core.datasets.schema_page import PAGES, page, rows_of

PAGE = Path(__file__).parents[3] / "docs" / "schema.md"


def test_the_page_is_what_the_code_writes() -> None:
    assert PAGE.read_text() == page()


def test_every_field_has_a_meaning_and_arrays_a_shape() -> None:
    for of in PAGES:
        for name, kind, _, shape, meaning in rows_of(of.schema):
            assert meaning, (of.title, name)
            assert shape or not kind.startswith("list of float"), (of.title, name)


def test_fields_of_a_list_follow_it() -> None:
    names = [row[0] for row in rows_of(CLIPS)]
    assert names[names.index("captions") + 1 :][:2] == ["captions.text", "captions.words"]
    assert names[-2:] == ["part_captions.part", "part_captions.text"]
