"""How long `ingest` and `features` take on a registered data set, and how much memory on procedural ones.

python -m benchmarks.data data bandai-namco
python -m benchmarks.data data --memory 500 50000
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lamp_core.datasets.extraction import extract_features
from lamp_core.datasets.ingest import available_cores, ingest
from lamp_core.datasets.registry import load_source, source_names
from lamp_core.datasets.sources import Source
from lamp_core.skeleton.skeleton import load_skeleton

REPOSITORY = Path(__file__).parent.parent
MEMORY_CLIPS = (500, 2000)
"""Sizes that `make bench` compares; `--memory 500 50000` takes about a quarter of an hour on two cores."""
STAGES = ("ingest", "features")


def measure_memory(counts: Sequence[int] = MEMORY_CLIPS) -> dict[str, float]:
    """Peak memory of both stages on procedural data sets of several sizes, MiB, each in a new process.

    ``..._growth`` is the peak of the largest over that of the smallest: 1 when memory is flat.
    """
    peaks: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            for stage in STAGES:
                peaks[stage].append(_peak(stage, count, folder))
    found = {
        f"{stage}_mebibytes_of_{count}_clips": peak
        for stage in STAGES
        for count, peak in zip(counts, peaks[stage], strict=True)
    }
    return found | {f"{stage}_growth": peaks[stage][-1] / peaks[stage][0] for stage in STAGES}


def _peak(stage: str, count: int, folder: str) -> float:
    command = [sys.executable, "-m", "benchmarks.data", folder, stage, "--clips", str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return float(ended.stdout)


def _run_stage(stage: str, count: int, folder: Path) -> float:
    """Run one stage in this process; its peak memory in MiB."""
    if stage == "ingest":
        source = Source(name="procedural", kind="procedural")
        ingest(source, load_skeleton("smpl22"), folder / "ingest", procedural=(count, 0))
    else:
        extract_features(folder / "ingest", folder / "features")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(data_folder: Path, name: str = "bandai-namco", skeleton: str = "smpl22") -> dict[str, Any] | None:
    """Time both stages into a temporary folder.

    Args:
        data_folder: the project's data folder.
        name: a registered data set.
        skeleton: smpl22 or kit21.

    Returns:
        Seconds, clips a second, feature frames a second and the number of cores; None when the data set is
        not registered.
    """
    if name not in source_names(data_folder):
        return None
    source, joints = load_source(data_folder, name), load_skeleton(skeleton)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        ingested = ingest(source, joints, Path(folder) / "ingest", max_rejected=1.0)
        loaded = time.perf_counter()
        extracted = extract_features(Path(folder) / "ingest", Path(folder) / "features")
        ended = time.perf_counter()
    return {
        "data": name,
        "skeleton": skeleton,
        "cores": available_cores(),
        "clips": extracted.clips,
        "feature_frames": extracted.frames,
        "rejected": len(ingested.rejected) + len(extracted.rejected),
        "ingest_seconds": loaded - started,
        "features_seconds": ended - loaded,
        "seconds": ended - started,
        "clips_per_second": extracted.clips / (ended - started),
        "frames_per_second": extracted.frames / (ended - started),
    }


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_folder", type=Path)
    parser.add_argument("name", nargs="?", default="bandai-namco")
    parser.add_argument("--skeleton", default="smpl22")
    parser.add_argument("--memory", type=int, nargs="+", help="numbers of procedural clips to compare")
    parser.add_argument("--clips", type=int, help="run one stage, `name`, on so many clips; print its peak")
    options = parser.parse_args()
    if options.clips:
        print(_run_stage(options.name, options.clips, options.data_folder))
        return
    if options.memory:
        print(json.dumps(measure_memory(options.memory), indent=2))
        return
    print(json.dumps(measure(options.data_folder, options.name, options.skeleton), indent=2))


if __name__ == "__main__":
    main()
