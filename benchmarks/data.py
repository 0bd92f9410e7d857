"""How long `ingest` and `features` take on a registered data set, how large its Parquet is, how fast BVH is
read, how fast procedural clips are made and become features, and how much memory both stages take on them.

python -m benchmarks.data data bandai-namco
python -m benchmarks.data data --bvh
python -m benchmarks.data data --procedural
python -m benchmarks.data data --memory 500 50000
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.child import peak_mebibytes
from benchmarks.features import moving_clip
from lamp_core.config.models import Tokenizer
from lamp_core.datasets.clips_store import CLIPS_FILE
from lamp_core.datasets.features_store import FEATURES_FILE, feature_tables, read_feature_column
from lamp_core.datasets.preprocessing.feature_extraction import extract_features, one_thread
from lamp_core.datasets.preprocessing.ingest import available_cores, ingest
from lamp_core.datasets.registry import load_source, source_names
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.datasets.synthetic.generate import generate_clips
from lamp_core.skeleton.bvh import read_bvh
from lamp_core.skeleton.bvh_writer import write_bvh
from lamp_core.skeleton.skeleton import load_skeleton
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.vqvae import VQVAE

REPOSITORY = Path(__file__).parent.parent
MEMORY_CLIPS = (500, 2000)
"""Sizes that `make bench` compares; `--memory 500 50000` takes about a quarter of an hour on two cores."""
STAGES = ("ingest", "features")
BVH_FILES, BVH_FRAMES, BVH_REPEATS = 140, 1000, 3
PROCEDURAL_CLIPS, PROCEDURAL_REPEATS = 320, 3
QUICK_TOKENIZER = Tokenizer(hidden_dim=128, code_dim=128, codebook_size=256, residual_depth=2)
CLIPS_PER_SECOND_BEFORE = 122.0
"""Of the generator that made clip by clip, on one core of the Xeon of docs/speed.md."""
MEGABYTE = 1e6


def measure_bvh(data_folder: Path, name: str = "bandai-namco") -> dict[str, Any]:
    """Read BVH text on one core, megabytes a second: of the registered set, or of files that are made here.

    ``megabytes_per_second`` is the best of the repeats in processor seconds, so that other work on the
    machine does not count; ``wall_megabytes_per_second`` the best by the clock. Files spread over the whole
    set are read once before, so that the disk does not count either.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = _bvh_files(data_folder, name)
        data = name if paths else "made here"
        paths = paths or _made_files(Path(folder))
        megabytes = sum(len(path.read_bytes()) for path in paths) / MEGABYTE
        spent = [_read_all(paths) for _ in range(BVH_REPEATS)]
    return {
        "data": data,
        "files": len(paths),
        "megabytes": megabytes,
        "megabytes_per_second": megabytes / min(of_processor for of_processor, _ in spent),
        "wall_megabytes_per_second": megabytes / min(by_clock for _, by_clock in spent),
    }


def _read_all(paths: Sequence[Path]) -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    for path in paths:
        read_bvh(path)
    return time.process_time() - processor, time.perf_counter() - clock


