"""What a stage costs its machine: processor, memory, disk, network and cards, sampled while the stage runs.

MLflow's own collectors measure, under the names that its page shows as *System metrics*. Its monitor asks the
store for the run before every sample, and so stands still in an outage; here the numbers go the way of all
others of the stage, in its batches, and a stage of a second has a sample too.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.mlflow.store import load_mlflow

SECONDS_BETWEEN_SAMPLES = 10.0
SECONDS_OF_FIRST_SAMPLE = 1.0
PREFIX = "system/"
MEGABYTE = 1e6

Log = Callable[[int, Mapping[str, float]], None]


class Sampler:
    """Samples this machine, from now on, and a process of it, as soon as that is known."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._process: psutil.Process | None = None
        self._since, self._step = time.time(), -1
        psutil.cpu_percent()  # the first call only sets the clock

    def watch(self, pid: int, since: float) -> None:
        """Sample a process, too.

        Args:
            pid: of the process, which may be gone.
            since: when the stage began first, seconds since the epoch; a sample's step is the seconds since.
        """
        self._since, self._process = since, None
        with suppress(self._psutil.NoSuchProcess):
            self._process = self._psutil.Process(pid)
            self._process.cpu_percent()

    def sample(self) -> tuple[int, dict[str, float]]:
        """Return a step, larger than any before, and its numbers; without those of a process that is gone."""
        self._step = max(self._step + 1, int(time.time() - self._since))
        values: dict[str, float] = {}
        with suppress(self._psutil.NoSuchProcess):
            if self._process is not None:
                values["process_cpu_percentage"] = self._process.cpu_percent()
                values["process_memory_usage_megabytes"] = self._process.memory_info().rss / MEGABYTE
        for collector in self._collectors:
            collector.collect_metrics()
            values |= collector.aggregate_metrics()
            collector.clear_metrics()
        return self._step, {f"{PREFIX}{name}": value for name, value in values.items()}

    @cached_property
    def _collectors(self) -> list[Any]:
        """MLflow's, those of cards where the driver answers."""
        load_mlflow()
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
        from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

        found = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        with suppress(Exception):  # whatever a driver fails with: the rest of the machine is sampled
            found.append(GPUMonitor())
        return found


@contextmanager
def sampled(log: Log, pid: int, since: float) -> Iterator[None]:
    """Log samples from a thread until the block ends: soon, every ten seconds, and at the end."""
    over = threading.Event()
    thread = threading.Thread(target=_log_samples, args=(log, pid, since, over), name="system-metrics")
    thread.daemon = True
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _log_samples(log: Log, pid: int, since: float, over: threading.Event) -> None:
    sampler, seconds, is_over = Sampler(), SECONDS_OF_FIRST_SAMPLE, False
    sampler.watch(pid, since)
    while not is_over:
        is_over = over.wait(seconds)
        seconds = SECONDS_BETWEEN_SAMPLES
        log(*sampler.sample())


def first_start(note: Path) -> float:
    """When a stage was started first, noted in a file that survives a kill; now, where there is none."""
    try:
        return float(note.read_text())
    except (OSError, ValueError):
        started = time.time()
        with suppress(OSError):  # a full disk is told of by whoever has more to write
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(repr(started))
        return started
