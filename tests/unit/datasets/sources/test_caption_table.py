"""Tables of captions as spreadsheets and scripts write them."""

from pathlib import Path

import pytest

from lamp_core.datasets.sources.base import existing_captions
from lamp_core.datasets.sources.caption_table import caption_of_row, read_caption_table
from lamp_core.errors import LampError

WALKS = "walks, then turns"


def texts_of(path: Path) -> dict[str, list[str]]:
    return {
        name: [caption.text for row in rows if (caption := caption_of_row(row))]
        for name, rows in read_caption_table(path).items()
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a comma.csv", f'name,caption\na,"{WALKS}"\nb,jumps\n'),
        ("a semicolon.csv", f"name;caption\na;{WALKS}\nb;jumps\n"),
        ("a tab.csv", f"name\tcaption\na\t{WALKS}\nb\tjumps\n"),
        ("a tab.TSV", f"a\t{WALKS}\nb\tjumps\n"),
        ("quotes.tsv", f'name\tcaption\na\t"{WALKS}"\nb\tjumps\n'),
        ("an index.csv", f'id,name,caption\n0,a,"{WALKS}"\n1,b,jumps\n'),
        ("a nameless index.csv", f',file,text\n0,a.npy,"{WALKS}"\n1,b.bvh,jumps\n'),
        ("more columns.csv", f'Split;Caption;Clip\ntrain;"{WALKS}";a\ntest;jumps;b\n'),
        ("Windows.csv", f'"name";"caption"\r\n"a";"{WALKS}"\r\n"b";"jumps"\r\n'),
        ("lines.jsonl", f'{{"name": "a", "caption": "{WALKS}"}}\n{{"file": "b.npy", "text": ["jumps"]}}\n'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_every_form(tmp_path: Path, name: str, content: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode(encoding))
    found = texts_of(path)
    assert (found["a"], found["b"]) == ([WALKS], ["jumps"])


def test_quotes_of_a_sentence_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "captions.tsv"
    path.write_text('a\t"stop" he says and "turns"\nb\t"a ""quoted"" word"\n')
    assert texts_of(path) == {"a": ['"stop" he says and "turns"'], "b": ['a "quoted" word']}


@pytest.mark.parametrize("head", ["name,description", "caption,number", "file;start"])
def test_a_head_that_lacks_a_column_is_refused(tmp_path: Path, head: str) -> None:
    path = tmp_path / "captions.csv"
    path.write_text(f"{head}\na,b\n")
    with pytest.raises(
        LampError, match=r"has the columns .*; wanted are one of name, clip, file, id and one"
    ):
        read_caption_table(path)


def test_times_stand_behind_captions_in_a_table_without_a_head(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text("a,walks,3.5,1\nb,jumps,,\n")
    (row,) = read_caption_table(path)["a"]
    caption = caption_of_row(row)
    assert caption is not None and (caption.start, caption.end) == (1.0, 3.5)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,walks, then turns\nb,jumps\n", "row 1: 3 cells in 2 columns"),
        (
            'name,caption\na,"walks\nb,jumps\n',
            "line 3: unexpected end of data; a text in quotes ends with one",
        ),
        ('name,caption\na,"walks" fast\n', "line 2: .* one in it stands twice"),
    ],
)
def test_a_row_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "captions.csv"
    path.write_text(content)
    with pytest.raises(LampError, match=told):
        read_caption_table(path)


@pytest.mark.parametrize("name", ["captions.json", "captions.txt", "captions.xlsx"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(LampError, match=r"is no table of captions: \.tsv, \.csv, \.jsonl are"):
        existing_captions(tmp_path / name)
