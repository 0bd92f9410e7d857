"""NumPy's linear algebra takes one thread in every process of the project, unless its user says otherwise."""

import os
import subprocess
import sys

import pytest

from lamp_core.numpy_threads import VARIABLE
from tests.toy import REPOSITORY

TELL = """import {module}, numpy, threadpoolctl
print([pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"])"""


def threads(module: str, **environment: str) -> str:
    """What a new process says after it has imported a module."""
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
    told = subprocess.run(
        [sys.executable, "-c", TELL.format(module=module)],
        cwd=REPOSITORY,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


@pytest.mark.parametrize("module", ["flows.cli", "tasks.stages.features", "tests.toy"])
def test_one_thread_before_numpy_is_imported(module: str) -> None:
    assert threads(module) == "[1]"


def test_a_number_of_the_environment_stays() -> None:
    assert threads("tasks", **{VARIABLE: "2"}) == f"[{min(2, os.cpu_count() or 1)}]"
