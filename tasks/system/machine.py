"""One line about the code and one about the machine, for reports and benchmarks."""

import platform
from pathlib import Path

import torch

from tasks.mlflow import tags
from tasks.project import find_project
from tasks.system.resources import cores, device_name


def commit_label() -> str:
    """Short git commit, with ``(modified)`` when the tree was dirty."""
    return tags.commit_label(find_project())


def machine_label() -> str:
    """Processor, cores, device and library versions."""
    device = device_name()
    card = f", {torch.cuda.get_device_name(device)}" if device.startswith("cuda") else ""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{_processor()}, {cores()} cores{card}, {versions}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
