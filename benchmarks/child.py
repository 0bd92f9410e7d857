"""Measurements in a process of their own, and the most memory that one took."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

REPOSITORY = Path(__file__).parent.parent
STATUS = Path("/proc/self/status")


def in_child(module: str, *arguments: str) -> dict[str, Any]:
    """What a module of the benchmarks prints as JSON in a new process."""
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=REPOSITORY)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def peak_mebibytes(device: torch.device) -> float:
    """The most memory of this process: of the card where it computes on one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if (
        STATUS.is_file()
    ):  # of this program alone: what getrusage tells begins with the process that started it
        told = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(told["VmHWM"].split()[0]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
