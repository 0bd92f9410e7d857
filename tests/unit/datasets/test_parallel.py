"""Work in other processes: order, how much is under way, errors, and a Dask cluster of two."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from lamp_core.datasets.clips_store import CLIPS_FILE, read_clip_metadata
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.parallel import WAITING_A_WORKER, in_order
from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.errors import LampError, RejectedClip
from lamp_core.skeleton.skeleton import Skeleton
from tests.unit.datasets.work import die, reject, square
from tests.waiting import wait_until

pytestmark = pytest.mark.slow  # each starts processes

THINGS = list(range(40))
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Dask scheduler with two worker processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as local:
        yield local.scheduler_address


def test_without_processes_nothing_is_read_ahead() -> None:
    read: list[int] = []
    outcomes = in_order(square, (read.append(thing) or thing for thing in THINGS), processes=1)
    assert next(outcomes) == (0, os.getpid())
    assert read == [0]


def test_processes_keep_the_order_and_hold_few_things() -> None:
    read: list[int] = []
    things = (read.append(thing) or thing for thing in THINGS)
    outcomes = in_order(square, things, processes=2, things_a_task=3)
    first = next(outcomes)
    assert len(read) <= 3 * (2 * WAITING_A_WORKER + 1)
    found = [first, *outcomes]
    assert [outcome for outcome, _ in found] == [thing * thing for thing in THINGS]
    assert os.getpid() not in {process for _, process in found}


def test_process_that_dies_is_an_error_and_others_pass_through() -> None:
    with pytest.raises(LampError, match="a process that works on clips died"):
        list(in_order(die, THINGS, processes=2))
    with pytest.raises(RejectedClip, match="thing 0"):
        list(in_order(reject, THINGS, processes=2))


@pytest.mark.parametrize(
    "work",
    [
        "list(in_order(never_end, [folder] * 2, processes=2))",
        "with beside(never_end, folder) as outcome: outcome()",
    ],
    ids=["in order", "beside"],
)
def test_no_process_outlives_the_one_that_was_killed(work: str, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from lamp_core.datasets.parallel import beside, in_order; "
        f"from tests.unit.datasets.work import never_end\nfolder = Path({str(tmp_path)!r})\n"
        f"if __name__ == '__main__':\n    {work}\n"
    )
    script = tmp_path / "work.py"
    script.write_text(code)
    parent = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    wanted = 2 if "in_order(" in work else 1
    wait_until(lambda: len(workers(tmp_path)) == wanted)
    started = workers(tmp_path)
    assert all(map(runs, started))
    parent.kill()
    parent.wait()
    _, left = psutil.wait_procs([psutil.Process(each) for each in started if runs(each)], timeout=30)
    assert not [process for process in left if runs(process.pid)]


def runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def workers(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def test_cluster_gives_what_one_process_gives(
    tmp_path: Path, cluster: str, bvh_source, smpl22: Skeleton
) -> None:
    bvh_source.motion("walk_04").write_bytes(b"")
    hashes, versions = set(), set()
    for place in (None, cluster):
        folder = tmp_path / str(place is None)
        summary = ingest(bvh_source.source, smpl22, folder, cluster=place)
        assert (summary.clips, summary.rejected.reasons) == (11, {"empty": 1})
        extract_features(folder, folder / "features", cluster=place)
        hashes.add(FeatureSet.load(folder / "features").feature_hash)
        versions.add(read_clip_metadata(folder / CLIPS_FILE).version)
    assert len(hashes) == len(versions) == 1


def test_shards_run_on_the_clusters_workers(cluster: str) -> None:
    found = list(in_order(square, THINGS, processes=1, things_a_task=2, cluster=cluster))
    assert [outcome for outcome, _ in found] == [thing * thing for thing in THINGS]
    processes = {process for _, process in found}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_clip_without_motion_is_rejected_on_the_cluster(
    tmp_path: Path, cluster: str, bvh_source, smpl22: Skeleton
) -> None:
    from lamp_core.datasets.clips_store import read_clips, write_clips

    ingest(bvh_source.source, smpl22, tmp_path)
    path = tmp_path / CLIPS_FILE
    clips = list(read_clips(path))
    clips[2].joints_TJ3 = np.repeat(clips[2].joints_TJ3[:1], 9, axis=0)
    write_clips(path, clips, read_clip_metadata(path))
    summary = extract_features(tmp_path, tmp_path / "features", cluster=cluster)
    assert [(row.clip, row.reason) for row in summary.rejected.examples] == [("walk_02", "no-motion")]


def test_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("lamp_core.datasets.parallel.SECONDS_TO_CONNECT", 1)
    with pytest.raises(LampError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        list(in_order(partial(square), THINGS, processes=1, cluster="tcp://127.0.0.1:1"))
