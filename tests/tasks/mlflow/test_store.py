"""MLflow is imported by one thread at a time, wherever its threads enter."""

import subprocess
import sys

from tests.toy import REPOSITORY

# The finder makes each import of MLflow last, and lets the second thread begin in the middle of the first.
TWO_THREADS = """\
import sys, threading, time
from tasks.mlflow.store import patiently
from tasks.mlflow.system_metrics import Sampler

begun, failed = threading.Event(), []

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("mlflow."):
            begun.set()
            time.sleep(0.003)

def note(call):
    try:
        call()
    except BaseException as error:
        failed.append(repr(error))

def write():
    from mlflow import MlflowClient

sys.meta_path.insert(0, Slow())
samples = threading.Thread(target=note, args=(Sampler().sample,))
samples.start()
begun.wait()
note(lambda: patiently(write))
samples.join()
sys.exit("; ".join(failed) or 0)
"""


def test_threads_that_need_mlflow_at_once_both_get_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_THREADS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
