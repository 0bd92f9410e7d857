"""What is edited, stashed or checked out while a run is at work reaches no stage, nor what is noted of it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from flows.pipeline.run import run_pipeline
from flows.pipeline.run_records import Asked
from lamp_core.config import override
from tasks.dvc.process import dvc_environment
from tasks.dvc.snapshot import bring_back, snapshot, source_of
from tasks.dvc.versions import StageFailed
from tasks.mlflow.tracking import Tracking
from tasks.project import find_project
from tests.flows.pipeline.test_faults import start, steps_done
from tests.shared_toy import COMMIT, git
from tests.toy import REPOSITORY, Toy
from tests.waiting import wait_until


@pytest.fixture
def committed(toy: Toy, prefect_server: None) -> Toy:
    """The toy project in a commit, its stage features held in mid-training by the file `hold`."""
    toy.train_features()
    git(toy.project.root, "add", "--all")
    git(toy.project.root, *COMMIT)
    (toy.folder / "hold").touch()
    return toy


def edit_parameters(toy: Toy) -> None:
    toy.set("features.std_root_divisor=9")


def edit_code(toy: Toy) -> None:
    code = toy.project.root / "training.py"
    code.write_text(code.read_text().replace("counting", "adding"))


def edit_both(toy: Toy) -> None:
    edit_parameters(toy)
    edit_code(toy)


def stash(toy: Toy) -> None:
    git(toy.project.root, "-c", "user.name=toy", "-c", "user.email=toy@localhost", "stash")


@pytest.mark.parametrize("change", [edit_both, stash])
def test_a_change_in_mid_run_is_noted_of_no_output(committed: Toy, change: Callable[[Toy], None]) -> None:
    toy = committed
    toy.set("features.std_root_divisor=25")
    (toy.project.root / "training.py").write_text((toy.project.root / "training.py").read_text() + "# own\n")
    graph = yaml.safe_load(toy.project.graph_file.read_text())
    graph["stages"]["features"]["deps"].append("training.py")
    toy.project.graph_file.write_text(yaml.safe_dump(graph, sort_keys=False))
    run = start(toy, "run", "--until", "features")
    wait_until(lambda: steps_done(toy) >= 1)
    change(toy)
    (toy.folder / "hold").unlink()
    said = run.communicate(timeout=200)[0]
    assert run.returncode == 0, said
    entry = yaml.safe_load(toy.project.lock_file.read_text())["stages"]["features"]
    assert entry["params"]["params.yaml"]["features"]["std_root_divisor"] == 25.0
    assert (toy.project.output("features") / "out").read_text() == "25.0"
    assert toy.versions.status()["features"].state != "fresh"  # it is not that of the files of now
    run_pipeline(toy.project, toy.config, Asked(until="features"))
    assert (toy.project.output("features") / "out").read_text() == str(toy.config.features.std_root_divisor)


def test_dvc_alone_notes_no_output_under_what_it_was_not_made_with(committed: Toy) -> None:
    toy = committed
    toy.versions.reproduce("ingest")
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", "features"]
    process = subprocess.Popen(
        command, cwd=toy.project.root, env=dvc_environment(), stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: steps_done(toy) >= 1)
    edit_parameters(toy)
    (toy.folder / "hold").unlink()
    said = process.communicate(timeout=200)[1]
    assert process.returncode != 0
    assert "error: features changed while 'features' ran; its output is of what was there before" in said
    assert "features" not in yaml.safe_load(toy.project.lock_file.read_text())["stages"]


def test_a_dirty_tree_is_kept_as_a_patch_of_its_commit(committed: Toy, tmp_path: Path) -> None:
    toy = committed
    (toy.folder / "hold").unlink()
    tracking = Tracking(toy.project)

    def run() -> tuple[str, str]:
        made = tracking.client.get_run(run_pipeline(toy.project, toy.config, Asked(until="features")).run_id)
        names = [file.path for file in tracking.client.list_artifacts(made.info.run_id)]
        return made.data.tags["git_dirty"], tracking.client.download_artifacts(
            made.info.run_id, "changes.patch", str(tmp_path)
        ) if "changes.patch" in names else ""

    toy.set("features.std_root_divisor=25")
    assert run() == ("false", "")  # parameters and dvc.lock are what runs write
    edit_both(toy)
    (toy.project.root / "new.py").write_text("new = 1\n")
    dirty, patch = run()
    assert dirty == "true"
    edited = (toy.project.root / "training.py").read_text()
    git(toy.project.root, "checkout", "--quiet", "--", "training.py")
    (toy.project.root / "new.py").unlink()
    git(toy.project.root, "apply", patch)
    assert (toy.project.root / "training.py").read_text() == edited
    assert (toy.project.root / "new.py").read_text() == "new = 1\n"


def test_a_snapshot_holds_what_the_project_held_and_shares_its_data(toy: Toy) -> None:
    data = toy.project.output("ingest")
    data.mkdir()
    (data / "large").write_bytes(b"0" * (2 << 20))
    (toy.project.root / "new.py").write_text("new = 1\n")
    config = toy.config.model_copy(update={"profile": "other"})
    with snapshot(toy.project, config) as place:
        assert (place.root / "new.py").read_text() == "new = 1\n"
        assert (place.output("ingest") / "large").stat().st_ino == (data / "large").stat().st_ino
        assert (place.state, place.home) == (toy.project.state, toy.project.root)
        assert find_project(place.root) == place
        assert toy.config.profile == "smoke"
        with snapshot(toy.project, toy.config) as other:
            assert other.root != place.root
        with snapshot(place, toy.config) as same:
            assert same == place
        work = source_of(place)
        (toy.project.root / "new.py").unlink()
        assert source_of(place) == work
        assert (place.root / "new.py").exists()
    with snapshot(toy.project, config) as again:
        assert again == place
        assert not (again.root / "new.py").exists()


# Works in the snapshot that it is given, and is killed; what it has started lives until its input ends.
KILLED_RUN = """\
import os, signal, subprocess, sys
from lamp_core.config import load_params
from tasks.dvc.snapshot import snapshot, used
from tasks.project import find_project
project = find_project()
with snapshot(project, load_params(project.params_file)) as place, used(place) as files:
    subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], pass_fds=files)
    print(place.root, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_snapshot_in_which_a_killed_run_s_stage_is_still_at_work_is_left_to_it(toy: Toy) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_RUN],
        cwd=toy.project.root,
        env=dvc_environment({"PYTHONPATH": str(REPOSITORY)}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        place = Path(run.stdout.readline().strip())
        run.wait()
        before = (place / "params.yaml").read_bytes()
        config = override(toy.config, ["features.std_root_divisor=25"])
        with snapshot(toy.project, config) as other:
            assert other.root != place
        assert (place / "params.yaml").read_bytes() == before
    wait_until(lambda: root_of_snapshot(toy) == place)  # its stage has ended


def root_of_snapshot(toy: Toy) -> Path:
    with snapshot(toy.project, toy.config) as place:
        return place.root


def test_a_project_without_parameters_stays_without(toy: Toy) -> None:
    config = toy.config
    toy.project.params_file.unlink()
    with snapshot(toy.project, config, returns=False) as place:
        assert Toy(place).config == config
    assert not toy.project.params_file.exists()


@pytest.mark.parametrize("text", ["", '{"write": {"/a": {"pi', '{"write": {"/": {"pid": 1, "cmd": "dvc"}}}'])
def test_locks_that_a_killed_dvc_left_in_a_snapshot_are_gone_when_it_is_laid_out(text: str, toy: Toy) -> None:
    folder = root_of_snapshot(toy) / ".dvc" / "tmp"
    folder.mkdir(exist_ok=True)
    (folder / "rwlock").write_text(text)
    (folder / "lock").touch()
    (folder / "claim").hardlink_to(folder / "lock")  # what core.hardlink_lock leaves behind
    assert root_of_snapshot(toy) == folder.parents[1]
    assert not (folder / "rwlock").exists() and not (folder / "lock").exists()


def test_what_comes_back_is_output_and_entry_and_only_where_it_is_to(toy: Toy) -> None:
    for returns in (False, True):
        with snapshot(toy.project, toy.config, returns=returns) as place:
            Toy(place).versions.reproduce("ingest")
            bring_back(place, ["ingest"])
        assert toy.project.output("ingest").exists() == returns
        assert (toy.versions.status()["ingest"].state == "fresh") == returns
    assert toy.ran() == ["ingest"]  # the cache is the project's


def test_a_stage_that_fails_leaves_the_old_output_and_the_ignore_files(toy: Toy) -> None:
    ignore = toy.project.data / ".gitignore"
    ignore.write_text("/ingest\n/features\nmine\n")
    with snapshot(toy.project, toy.config) as place:
        for name in ("ingest", "features"):
            Toy(place).versions.reproduce(name)
            bring_back(place, [name])
    before = (toy.project.output("features") / "out").read_text()
    config = override(toy.config, ["features.std_root_divisor=25"])
    with (
        snapshot(toy.project, config) as place,
        pytest.raises(StageFailed),
    ):
        Toy(place).versions.reproduce("features", environment={"TOY_FAIL": "features"})
    assert (toy.project.output("features") / "out").read_text() == before
    assert ignore.read_text() == "/ingest\n/features\nmine\n"
    assert toy.project.metrics_file("features").exists()
    assert "the toy is broken" in toy.project.log_file("features").read_text()


def test_a_project_of_many_files_is_laid_out_in_a_second(toy: Toy) -> None:
    for number in range(600):
        (toy.project.root / f"module{number}.py").write_text(f"number = {number}\n")
    with snapshot(toy.project, toy.config):
        pass
    began = time.monotonic()
    with snapshot(toy.project, toy.config):
        took = time.monotonic() - began
    assert took < 2.0