def _bvh_files(data_folder: Path, name: str) -> list[Path]:
    if name not in source_names(data_folder) or load_source(data_folder, name).kind != "bvh":
        return []
    paths = [path for _, path in KINDS["bvh"].files(load_source(data_folder, name)) if path.suffix == ".bvh"]
    return paths[:: max(1, len(paths) // BVH_FILES)]


def _made_files(folder: Path) -> list[Path]:
    skeleton, random = load_skeleton("smpl22"), np.random.default_rng(0)
    paths = [folder / f"{index}.bvh" for index in range(BVH_FILES // 10)]
    for path in paths:
        joints_TJ3 = moving_clip(skeleton, BVH_FRAMES, random)
        write_bvh(path, joints_TJ3, skeleton, skeleton.frames_per_second)
    return paths


def measure_procedural(clips: int = PROCEDURAL_CLIPS) -> dict[str, float]:
    """Clips a second of one core: of the generator alone, and from nothing to features and tokens.

    The best of the repeats in processor seconds, so that other work on the machine does not count. Tokens are
    those of an untrained VQ-VAE of the size of profile ``quick``, without their file.
    """
    skeleton, source = load_skeleton("smpl22"), Source(name="procedural", kind="procedural")
    tokenizer = VQVAE(skeleton.feature_count, QUICK_TOKENIZER).eval()
    spent = []
    for seed in range(PROCEDURAL_REPEATS):
        with tempfile.TemporaryDirectory() as folder, one_thread():
            times = [time.process_time()]
            frames = sum(len(clip.joints_TJ3) for clip in generate_clips(clips, seed, skeleton))
            times.append(time.process_time())
            ingest(source, skeleton, Path(folder) / "ingest", procedural=(clips, seed), workers=1)
            times.append(time.process_time())
            extract_features(Path(folder) / "ingest", Path(folder) / "features")
            times.append(time.process_time())
            tables = feature_tables(Path(folder) / "features" / FEATURES_FILE, skeleton)
            for table in tables:
                views = read_feature_column(table["features"], skeleton.feature_count)
                encode_clips(tokenizer, [features_TD.copy() for features_TD in views])
            times.append(time.process_time())
        spent.append(np.diff(times))
    generated, ingested, extracted, encoded = np.min(spent, axis=0)
    return {
        "clips": clips,
        "frames_a_clip": frames / clips,
        "generated_per_second": clips / generated,
        "generated_over_clip_by_clip": clips / generated / CLIPS_PER_SECOND_BEFORE,
        "ingested_per_second": clips / ingested,
        "to_features_per_second": clips / (ingested + extracted),
        "to_tokens_per_second": clips / (ingested + extracted + encoded),
        "core_hours_a_million_to_tokens": 1e6 * (ingested + extracted + encoded) / clips / 3600,
    }


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
    return peak_mebibytes(torch.device("cpu"))


def measure(data_folder: Path, name: str = "bandai-namco", skeleton: str = "smpl22") -> dict[str, Any] | None:
    """Time both stages into a temporary folder.

    Args:
        data_folder: the project's data folder.
        name: a registered data set.
        skeleton: smpl22 or kit21.

    Returns:
        Seconds, clips a second, feature frames a second, the number of cores, megabytes of the source's
        motions and of the Parquet files, and the ratio of clips to motions; None when the data set is not
        registered.
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
        clips, features = (
            (Path(folder) / stage / file).stat().st_size / MEGABYTE
            for stage, file in (("ingest", CLIPS_FILE), ("features", FEATURES_FILE))
        )
    motions = sum(
        path.stat().st_size for role, path in KINDS[source.kind].files(source) if role.startswith("motions/")
    )
    sizes = {
        "motion_megabytes": motions / MEGABYTE,
        "clips_over_motions": clips * MEGABYTE / max(motions, 1),
    }
    return {
        "data": name,
        "skeleton": skeleton,
        "cores": available_cores(),
        "clips": extracted.clips,
        "feature_frames": extracted.frames,
        "rejected": ingested.rejected.clips + extracted.rejected.clips,
        "ingest_seconds": loaded - started,
        "features_seconds": ended - loaded,
        "seconds": ended - started,
        "clips_per_second": extracted.clips / (ended - started),
        "frames_per_second": extracted.frames / (ended - started),
        "clips_megabytes": clips,
        "features_megabytes": features,
        **(sizes if motions else {}),
    }


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_folder", type=Path)
    parser.add_argument("name", nargs="?", default="bandai-namco")
    parser.add_argument("--skeleton", default="smpl22")
    parser.add_argument("--bvh", action="store_true", help="read BVH files on one core instead")
    parser.add_argument("--procedural", action="store_true", help="make procedural clips on one core instead")
    parser.add_argument("--memory", type=int, nargs="+", help="numbers of procedural clips to compare")
    parser.add_argument("--clips", type=int, help="run one stage, `name`, on so many clips; print its peak")
    options = parser.parse_args()
    if options.clips:
        print(_run_stage(options.name, options.clips, options.data_folder))
        return
    if options.bvh:
        print(json.dumps(measure_bvh(options.data_folder, options.name), indent=2))
        return
    if options.procedural:
        print(json.dumps(measure_procedural(), indent=2))
        return
    if options.memory:
        print(json.dumps(measure_memory(options.memory), indent=2))
        return
    print(json.dumps(measure(options.data_folder, options.name, options.skeleton), indent=2))


if __name__ == "__main__":
    main()
