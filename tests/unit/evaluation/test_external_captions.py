"""Captions of another system: read from a file, scored on the same test items."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamp_core.errors import LampError
from lamp_core.evaluation.external_captions import measure_captions, read_captions
from lamp_core.evaluation.trained import Trained


@pytest.fixture(autouse=True)
def _quick(captioner: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """LaMP-M2T and BERTScore have tests of their own, and take seconds."""
    monkeypatch.setattr("lamp_core.evaluation.families.captioning.has_minilm", lambda: False)


def true_captions(trained: Trained) -> dict[str, str]:
    return {item.clip: item.captions[0].text for item in trained.items}


def write(path: Path, captions: Mapping[str, str]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(captions))
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("number", "caption", "clip")])
            csv.writer(file).writerows((1, caption, clip) for clip, caption in captions.items())
    else:
        pq.write_table(pa.table({"clip": list(captions), "caption": list(captions.values())}), path)
    return path


@pytest.mark.parametrize("ending", ["json", "csv", "parquet"])
def test_true_captions_score_best_whatever_the_form(ending: str, trained: Trained, tmp_path: Path) -> None:
    path = write(tmp_path / f"peer.{ending}", true_captions(trained))
    families, read = measure_captions(trained, path, "peer")
    assert (read.left_out, read.missing, read.note) == ([], [], "")
    assert (
        read.summary == f"{len(trained.items)} captions scored, no item without a caption, 0 entries left out"
    )
    found = {(row.system, row.metric): row for row in families["captioning"]}
    assert list(dict.fromkeys(system for system, _ in found)) == [
        *("ground truth", "most frequent caption", "nearest caption", "LaMP-M2T", "peer")
    ]
    assert found["peer", "ROUGE-L"].value == pytest.approx(1.0)
    assert found["most frequent caption", "ROUGE-L"].value < 1.0
    assert {row.items for row in found.values()} == {len(trained.items)}


def test_a_file_stands_beside_lamp_m2t_also_under_its_name(trained: Trained, tmp_path: Path) -> None:
    path = write(tmp_path / "LaMP-M2T.json", true_captions(trained))
    rows = measure_captions(trained, path, "LaMP-M2T")[0]["captioning"]
    rouge = {row.system: row.value for row in rows if row.metric == "ROUGE-L"}
    assert list(rouge) == ["most frequent caption", "nearest caption", "LaMP-M2T", "LaMP-M2T (file)"]
    assert rouge["LaMP-M2T"] < rouge["LaMP-M2T (file)"] == pytest.approx(1.0)


def test_missing_unknown_and_double_clips_are_named_and_counted(trained: Trained, tmp_path: Path) -> None:
    captions = true_captions(trained)
    first, second, *_ = captions
    pairs = [(clip, text) for clip, text in captions.items() if clip != first]
    pairs += [(second, "another"), ("nobody", "a person walks")]
    path = tmp_path / "peer.json"
    path.write_text("{" + ", ".join(f"{json.dumps(clip)}: {json.dumps(text)}" for clip, text in pairs) + "}")
    families, read = measure_captions(trained, path, "peer")
    assert read.missing == [first]
    assert [(left.file, left.reason) for left in read.left_out] == [
        (second, "duplicate"),
        ("nobody", "not-among-the-items"),
    ]
    assert captions[second] in read.given.values()
    count = len(trained.items)
    assert {row.items for row in families["captioning"]} == {count - 1}
    rows = {row.system: row for row in families["captioning"]}
    assert f"1 of {count} items have no caption, left out" in rows["ground truth"].note
    told = f"2 captions left out: 1 duplicate ({second}), 1 not-among-the-items (nobody)"
    assert told in rows["peer"].note
    assert told not in rows["ground truth"].note


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("peer.txt", "", r"captions are read from \.json, \.csv, \.parquet"),
        ("peer.json", "{", "is no JSON"),
        ("peer.json", "[1]", "has to hold one object"),
        ("peer.json", '{"a": null}', "1 of 1 entries are no clip with one caption, the first is 'a'"),
        ("peer.json", '{"a": {"b": "c"}}', "1 of 1 entries are no clip with one caption"),
        ("peer.json", "{}", "none of the captions in .* can be scored; it holds none"),
        ("peer.json", '{"nobody": "x"}', r"can be scored; 1 captions left out: 1 not-among-the-items \(nob"),
        ("peer.csv", "clip,text\na,b\n", "has the columns clip, text; captions need clip and caption"),
        ("peer.csv", "clip,caption\na\n", "1 of 1 entries are no clip with one caption"),
        ("peer.parquet", "no parquet", "is no Parquet"),
    ],
)
def test_a_bad_file_is_named(name: str, content: str, message: str, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(LampError, match=message):
        measure_captions(trained, tmp_path / name, "peer")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LampError, match="there is no file"):
        read_captions(tmp_path / "peer.json", [])
