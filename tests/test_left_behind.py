"""A test that writes into the project fails the session, with and without xdist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.left_behind import differences, state_of

REPOSITORY = Path(__file__).parent.parent
LEFT = ("data/out", ".lamp/progress.json", "mlflow.db", "stray.py")
HARMLESS = ".dvc/tmp/lock"


@pytest.mark.parametrize("more", [[], ["-n", "1"]])
def test_what_a_test_leaves_fails_the_session(more: list[str], tmp_path: Path) -> None:
    for folder in ("data", ".lamp", ".dvc/tmp"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data" / "out").write_text("before")
    (tmp_path / ".gitignore").write_text("__pycache__\n.dvc\n.lamp\ndata\nmlflow.db\n")
    (tmp_path / "pytest.ini").touch()
    lines = [f"    open({name!r}, 'w').write('left')" for name in (*LEFT, HARMLESS)]
    (tmp_path / "test_it.py").write_text("\n".join(["def test_it():", *lines, ""]))
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.left_behind"]
    ended = subprocess.run(
        [*command, *more, "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout
    assert "1 passed" in ended.stdout
    for left in LEFT:
        assert f": {left}\n" in ended.stdout
    assert HARMLESS not in ended.stdout


def test_each_kind_of_difference_is_named(tmp_path: Path) -> None:
    assert differences({"a": "1", "b": "1", "c": "1"}, {"a": "1", "c": "2", "d": "1"}) == [
        "new: d",
        "gone: b",
        "changed: c",
    ]
    assert differences(state_of(tmp_path), state_of(tmp_path)) == []
