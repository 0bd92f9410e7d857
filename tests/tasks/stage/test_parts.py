"""What surrounds a stage: its output's folder, its memory, its curves, its lock."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lamp_core.errors import LampError
from tasks.stage import output
from tasks.stage.curves import Curves
from tasks.stage.memory import StageMemory, forget_ended, remembered_run
from tasks.stage.output import clear_leftovers, new_folder, swap
from tasks.stage.process_lock import only_process

HOLDER = """\
import sys
from pathlib import Path
from tasks.stage.process_lock import only_process
with only_process(Path(sys.argv[1]), "stage 't2m'"):
    print("held", flush=True)
    sys.stdin.read()
"""
REPOSITORY = Path(__file__).parents[3]


def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "out", tmp_path / ".new"
    for folder, name in ((old, "a"), (new, "b")):
        folder.mkdir()
        (folder / name).touch()
    return old, new


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_old_folder_is_replaced_as_a_whole(
    can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_exchange:
        monkeypatch.setattr(output, "_exchange", lambda one, other: False)
    old, new = two_folders(tmp_path)
    swap(new, old)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in old.iterdir()] == ["b"]


def test_the_first_output_is_put_in_its_place(tmp_path: Path) -> None:
    old, new = two_folders(tmp_path)
    swap(new, tmp_path / "first")
    assert [path.name for path in (tmp_path / "first").iterdir()] == ["b"]
    assert old.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the exchange of two names is Linux's")
def test_two_names_are_exchanged_at_once(tmp_path: Path) -> None:
    old, new = two_folders(tmp_path)
    assert output._exchange(new, old)
    assert [path.name for path in new.iterdir()] == ["a"]
    assert not output._exchange(tmp_path / "nowhere", old)


def test_an_interrupted_swap_leaves_the_old_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = two_folders(tmp_path)
    rename: Callable[[Path, Path], Path] = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path == new:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(output, "_exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        swap(new, old)
    assert [path.name for path in old.iterdir()] == ["a"]


def test_what_killed_processes_left_is_cleared_and_the_old_output_put_back(tmp_path: Path) -> None:
    for name in (".out.tmp-1", ".out.tmp-old-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    (tmp_path / ".out.tmp-3").touch()  # a file that was on its way into place
    clear_leftovers(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".out.tmp-old-2"]
    with new_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".out.tmp-old-2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_curves_of_a_resumed_stage_count_a_step_once(tmp_path: Path) -> None:
    for steps in ([1, 2, 3], [3, 4]):
        curves = Curves(tmp_path / "kept.csv")
        for step in steps:
            curves.add(step, {"loss": step / 10})
    curves.write(tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text().split() == [
        "step,name,value",
        *(f"{step},loss,{step / 10}" for step in (1, 2, 3, 4)),
    ]


def test_every_cut_of_the_kept_curves_is_mended(tmp_path: Path) -> None:
    def points(path: Path, first: int) -> None:
        curves = Curves(path)
        for step in range(first, 4):
            curves.add(step, {"loss": step / 7, "rate": float("nan")})
        curves.write(path.with_suffix(".out"))

    points(tmp_path / "whole.csv", 1)
    content = (tmp_path / "whole.csv").read_bytes()
    for length in range(content.index(b"2,loss") + 1, len(content)):
        cut = tmp_path / f"{length}.csv"
        cut.write_bytes(content[:length])
        points(cut, 2)
        assert cut.with_suffix(".out").read_bytes() == (tmp_path / "whole.out").read_bytes()


def test_rows_that_a_crash_of_the_machine_left_are_no_points(tmp_path: Path) -> None:
    (tmp_path / "kept.csv").write_bytes(b"1,loss,0.5\n\0\0\0\n7,loss\nx,loss,1\n2,loss,\n")
    Curves(tmp_path / "kept.csv").write(tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text() == "step,name,value\n1,loss,0.5\n"


def test_a_stage_s_own_curves_stand(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "kept.csv")
    curves.add(1, {"loss": 1.0})
    (tmp_path / "curves.csv").write_text("its own")
    curves.write(tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text() == "its own"


def test_memories_that_tell_of_an_end_are_forgotten_as_a_whole(tmp_path: Path) -> None:
    ended, interrupted = StageMemory(tmp_path / "ended"), StageMemory(tmp_path / "interrupted")
    interrupted.training.mkdir(parents=True)
    ended.training.mkdir(parents=True)
    output = tmp_path / "elsewhere" / "output"
    output.mkdir(parents=True)
    (output / "weights").write_text("one")
    ended.note_end(output, {"score": 1.0, "undefined": None})
    shutil.rmtree(tmp_path / "elsewhere")
    (tmp_path / ".forgotten-other").mkdir()
    assert ended.metrics() == {"score": 1.0, "undefined": None}
    assert (ended.output / "weights").read_text() == "one"
    assert interrupted.metrics() is None
    (ended.output / "weights").write_text("other")
    assert ended.metrics() is None, "the output is not the one that the stage ended with"
    forget_ended(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["interrupted"]
    forget_ended(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "[]", "{}", "\0\0"])
def test_half_a_note_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    (tmp_path / "ended.json").write_text(text)
    assert remembered_run(tmp_path / "run.json") is None
    assert StageMemory(tmp_path).metrics() is None


def test_a_second_process_waits_for_the_first_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t2m.process"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    with (
        pytest.raises(LampError, match=f"stage 't2m' is run by process {first.pid}; wait for its end"),
        only_process(path, "stage 't2m'", patience=0.0),
    ):
        raise AssertionError("two processes hold the lock")
    first.kill()
    first.wait()
    with only_process(path, "stage 't2m'", patience=0.0):
        assert "waiting" not in capsys.readouterr().err.splitlines()[-1:]
