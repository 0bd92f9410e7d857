import os
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
import zc.lockfile

from lamp_core.errors import LampError
from tasks.dvc.content import chain_key, folder_hash, input_key, read_inputs
from tasks.dvc.graph import read_graph
from tasks.dvc.snapshot import mend_lock, mend_rwlock, read_lock
from tasks.dvc.versions import RepositoryBusy
from tasks.stage.holding import always, held_stage
from tests.toy import QUICK_STAGE, Toy


def run_all(toy: Toy) -> None:
    for name in toy.graph:
        toy.versions.reproduce(name)


def states(toy: Toy) -> dict[str, str]:
    return {name: found.state for name, found in toy.versions.status().items()}


def test_a_change_makes_its_stage_stale_and_says_why(toy: Toy) -> None:
    assert set(states(toy).values()) == {"missing"}
    run_all(toy)
    assert set(states(toy).values()) == {"fresh"}
    toy.set("features.std_root_divisor=25")
    found = toy.versions.status()
    assert found["features"].reasons == ("features.std_root_divisor 5.0 -> 25.0",)
    assert [name for name, freshness in found.items() if freshness.state != "fresh"] == ["features"]


def test_going_back_to_other_parameters_computes_nothing_twice(toy: Toy) -> None:
    run_all(toy)
    before, hash_before = (
        (toy.project.output("features") / "out").read_text(),
        toy.versions.lock_hash("features"),
    )
    toy.set("features.std_root_divisor=25")
    toy.versions.reproduce("features")
    assert toy.versions.lock_hash("features") != hash_before
    assert not toy.versions.follows_inputs("evaluate")
    toy.ran()
    toy.set("features.std_root_divisor=5")
    toy.versions.reproduce("features")
    assert toy.ran() == []
    assert (toy.project.output("features") / "out").read_text() == before
    assert toy.versions.lock_hash("features") == hash_before
    assert toy.versions.follows_inputs("evaluate")


def test_a_stage_that_another_process_runs_is_not_run_twice(toy: Toy) -> None:
    with (
        held_stage(toy.project, "ingest", always),
        pytest.raises(RepositoryBusy, match=f"stage 'ingest' is run by process {os.getpid()}"),
    ):
        toy.versions.reproduce("ingest", waits=lambda: False)
    assert toy.ran() == []


def test_what_a_stage_made_is_noted_however_long_another_process_has_dvcs_lock(toy: Toy) -> None:
    taken: list[zc.lockfile.LockFile] = []

    def take(line: str) -> None:
        """Take the lock that DVC has let go for the stage's work; for longer than DVC's own patience."""
        if "toy.py" in line and not taken:
            while not taken:
                time.sleep(0.05)
                with suppress(zc.lockfile.LockError):
                    taken.append(zc.lockfile.LockFile(str(toy.project.root / ".dvc" / "tmp" / "lock")))
            threading.Timer(5.0, taken[0].close).start()

    (toy.project.root / "toy.py").write_text("import time; time.sleep(1)\n" + QUICK_STAGE)
    assert toy.versions.reproduce("ingest", on_line=take)
    assert taken and states(toy)["ingest"] == "fresh"


def test_the_key_of_checkpoints_follows_parameters_code_and_inputs(toy: Toy) -> None:
    stage = toy.graph["features"]
    run_all(toy)

    def key() -> str:
        return input_key(read_inputs(toy.project, stage, toy.config.model_dump(mode="json")))

    keys = [key()]
    toy.set("features.std_root_divisor=25")
    keys.append(key())
    (toy.project.output("ingest") / "out").write_text("other")
    keys.append(key())
    (toy.project.root / "toy.py").write_text("# other")
    keys.append(key())
    assert len(set(keys)) == 4
    toy.set("evaluator.margin=3")
    assert key() == keys[-1]


def test_a_folder_without_git_is_refused_in_one_line(toy: Toy) -> None:
    shutil.rmtree(toy.project.root / ".git")
    with pytest.raises(LampError, match="is no git repository; run `git init`"):
        toy.versions.status()


def test_the_key_of_a_chain_knows_parameters_code_and_data_but_no_output(toy: Toy) -> None:
    def key(until: str = "evaluate") -> str:
        params = toy.config.model_dump(mode="json")
        graph = read_graph(toy.project, params)
        return chain_key(toy.project, [graph[name] for name in graph.until(until)], params)

    first = key()
    run_all(toy)
    assert key() == first
    (toy.project.output("ingest") / "out").write_text("other")
    assert key() == first
    keys, upstream = [first], key("features")
    toy.set("evaluator.margin=3")
    assert key("features") == upstream
    keys.append(key())
    toy.set("ingest.data=other", "ingest.skeleton=kit21")
    keys.append(key())
    (toy.project.root / "toy.py").write_text("# other")
    keys.append(key())
    assert len(set(keys)) == 4


