from pathlib import Path

import pytest

from tasks.stages.closure import DATA_OF_MODULE, Closures

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def closures() -> Closures:
    return Closures(REPOSITORY)


def test_it_holds_what_the_imports_import(closures: Closures) -> None:
    files = closures.files("t2m")
    assert "tasks/stages/t2m.py" in files
    assert "lamp_core/t2m/transformer.py" in files
    assert "lamp_core/datasets/items.py" in files  # three imports away
    assert "lamp_core/skeleton/tables" in files  # data of a module


def test_parameters_errors_and_the_process_around_a_stage_are_no_part_of_it(closures: Closures) -> None:
    files = closures.files("t2m")
    assert [file for file in files if file.startswith("lamp_core/config")] == []
    assert "lamp_core/errors.py" not in files
    assert {file for file in files if file.startswith("tasks/")} <= {
        str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "tasks" / "stages").rglob("*.py")
    }
    assert "tasks/stages/catalogue.py" not in files


def test_every_data_file_of_the_library_belongs_to_a_module() -> None:
    declared = [REPOSITORY / path for paths in DATA_OF_MODULE.values() for path in paths]
    assert [path for path in declared if not path.exists()] == []
    data = (
        path
        for path in (REPOSITORY / "lamp_core").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".typed"} and "config" not in path.parts
    )
    assert [path for path in data if not any(path == one or one in path.parents for one in declared)] == []
