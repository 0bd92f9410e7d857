"""What a stage costs its machine: processor, memory and graphics cards, sampled while the stage runs.

The names are those of MLflow's own monitor, so that its page shows them under *System metrics*. That monitor
asks the store for the run before every sample, writes by a connection of its own, and has nothing to say of a
stage of less than ten seconds; here the numbers go the way of all others of the stage, in its batches.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS_BETWEEN_SAMPLES = 10.0
SECONDS_OF_FIRST_SAMPLE = 1.0
PREFIX = "system/"
MEGABYTE = 1e6
CARD_FIELDS = ("index", "utilization.gpu", "memory.used", "memory.total", "power.draw")
CARD_PATIENCE_SECONDS = 5.0
MEBIBYTES_TO_MEGABYTES = 1.048576

Log = Callable[[int, Mapping[str, float]], None]


@contextmanager
def sampled(log: Log, note: Path) -> Iterator[None]:
    """Log samples of this machine from a thread until the block ends; the step is seconds since the start.

    Args:
        log: takes a step and its numbers.
        note: file that survives a kill: a resumed stage counts its seconds from the first start.
    """
    sampler = Sampler(log, _first_start(note))
    sampler.start()
    try:
        yield
    finally:
        sampler.end()


class Sampler:
    """A thread that samples every ten seconds, soon after its start, and once more at its end.

    Args:
        log: takes a step and its numbers.
        started: seconds since the epoch at step 0.
    """

    def __init__(self, log: Log, started: float) -> None:
        import psutil

        self._log, self._started = log, started
        self._process = psutil.Process()
        self._has_cards = shutil.which("nvidia-smi") is not None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_over, name="system-metrics", daemon=True)
        self._last_step = -1

    def start(self) -> None:
        """Begin."""
        self._processor_shares()  # the first call only sets psutil's clock
        self._thread.start()

    def end(self) -> None:
        """Log the last sample and end the thread."""
        self._over.set()
        self._thread.join()

    def _sample_until_over(self) -> None:
        seconds = SECONDS_OF_FIRST_SAMPLE
        while not self._over.wait(seconds):
            self._sample()
            seconds = SECONDS_BETWEEN_SAMPLES
        self._sample()

    def _sample(self) -> None:
        step = max(self._last_step + 1, int(time.time() - self._started))
        self._last_step = step
        values = {**self._processor_shares(), **self._memory(), **self._cards()}
        self._log(step, {f"{PREFIX}{name}": value for name, value in values.items()})

    def _processor_shares(self) -> dict[str, float]:
        """Of the machine in per cent of all its cores, of this process in per cent of one."""
        import psutil

        return {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "process_cpu_percentage": self._process.cpu_percent(),
        }

    def _memory(self) -> dict[str, float]:
        import psutil

        memory = psutil.virtual_memory()
        return {
            "system_memory_usage_megabytes": memory.used / MEGABYTE,
            "system_memory_usage_percentage": 100 * memory.used / memory.total,
            "process_memory_usage_megabytes": self._process.memory_info().rss / MEGABYTE,
        }

    def _cards(self) -> dict[str, float]:
        """Of the cards that this process may see; nothing once the driver's tool has failed."""
        if not self._has_cards:
            return {}
        chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        command = ["nvidia-smi", f"--query-gpu={','.join(CARD_FIELDS)}", "--format=csv,noheader,nounits"]
        command += [f"--id={chosen}"] if chosen else []
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=CARD_PATIENCE_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):
            self._has_cards = False
            return {}
        return card_metrics(ended.stdout)


def card_metrics(listed: str) -> dict[str, float]:
    """Read what ``nvidia-smi`` lists, a card a line; fields that a card does not have are left out."""
    metrics: dict[str, float] = {}
    for line in listed.splitlines():
        index, *fields = (field.strip() for field in line.split(","))
        if len(fields) != len(CARD_FIELDS) - 1:
            continue
        busy, used, total, power = map(_number, fields)
        found = {
            "utilization_percentage": busy,
            "memory_usage_megabytes": used * MEBIBYTES_TO_MEGABYTES if used is not None else None,
            "memory_usage_percentage": 100 * used / total if used is not None and total else None,
            "power_usage_watts": power,
        }
        metrics |= {f"gpu_{index}_{name}": value for name, value in found.items() if value is not None}
    return metrics


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None  # "[N/A]"


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