def test_a_parameter_below_a_section_counts_in_both_keys(toy: Toy) -> None:
    stage = replace(toy.graph["features"], params=("report.players",))

    def keys() -> tuple[str, str]:
        params = toy.config.model_dump(mode="json")
        return input_key(read_inputs(toy.project, stage, params)), chain_key(toy.project, [stage], params)

    before = keys()
    toy.set("report.players=7")
    assert all(one != other for one, other in zip(before, keys(), strict=True))


def test_a_folder_s_hash_follows_names_and_contents(tmp_path: Path) -> None:
    hashes = []
    for name, text in (("a", "1"), ("a", "2"), ("b", "2")):
        folder = tmp_path / f"{name}{text}"
        folder.mkdir()
        (folder / name).write_text(text)
        hashes.append(folder_hash(folder))
    assert len(set(hashes)) == 3
    assert folder_hash(tmp_path / "a1") == hashes[0]


def test_what_a_stage_shows_need_not_be_there_and_makes_it_stale_when_it_is(toy: Toy) -> None:
    described = yaml.safe_load(toy.project.graph_file.read_text())
    stages = described["stages"]
    stages["other"] = {"cmd": "python toy.py other", "outs": ["data/other"], "meta": {"systems": ["b"]}}
    stages["page"] = {
        "cmd": "python toy.py page",
        "deps": ["data/other"],
        "outs": ["data/page"],
        "meta": {"systems": ["a", "b"], "shows": ["other"]},
    }
    toy.project.graph_file.write_text(yaml.safe_dump(described, sort_keys=False))
    assert toy.graph.until("page") == ["page"]
    assert toy.versions.reproduce("page")
    assert toy.versions.status()["page"].state == "fresh"
    assert toy.versions.read_by("page") == []
    assert toy.versions.status()["other"].state == "stale"
    toy.versions.reproduce("other")
    assert toy.versions.read_by("page") == ["other"]
    assert toy.versions.status()["page"].reasons == ("data/other modified",)
    assert not toy.versions.follows_inputs("page")


def test_what_dvc_says_of_a_fault_holds_no_secret(toy: Toy) -> None:
    with pytest.raises(LampError) as raised:
        toy.versions.dvc("status", "https://ann:correct-horse@host/data")
    assert "https://ann:***@host" in str(raised.value)
    assert "correct-horse" not in str(raised.value)


def test_a_lock_that_dvc_is_writing_is_left_to_it(toy: Toy) -> None:
    toy.versions.reproduce("ingest")
    half = toy.project.lock_file.read_text()[:40]
    toy.project.lock_file.write_text(half)
    at_work = zc.lockfile.LockFile(str(toy.project.root / ".dvc" / "tmp" / "lock"))  # as DVC takes it
    try:
        assert not mend_lock(toy.project)
        assert toy.project.lock_file.read_text() == half
    finally:
        at_work.close()
    assert mend_lock(toy.project)


def test_a_lock_that_a_killed_dvc_has_cut_off_keeps_its_whole_entries(toy: Toy) -> None:
    for name in ("ingest", "features"):
        toy.versions.reproduce(name)
    assert not mend_lock(toy.project)
    whole, entries = toy.project.lock_file.read_text(), read_lock(toy.project)
    for end in range(1, len(whole), 41):
        toy.project.lock_file.write_text(whole[:end])
        if mend_lock(toy.project):
            assert read_lock(toy.project).items() <= entries.items()
        else:  # cut off behind a whole line: DVC itself sees that something lacks
            assert whole[end - 1] == "\n"
    toy.project.lock_file.write_text(whole[: len(whole) * 3 // 4])
    assert mend_lock(toy.project)
    assert set(read_lock(toy.project)) == {"ingest"}
    toy.ran()
    toy.versions.reproduce("features")
    assert toy.ran() == []  # restored from DVC's run cache
    assert read_lock(toy.project) == entries


@pytest.mark.parametrize("text", ["", '{"write": {"/a": {"pi'])
def test_a_note_of_who_reads_and_writes_that_a_killed_dvc_has_cut_off_is_removed(text: str, toy: Toy) -> None:
    note = toy.project.root / ".dvc" / "tmp" / "rwlock"
    note.parent.mkdir(exist_ok=True)
    assert not mend_rwlock(toy.project)
    note.write_text(text)
    at_work = zc.lockfile.LockFile(str(note.with_name("rwlock.lock")))  # as DVC takes it to write
    try:
        assert not mend_rwlock(toy.project)
    finally:
        at_work.close()
    assert note.read_text() == text
    assert mend_rwlock(toy.project)
    assert not note.exists()
    note.write_text('{"write": {}, "read": {}}')
    assert not mend_rwlock(toy.project)
    assert note.exists()
