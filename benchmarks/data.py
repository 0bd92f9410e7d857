"""How long `ingest` and `features` take on a registered data set.

python -m benchmarks.data data bandai-namco
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from lamp_core.datasets.extraction import extract_features
from lamp_core.datasets.ingest import available_cores, ingest
from lamp_core.datasets.registry import load_source, source_names
from lamp_core.skeleton.skeleton import load_skeleton


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
    options = parser.parse_args()
    print(json.dumps(measure(options.data_folder, options.name, options.skeleton), indent=2))


if __name__ == "__main__":
    main()
