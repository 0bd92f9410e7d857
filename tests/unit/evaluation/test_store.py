from pathlib import Path

import pytest

from lamp_core.evaluation.results import Origin, Result, write_results
from lamp_core.evaluation.store import RESULTS_FILE, measured_systems, origins_of, read_store


def row(system: str, value: float) -> Result:
    return Result(system, "FID", value, 0.0, "text to motion, 32 candidates", "guo-own", 3, 40)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    keep(tmp_path, "lamp", "v2", [row("ground truth", 0.0), row("untrained", 9.0), row("LaMP-T2M", 2.0)])
    return tmp_path


def keep(store: Path, name: str, version: str, rows: list[Result]) -> None:
    (store / name).mkdir()
    write_results(store / name / RESULTS_FILE, rows, Origin("walks", version, "run"))


def test_one_table_has_the_systems_and_what_they_share_once(store: Path) -> None:
    keep(store, "lexical", "v2", [row("ground truth", 0.0), row("untrained", 8.0), row("lexical", 1.5)])
    rows = {result.system: result.value for result in read_store(store, "v2")}
    assert rows == {
        "ground truth": 0.0,
        "untrained": 9.0,
        "LaMP-T2M": 2.0,
        "untrained (lexical)": 8.0,
        "lexical": 1.5,
    }


def test_every_system_says_what_it_was_measured_on(store: Path) -> None:
    keep(store, "lexical", "v1", [row("lexical", 1.5)])
    (store / "empty").mkdir()
    assert {name: origin.data_version for name, origin in origins_of(store).items()} == {
        "lamp": "v2",
        "lexical": "v1",
    }


def test_other_versions_of_the_data_do_not_compare(store: Path) -> None:
    keep(store, "lexical", "v1", [row("lexical", 1.5)])
    assert [result.system for result in read_store(store, "v2")] == ["ground truth", "untrained", "LaMP-T2M"]
    assert [result.system for result in read_store(store, "v1")] == ["lexical"]


def test_a_system_that_was_not_measured_is_not_there(store: Path) -> None:
    (store / "lexical").mkdir()
    assert list(measured_systems(store)) == ["lamp"]
    assert read_store(store / "nowhere", "v2") == []
