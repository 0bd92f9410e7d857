"""What a stage costs its machine: processor, memory, disk, network and cards, sampled while the stage runs.

MLflow's own collectors measure, under the names that its page shows as *System metrics*. Its monitor asks the
store for the run before every sample, and so stands still in an outage; here the numbers go the way of all
others of the stage, in its batches, and a stage of a second has a sample too.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.mlflow.store import load_mlflow

SECONDS_BETWEEN_SAMPLES = 10.0
SECONDS_OF_FIRST_SAMPLE = 1.0
PREFIX = "system/"
MEGABYTE = 1e6

Log = Callable[[int, Mapping[str, float]], None]


@contextmanager
def sampled(log: Log, note: Path) -> Iterator[None]:
    """Log samples from a thread until the block ends: soon, every ten seconds, and at the end.

    Args:
        log: takes a step, which is seconds since the start, and its numbers.
        note: file that survives a kill: a resumed stage counts its seconds from the first start.
    """
    over, started = threading.Event(), _first_start(note)
    thread = threading.Thread(target=_sample, args=(log, started, over), name="system-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _sample(log: Log, started: float, over: threading.Event) -> None:
    import psutil

    collectors, process = _collectors(), psutil.Process()
    psutil.cpu_percent(), process.cpu_percent()  # the first call only sets psutil's clock
    step, seconds, is_over = -1, SECONDS_OF_FIRST_SAMPLE, False
    while not is_over:
        is_over = over.wait(seconds)
        step, seconds = max(step + 1, int(time.time() - started)), SECONDS_BETWEEN_SAMPLES
        values = {
            "process_cpu_percentage": process.cpu_percent(),
            "process_memory_usage_megabytes": process.memory_info().rss / MEGABYTE,
        }
        for collector in collectors:
            collector.collect_metrics()
            values |= collector.aggregate_metrics()
            collector.clear_metrics()
        log(step, {f"{PREFIX}{name}": value for name, value in values.items()})


def _collectors() -> list[Any]:
    """MLflow's, those of cards where the driver answers."""
    load_mlflow()
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    found = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(ImportError, RuntimeError):
        found.append(GPUMonitor())
    return found


def _first_start(file: Path) -> float:
    """When the stage was started first, noted in a file beside its checkpoints."""
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        started = time.time()
        with suppress(OSError):  # a full disk is told of by whoever has more to write
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(repr(started))
        return started
